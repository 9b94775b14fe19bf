#pragma once

#include <string>

#include <wq/queue.h>
#include <wq/redis_options.h>

namespace wq::internal {

// Facts of a queue that a worker only logs. Neither function throws if Redis refuses.

/// Warns if dead letters remain: how many, of which kinds of failure, and what to do. A
/// drained queue may hold dead letters, so drained is not yet success.
void log_dead(const std::string& queue, const RedisOptions& redis, const Counts& counts);

/// The same for all queues of a group together.
void log_dead_of_group(const std::string& pattern, const Counts& counts);

/// For a queue that has not begun: " (there are a, b)", those first whose names are like it; empty
/// if the user may not list queues.
[[nodiscard]] std::string other_queues(const std::string& queue, RedisOptions redis) noexcept;

}  // namespace wq::internal
