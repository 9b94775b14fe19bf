#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include <wq/clock.h>
#include <wq/reclaimer.h>

#include "base/chunk_size.h"
#include "base/keys.h"
#include "queue/operations.h"
#include "queue/torn_aof.h"
#include "redis/reconnecting_connection.h"

namespace wq::internal {

/// One look at everything a queue holds, and what is remembered from one look to the next. What it
/// remembers is dropped when the connection was replaced: how long something has stood idle is
/// counted on our own clock, and over one connection only, so that an outage of Redis is not
/// taken for the death of a worker. Not thread-safe.
class ReclaimPass {
 public:
  ReclaimPass(std::string queue, RedisOptions redis, ReclaimerOptions options,
              std::stop_token stop);

  /// See `Reclaimer::pass`.
  ReclaimReport run(TimePoint now);

  /// How long workers are left to renew their leases after we have connected.
  [[nodiscard]] std::chrono::milliseconds courtesy() const noexcept;
  /// True if something was seen that may have to be handed back in a later pass.
  [[nodiscard]] bool pending() const noexcept;

  [[nodiscard]] ReconnectingConnection& link() noexcept { return link_; }

 private:
  // An item in processing that has no lease.
  struct Unleased {
    TimePoint first_seen;
    int passes = 0;
    std::uint64_t last_pass = 0;
  };
  struct Hold {
    std::string expiry{};                               // as Redis writes it
    TimePoint last_sign{};                              // when this expiry was seen first
    std::optional<std::chrono::milliseconds> length{};  // read once it has expired
    bool expired = false;
    bool still_there = false;
  };

  ReclaimReport look(Connection& redis, TimePoint now);
  void notice_connection(Connection& redis, TimePoint now);
  std::chrono::milliseconds read_lease(Connection& redis) const;
  void promote(Connection& redis, ReclaimReport& report);
  void scan_processing(Connection& redis, TimePoint now, ReclaimReport& report);
  void look_at(Connection& redis, const std::vector<std::string>& items, TimePoint now,
               ReclaimReport& report);
  void reclaim(Connection& redis, const std::vector<std::string>& items, TimePoint now,
               ReclaimReport& report);
  void count_foreign(Connection& redis, std::uint64_t fresh, ReclaimReport& report);
  bool is_stranded(std::uint64_t hash, std::chrono::milliseconds grace, TimePoint now);
  void requeue(Connection& redis, const std::vector<std::string>& items, ReclaimReport& report);
  void sweep_producers(Connection& redis, TimePoint now, ReclaimReport& report);
  std::chrono::milliseconds length_of_hold(Connection& redis, const std::string& session) const;
  void watch_holds(Connection& redis, const Value& holds, bool expired, TimePoint now);
  void sweep_workers(Connection& redis, std::int64_t server_ms);

  const Keys keys_;
  const ReclaimerOptions options_;
  AofMender mender_;
  ReconnectingConnection link_;

  std::uint64_t generation_ = 0;  // of the link, when the following began
  TimePoint connected_at_;
  std::uint64_t passes_ = 0;
  bool overdue_ = false;  // a lease ran out, and it is too early to take it
  std::unordered_map<std::uint64_t, Unleased> unleased_;  // by the first 64 bits of the hash
  ChunkSize chunk_;
  bool reading_ = false;                      // a chunk was asked for and did not come yet
  std::chrono::milliseconds queue_lease_{0};  // what the workers of the queue have
  std::map<std::string, Hold> holds_;         // by session
  std::set<std::string> foreign_;             // hashes whose foreign lease was counted
  std::vector<std::string> holds_to_drop_;    // session, expiry, ...
  std::int64_t workers_swept_ms_ = 0;         // by the server's clock
};

}  // namespace wq::internal
