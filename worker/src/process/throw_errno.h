#pragma once

#include <cerrno>
#include <system_error>

#include "base/start_thread.h"

namespace wq::internal {

/// Throws std::system_error of errno; `what` could not be done.
[[noreturn]] inline void throw_errno(const char* what) {
  throw no_room(what, {errno, std::generic_category()});
}

}  // namespace wq::internal
