#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <wq/queue.h>

#include "base/keys.h"
#include "redis/reconnecting_connection.h"

namespace wq::internal {

/// The stages before a queue (`Counts::after`), the stages before those, and so on: whether all of
/// them are drained. Each stage is read after those before it. So if all were drained when they
/// were read, they are drained now: only an earlier stage, a producer or an operator can change
/// that. Not thread-safe.
class Stages {
 public:
  /// `link` must outlive it. `wait_for_dead`: a stage with dead letters is not drained.
  explicit Stages(ReconnectingConnection& link, bool wait_for_dead = false)
      : link_(link), wait_for_dead_(wait_for_dead) {}

  /// Whether all stages before the queue are drained. The answer to the other functions is that of
  /// the last look. Throws `ProtocolError` if the stages are a cycle.
  bool are_drained_before(const std::string& queue, const Counts& counts);

  /// The first stage found that is not drained; empty: there is none.
  [[nodiscard]] const std::string& open_stage() const noexcept { return open_stage_; }
  /// Its counts.
  [[nodiscard]] const Counts& open_counts() const noexcept { return open_counts_; }
  /// The dead letters of the stages that are drained.
  [[nodiscard]] std::uint64_t dead() const noexcept { return dead_; }

 private:
  bool is_drained(const EarlierStage& stage);

  ReconnectingConnection& link_;
  const bool wait_for_dead_;
  std::vector<std::string> path_;     // from the queue to the stage that is looked at
  std::vector<std::string> drained_;  // those that are looked at need not be again
  std::string open_stage_;
  Counts open_counts_;
  std::uint64_t dead_ = 0;
};

/// Throws `std::invalid_argument` if `queue` is among the stages before `earlier`, or is `earlier`.
void check_order_of_stages(ReconnectingConnection& link, const std::string& queue,
                           const std::string& earlier);

/// Records in Redis that `earlier` comes before the queue, with the id that it has now, if it has
/// begun. Safe to repeat.
void record_stage(ReconnectingConnection& link, const Keys& keys, const std::string& earlier);

}  // namespace wq::internal
