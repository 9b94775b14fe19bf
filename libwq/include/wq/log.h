#pragma once

#include <functional>
#include <string_view>

namespace wq {

enum class LogLevel { debug, info, warning, error };

/// Where the library says what happens, one line an event, without a line end. May be empty. Called
/// from several threads at once; must not throw.
using Log = std::function<void(LogLevel, std::string_view)>;

}  // namespace wq
