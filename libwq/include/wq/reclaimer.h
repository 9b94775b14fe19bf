#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include <wq/clock.h>
#include <wq/export.h>
#include <wq/redis_options.h>

namespace wq {

namespace internal {
class ReclaimPass;
}

struct ReclaimerOptions {
  /// The lease of the workers; a third of it is how often they renew, and how long a reclaimer that
  /// has just connected leaves them to do so before it takes anything for lost. Nothing: as the
  /// queue's workers have recorded, or 60 s.
  std::optional<std::chrono::milliseconds> lease{};
  /// Crashes until an item is dead. Nothing: as the workers have recorded, or 3. An item's last
  /// crash is only that of a lease whose holder held nothing else (`Queue::isolate`).
  std::optional<std::uint32_t> max_crashes{};
};

/// The work done by a reclaimer.
struct WQ_API ReclaimReport {
  std::uint64_t reclaimed = 0;  ///< expired leases: returned to the queue, charged a crash
  std::uint64_t died = 0;       ///< the same with no crash left: dead letters now
  std::uint64_t returned = 0;   ///< unleased items: returned to the queue, uncharged
  std::uint64_t promoted = 0;   ///< delayed items that were due
  std::uint64_t holds = 0;      ///< holds of producers without a heartbeat
  std::uint64_t foreign = 0;    ///< leases of RedisWQ clients seen for the first time

  [[nodiscard]] bool did_something() const noexcept {
    return reclaimed + died + returned + promoted + holds > 0;
  }
  ReclaimReport& operator+=(const ReclaimReport& other) noexcept;
};

/// Returns the items of dead workers to the queue and ends the holds of dead producers, in passes.
/// Any number of reclaimers may run, even with stale lists; more than one only duplicates work.
/// Workers elect one of themselves, so use this for `wqctl gc` and for queues whose workers are
/// RedisWQ clients.
///
/// Not thread-safe.
class WQ_API Reclaimer {
 public:
  /// Does not connect. Throws `std::invalid_argument` for a bad name or URL.
  Reclaimer(std::string queue, RedisOptions redis, ReclaimerOptions options = {},
            std::stop_token stop = {});
  ~Reclaimer();
  Reclaimer(const Reclaimer&) = delete;
  Reclaimer& operator=(const Reclaimer&) = delete;

  /// Looks at everything once. An unleased item is returned in the third consecutive pass that
  /// finds it unleased, at least 5 s after the first; `now` is the time by which this is counted.
  /// Waits for an unreachable Redis; throws `ConnectionError` past the patience or once stopped.
  ReclaimReport pass(TimePoint now = BootClock::now());

  /// Runs passes until everything that was due at the call is returned: as long as the waiting
  /// periods take. Ends early, with what was done, when stopped.
  ReclaimReport run();

 private:
  std::unique_ptr<internal::ReclaimPass> pass_;
  std::stop_token stop_;
};

}  // namespace wq
