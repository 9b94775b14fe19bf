#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <wq/lease.h>

#include "process/child_process.h"

namespace wq::internal {

/// True if it is the program that cannot be executed, now or later; false if only the system has
/// no room just now, or the program is being written.
[[nodiscard]] bool is_programs_fault(int error);

/// Why none of `paths` could be executed, from an `errno` value.
[[nodiscard]] std::string exec_error_text(int error, const std::vector<std::string>& paths);

/// How a child that was executed ended, as the failure of what it worked on. Takes the ends of its
/// stdout and stderr from `result`.
[[nodiscard]] Failure failure_of(ChildResult& result, std::uint64_t memory_limit_bytes);

/// Whether what worked on an item died of it, rather than ended by itself.
[[nodiscard]] bool is_crash(const Failure& failure);

/// The peak memory of a child, if it is known: the kernel counts from before the program was
/// executed, when the child shared the memory of the worker, so a value that does not exceed that
/// of the worker says nothing about the child.
[[nodiscard]] std::optional<std::uint64_t> known_rss(std::uint64_t max_rss_bytes);

}  // namespace wq::internal
