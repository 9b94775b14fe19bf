#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <vector>

#include <wq/worker.h>

#include "queue/torn_aof.h"
#include "redis/reconnecting_connection.h"
#include "worker/queue_source.h"

namespace wq::internal {

/// Renews the leases of a worker and sends its heartbeats, over a dedicated connection. Of the
/// keeper's thread, but for `reconnects`.
class Keeper {
 public:
  using Sources = std::vector<std::unique_ptr<QueueSource>>;

  /// `sources` are made later than this, with `link`, and must not change while it runs.
  Keeper(const RedisOptions& redis, const WorkerOptions& options, const std::stop_token& abandon,
         const Sources& sources);

  [[nodiscard]] ReconnectingConnection& link() noexcept { return link_; }
  [[nodiscard]] std::uint64_t reconnects() const noexcept { return link_.reconnects(); }

  /// Keeps everything until `stop`, also while Redis is unreachable. Throws `ReplyError` if Redis
  /// refuses, `ProtocolError` if a queue is not the one it was.
  void run(const std::stop_token& stop);

  /// Removes the heartbeats, see `Heartbeat::leave`.
  void leave(bool drained);

 private:
  void keep(TimePoint now);

  const WorkerOptions& options_;
  const Sources& sources_;
  AofMender mender_;
  ReconnectingConnection link_;
  TimePoint next_beat_{};
  TimePoint next_counts_{};
};

}  // namespace wq::internal
