#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <wq/export.h>
#include <wq/queue.h>
#include <wq/redis_options.h>

namespace wq {

/// One of the queues that a Redis holds.
struct ListedQueue {
  std::string name{};
  /// Nothing if Redis refuses them; then `refusal` is its error: the user may not read the keys of
  /// this queue, or a key of another type is in the way.
  std::optional<Counts> counts{};
  std::string refusal{};
};

/// The criteria of `list_queues`.
struct QueueSearch {
  /// A glob as Redis's KEYS has them, for the name of the queue.
  std::string pattern = "*";
  /// No step begins later than this after the first one; zero: it takes what it takes.
  std::chrono::milliseconds longest{0};
};

struct QueueList {
  std::vector<ListedQueue> queues{};  ///< by name
  bool complete = true;               ///< false: `longest` was over before all keys were looked at
};

/// The queues in the database of the URL that have begun, a drained one too until it is purged. In
/// a Redis Cluster: those of all nodes, which needs the right to CLUSTER SLOTS; a queue that moves
/// from one node to another meanwhile may be missed.
///
/// Redis keeps no list of queues: this looks at the names of all keys, 1,000 in a step (SCAN), so a
/// step takes Redis well below a millisecond, and a million keys take about a second. What is there
/// all the time is found; a queue that begins or is purged meanwhile may be.
///
/// A user sees the names of all queues, whatever keys it may read, but needs the right to SCAN:
/// without it `RefusedError`. What `Queue` says of patience and other exceptions holds here too.
[[nodiscard]] WQ_API QueueList list_queues(const RedisOptions& redis,
                                           const QueueSearch& search = {},
                                           std::stop_token stop = {});

}  // namespace wq
