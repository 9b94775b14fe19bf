#pragma once

#include <cerrno>
#include <system_error>

namespace wq::internal {

/// Throws std::system_error of errno; `what` could not be done.
[[noreturn]] inline void throw_errno(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace wq::internal
