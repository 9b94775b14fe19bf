#pragma once

#include <vector>

#include <sys/types.h>

namespace wq::internal {

/// The children of a process, those of all its threads; those that have ended and were not
/// collected too. What it has adopted belongs to its main thread, but that is the kernel's own
/// affair. Those that come or go meanwhile may be missing. Empty for a process that is gone.
[[nodiscard]] std::vector<pid_t> children_of(pid_t pid);

}  // namespace wq::internal
