#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <wq/queue.h>

#include "base/keys.h"
#include "redis/reconnecting_connection.h"

namespace wq::internal {

/// A queue and the stages before it (`Counts::after`), the stages before those, and so on, read in
/// one atomic step. If none of them has work at one moment, no work can come to any of them: only a
/// producer or an operator brings more. Two queues may be before each other. Not thread-safe.
class Stages {
 public:
  /// `link` must outlive it. `wait_for_dead`: a stage with dead letters is not drained.
  explicit Stages(ReconnectingConnection& link, bool wait_for_dead = false)
      : link_(link), wait_for_dead_(wait_for_dead) {}

  /// Whether the stages before the queue are drained, and the counts of the queue at that time. The
  /// answers of the other functions are those of the last look.
  struct Look {
    bool drained = false;
    Counts counts{};
  };
  Look look(const Keys& queue);

  /// The first stage found that is not drained; empty: there is none.
  [[nodiscard]] const std::string& open_stage() const noexcept { return open_stage_; }
  /// Its counts.
  [[nodiscard]] const Counts& open_counts() const noexcept { return open_counts_; }
  /// The dead letters of all stages before it.
  [[nodiscard]] std::uint64_t dead() const noexcept { return dead_; }

 private:
  ReconnectingConnection& link_;
  const bool wait_for_dead_;
  std::string open_stage_;
  Counts open_counts_;
  std::uint64_t dead_ = 0;
};

/// Throws `std::invalid_argument` if `queue` is among the stages before `earlier`, or is `earlier`.
void check_order_of_stages(ReconnectingConnection& link, const Keys& queue,
                           const std::string& earlier);

/// Records in Redis that `earlier` comes before the queue, with the id that it has now, if it has
/// begun. Safe to repeat.
void record_stage(ReconnectingConnection& link, const Keys& queue, const Keys& earlier);

}  // namespace wq::internal
