#pragma once

#include <vector>

#include <sys/types.h>

namespace wq::internal {

/// The children of all threads of a process, including adopted ones and those that have ended and
/// were not collected. Children that come or go meanwhile may be missing. Empty for a process that
/// is gone.
[[nodiscard]] std::vector<pid_t> children_of(pid_t pid);

}  // namespace wq::internal
