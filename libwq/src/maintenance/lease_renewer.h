#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include <wq/clock.h>
#include <wq/lease.h>

#include "base/keys.h"
#include "queue/operations.h"
#include "redis/reconnecting_connection.h"

namespace wq::internal {

/// How a renewer talks to the same Redis: a connection that says nothing is given up after a
/// quarter of a lease. A lease is renewed when a third of it has passed, so that a second
/// connection still comes in time. No less than 100 ms, which a healthy Redis may well take: leases
/// so short that this is more than a quarter of them do not outlive a silent connection.
[[nodiscard]] RedisOptions for_keeper(RedisOptions redis, std::chrono::milliseconds lease);

/// Knows every lease this worker holds, renews each when a third of it has passed, and reports lost
/// leases: refused by Redis, or expired by the local clock because no renewal got through.
///
/// A renewal may cross a settlement of the same lease: it never sets a lease, so it cannot undo the
/// settlement, and its answer is ignored once the lease is removed here.
///
/// `renew` and `send_checkpoints` are called by one thread; the rest is thread-safe.
class LeaseRenewer {
 public:
  /// Receives the fences of lost leases, which are removed before. Called in the thread of `renew`
  /// or `expire`, without a lock held.
  using OnLost = std::function<void(std::span<const std::uint64_t> fences)>;

  LeaseRenewer(ReconnectingConnection& link, const Keys& keys, std::string session,
               std::chrono::milliseconds ttl, OnLost on_lost);

  /// Keeps leases that were asked for at `asked_at`: each ends a ttl later unless it is renewed.
  void add(std::span<const Lease> leases, TimePoint asked_at);
  /// Before their settlement is sent. Those that were lost meanwhile are passed over. A settlement
  /// that completes nothing and has no checkpoint gets the last one that is not in Redis yet.
  void remove(std::span<Settlement> settlements);

  /// The next attempt at the item is to get this, unless this one completes it. Of several, the
  /// last is sent. No effect for a lost lease.
  void checkpoint(std::uint64_t fence, std::string text);

  /// Marks a lease as alone (`Lease::alone`) with `mark`, which tells Redis and returns whether
  /// this worker still has the lease. The lease is not renewed meanwhile, and the reply to a
  /// renewal without the mark is ignored. A lost lease is removed; returns false. An exception of
  /// `mark` propagates and removes the lease.
  bool isolate(std::uint64_t fence, const std::function<bool()>& mark);
  [[nodiscard]] std::size_t size() const;
  /// How long the lease that is held longest has been held; zero without leases.
  [[nodiscard]] std::chrono::milliseconds oldest(TimePoint now) const;

  /// How many leases were lengthened, each time it was.
  [[nodiscard]] std::uint64_t renewals() const noexcept { return renewals_; }

  /// The step of the renewer's thread: renews what is due. Throws `ConnectionError` or `ReplyError`
  /// after one try; the next call tries again.
  void renew(TimePoint now);
  /// The next step of the renewer's thread: sends the new checkpoints, which renews their leases
  /// too. Throws as `renew`.
  void send_checkpoints();
  /// The step of the watch: gives up leases that have ended. Does not talk to Redis.
  void expire(TimePoint now);

 private:
  struct Entry {
    ItemHash hash;
    TimePoint asked_at;  // for the lease or its last renewal
    TimePoint since;
    bool alone = false;
    std::uint64_t checkpoints = 0;            // how many there were
    std::optional<std::string> checkpoint{};  // the last one, if Redis may not have it
  };

  // Those that were last asked for by then.
  std::vector<Held> asked_until(TimePoint time) const;
  void note_sent(const Checkpoint& sent);
  [[nodiscard]] std::vector<Checkpoint> unsent_checkpoints() const;
  void confirm(std::span<const Held> renewed, TimePoint asked_at);
  void lose(std::span<const Held> lost);

  ReconnectingConnection& link_;
  const Keys& keys_;
  const std::string session_;
  const std::chrono::milliseconds ttl_;
  const OnLost on_lost_;

  std::atomic<std::uint64_t> renewals_{0};
  mutable std::mutex mutex_;
  std::unordered_map<std::uint64_t, Entry> entries_;  // by fence
};

}  // namespace wq::internal
