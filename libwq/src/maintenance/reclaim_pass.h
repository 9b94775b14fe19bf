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

/// One pass after another over a queue: puts the steps together, see `Pass`. Not thread-safe.
class QueuePass {
 public:
  QueuePass(std::string queue, ReclaimerOptions options);

  [[nodiscard]] const Keys& keys() const noexcept { return keys_; }

  /// `generation`: of the connection, which was made at `connected_at`. Throws what a connection
  /// throws.
  ReclaimReport run(Connection& redis, std::uint64_t generation, TimePoint connected_at,
                    TimePoint now);

  /// The time for workers to renew their leases after the reclaimer has connected.
  [[nodiscard]] std::chrono::milliseconds courtesy() const noexcept;
  /// True if a later pass may have to return something.
  [[nodiscard]] bool pending() const noexcept;
  /// See `SweepProducers`.
  [[nodiscard]] std::chrono::milliseconds until_holds_end(Connection& redis) const {
    return producers_.until_holds_end(redis, keys_);
  }

 private:
  void notice_connection(Connection& redis, std::uint64_t generation);

  const Keys keys_;
  const ReclaimerOptions options_;
  std::uint64_t generation_ = 0;                          // when the following began
  std::optional<std::chrono::milliseconds> queue_lease_;  // what the workers of the queue have
  ReclaimItems items_;
  SweepProducers producers_;
  SweepWorkers workers_;
};

/// The same with its own connection. Not thread-safe.
class ReclaimPass {
 public:
  ReclaimPass(std::string queue, RedisOptions redis, ReclaimerOptions options,
              std::stop_token stop);

  /// See `Reclaimer::pass`.
  ReclaimReport run(TimePoint now);

  /// As of `QueuePass`.
  [[nodiscard]] std::chrono::milliseconds courtesy() const noexcept { return pass_.courtesy(); }
  [[nodiscard]] bool pending() const noexcept { return pass_.pending(); }
  [[nodiscard]] std::chrono::milliseconds until_holds_end(Connection& redis) const {
    return pass_.until_holds_end(redis);
  }

  [[nodiscard]] ReconnectingConnection& link() noexcept { return link_; }

 private:
  QueuePass pass_;
  AofMender mender_;
  ReconnectingConnection link_;
  std::uint64_t generation_ = 0;  // of the link, when this connection was first used
  TimePoint connected_at_;
};

}  // namespace wq::internal
