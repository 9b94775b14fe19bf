#pragma once

#include <string_view>

#include <wq/log.h>

namespace wq::internal {

/// To a log that may be empty.
inline void say(const Log& log, LogLevel level, std::string_view message) {
  log ? log(level, message) : log_to_stderr(level, message);
}

}  // namespace wq::internal
