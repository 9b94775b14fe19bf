#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <wq/clock.h>
#include <wq/log.h>

#include "base/keys.h"
#include "redis/connection.h"

/// The registry names the queues of a database, so that workers of a group of queues find them
/// without a scan of all keys. Whoever begins a queue registers it before. So every queue that
/// exists is registered, and a registered queue may not exist (yet, or any more). A queue works
/// without it: a user without the right to the key, or a key of another application in its place.
/// There is none on a Redis Cluster, whose queues are on several nodes: nothing is written, removed
/// or found there.
namespace wq::internal {

// kRegistryKey, in base/keys.h: a sorted set of the names of queues, by the server's time in ms
// when each was registered last.

/// How old the registration of a queue that does not exist must be before a reader forgets it: long
/// enough for a producer to begin a queue behind its registration.
inline constexpr std::chrono::milliseconds kForgetAfter = std::chrono::minutes{10};
/// After this time whoever still may begin a queue registers it again. Well below `kForgetAfter`.
inline constexpr std::chrono::milliseconds kRegisterAgain = std::chrono::minutes{3};
static_assert(3 * kRegisterAgain < kForgetAfter);

/// Names per command: Redis serves other clients in between.
inline constexpr std::size_t kRegisteredAtOnce = 1'000;

/// Registers the queue, or raises the time of its registration. One round trip.
///
/// Best effort: an error of Redis that lasts (a missing right, a key of another type) is not
/// thrown. The log then has a warning that says what to do, and the answer is false: the caller
/// does not try again, so that there is one warning. On a cluster the answer is false. Also at
/// maxmemory; a Redis that still answers OOM counts as true. Throws `ConnectionError`, and
/// `ReplyError` for the other errors that pass.
bool register_queue(Connection& redis, const Keys& keys, const Log& log);

/// The registration of one queue by a process that may begin it. Not thread-safe.
class Registration {
 public:
  /// As `register_queue`, but does nothing after a refusal that lasts.
  void renew(Connection& redis, const Keys& keys, const Log& log);
  [[nodiscard]] bool is_due(TimePoint now) const noexcept {
    return !refused_ && (!at_ || now - *at_ >= kRegisterAgain);
  }

 private:
  std::optional<TimePoint> at_;  // when it was sent last
  bool refused_ = false;
};

struct Registered {
  std::string queue{};
  /// 0 or less for a score that wq did not write.
  std::int64_t registered_ms = 0;
};

struct RegistryLook {
  /// By name. A name that cannot be a queue's is left out.
  std::vector<Registered> queues{};
  /// The server's time before the look.
  std::int64_t server_ms = 0;
};

/// Reads all of it, a thousand names at a time, or what was registered at this time or later. A
/// queue that is registered during the whole look is in it. Throws `RefusedError` that says what to
/// do if Redis refuses it.
[[nodiscard]] RegistryLook read_registry(Connection& redis, std::int64_t since_ms = 0);

/// The registration of one queue. Nothing if there is none, or if Redis refuses to tell.
[[nodiscard]] std::optional<Registered> find_registered(Connection& redis, const Keys& keys);

/// Removes these names, a thousand at a time, but not those that were registered again since. For a
/// caller that has purged the queue, or found that the registration is older than `kForgetAfter`
/// and the queue had neither an `id` in its stats nor a producer *after* it read the registration.
/// A refusal of Redis is no error: a name too many costs its readers a look.
void forget_queues(Connection& redis, std::span<const Registered> gone);

}  // namespace wq::internal
