#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <set>
#include <stop_token>

#include <wq/worker.h>

#include "queue/torn_aof.h"
#include "redis/reconnecting_connection.h"
#include "worker/intake.h"
#include "worker/keeper_links.h"
#include "worker/sources.h"

namespace wq::internal {

/// Renews the leases of a worker and sends its heartbeats, over dedicated connections. Of the
/// keeper's thread, but for `reconnects`.
class Keeper {
 public:
  /// `sources` are made later than this, with `links`; so is the `intake`, before `run`.
  Keeper(const RedisOptions& redis, const WorkerOptions& options, const std::stop_token& abandon,
         Sources& sources, const std::unique_ptr<Intake>& intake);

  [[nodiscard]] KeeperLinks& links() noexcept { return links_; }
  [[nodiscard]] std::uint64_t reconnects() const noexcept { return links_.reconnects(); }

  /// Keeps everything until `stop`, also while Redis is unreachable. Throws `ReplyError` if Redis
  /// refuses, `ProtocolError` if a queue is not the one it was.
  void run(const std::stop_token& stop);

  /// Removes the heartbeats, see `Heartbeat::leave`.
  void leave(bool drained);

 private:
  void keep(TimePoint now);
  [[nodiscard]] bool all_links_broke() const;
  [[nodiscard]] std::chrono::milliseconds spread_of_try(std::uint64_t failures) const;
  void renew(TimePoint now);
  // One step for a source. What Redis refuses of one queue of a group does not end what is done for
  // the others, nor does a connection that breaks: its queues are left out until the next tick.
  template <typename Step>
  void bearing(QueueSource& source, Step step);

  const WorkerOptions& options_;
  Sources& sources_;
  const std::unique_ptr<Intake>& intake_;
  AofMender mender_;
  KeeperLinks links_;
  std::set<const ReconnectingConnection*> broken_;  // since the last tick began
  TimePoint next_beat_{};
  TimePoint next_counts_{};
};

}  // namespace wq::internal
