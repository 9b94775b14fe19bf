#pragma once

#include <cstdint>
#include <string>

#include <wq/queue.h>

#include "base/keys.h"
#include "redis/reconnecting_connection.h"

namespace wq::internal {

/// A queue and the stages before it (`Counts::after`), the stages before those, and so on, read in
/// one atomic step. If none of them has work at one moment, no work can come to any of them: only a
/// producer or an operator brings more. Two queues may be before each other.
struct StagesLook {
  QueueState state = QueueState::drained;
  Counts counts{};  ///< of the queue itself
  /// The stage that is waited for, one that has begun if there is one; empty: none.
  std::string waits_for{};
  Counts waits_for_counts{};
  std::uint64_t dead_before = 0;  ///< dead letters of all stages before the queue
};

/// `wait_for_dead`: a stage before the queue that has dead letters is open.
[[nodiscard]] StagesLook look_with_stages(ReconnectingConnection& link, const Keys& queue,
                                          bool wait_for_dead = false);

/// Throws `std::invalid_argument` if the queue is among the stages before `earlier`, or if a Redis
/// Cluster may have them on two nodes.
void check_order_of_stages(ReconnectingConnection& link, const Keys& queue, const Keys& earlier);

/// Throws `RefusedError` if a key of a queue that gets follow-ups has another type, and
/// `std::invalid_argument` if a Redis Cluster may have the two on two nodes.
void check_target(ReconnectingConnection& link, const Keys& queue, const Keys& target);

/// Records in Redis that `earlier` comes before the queue, with the id that it has now, if it has
/// begun. `anew`: without an id, what was known of it is forgotten. Safe to repeat.
void record_stage(ReconnectingConnection& link, const Keys& queue, const Keys& earlier, bool anew);

}  // namespace wq::internal
