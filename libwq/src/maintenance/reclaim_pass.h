#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>

#include <wq/clock.h>
#include <wq/reclaimer.h>

#include "base/keys.h"
#include "maintenance/pass.h"
#include "maintenance/reclaim_items.h"
#include "maintenance/sweep_producers.h"
#include "maintenance/sweep_workers.h"
#include "queue/torn_aof.h"
#include "redis/reconnecting_connection.h"

namespace wq::internal {

/// One pass after another over a queue, with its own connection: puts the steps together, see
/// `Pass`. Not thread-safe.
class ReclaimPass {
 public:
  ReclaimPass(std::string queue, RedisOptions redis, ReclaimerOptions options,
              std::stop_token stop);

  /// See `Reclaimer::pass`.
  ReclaimReport run(TimePoint now);

  /// The time for workers to renew their leases after the reclaimer has connected.
  [[nodiscard]] std::chrono::milliseconds courtesy() const noexcept;
  /// True if a later pass may have to return something.
  [[nodiscard]] bool pending() const noexcept;

  [[nodiscard]] ReconnectingConnection& link() noexcept { return link_; }

 private:
  ReclaimReport look(Connection& redis, TimePoint now);
  void notice_connection(Connection& redis, TimePoint now);

  const Keys keys_;
  const ReclaimerOptions options_;
  AofMender mender_;
  ReconnectingConnection link_;

  std::uint64_t generation_ = 0;  // of the link, when the following began
  TimePoint connected_at_;
  std::optional<std::chrono::milliseconds> queue_lease_;  // what the workers of the queue have
  ReclaimItems items_;
  SweepProducers producers_;
  SweepWorkers workers_;
};

}  // namespace wq::internal
