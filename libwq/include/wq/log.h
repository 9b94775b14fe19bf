#pragma once

#include <functional>
#include <string_view>

#include <wq/export.h>

namespace wq {

enum class LogLevel { debug, info, warning, error };

/// Where the library says what happens, one line an event, without a line end. Called from several
/// threads at once; must not throw. Empty: `log_to_stderr`. To hear nothing: `no_log`.
using Log = std::function<void(LogLevel, std::string_view)>;

/// One line on standard error, such as "wq: warning: ...". Says nothing of `LogLevel::debug`.
WQ_API void log_to_stderr(LogLevel level, std::string_view message);

/// Says nothing: `options.log = wq::no_log`.
inline void no_log(LogLevel /*level*/, std::string_view /*message*/) noexcept {}

}  // namespace wq
