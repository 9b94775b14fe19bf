#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <wq/export.h>
#include <wq/lease.h>
#include <wq/queue.h>
#include <wq/redis_options.h>

namespace wq {

namespace internal {
class AdminConnection;
}

/// A point in time by the server's clock.
using ServerTime = std::chrono::sys_time<std::chrono::milliseconds>;

/// The last heartbeat of a worker, sent every two seconds. Any client can write such entries:
/// missing or invalid fields are zero or empty.
struct WorkerInfo {
  std::string session{};  ///< as in the leases it holds
  std::string label{};    ///< who it is, for people
  std::string host{};
  std::int64_t pid = 0;
  std::uint64_t slots = 0;              ///< handlers it runs at a time
  std::uint64_t holding = 0;            ///< items it holds, those taken ahead included
  std::chrono::milliseconds oldest{0};  ///< how long it has held the oldest of them
  std::uint64_t completed = 0;
  std::uint64_t failed = 0;
  /// What one item took a slot, on average of the last minute; zero: none is done yet.
  std::chrono::microseconds item_time{0};
  ServerTime started{};
  std::chrono::milliseconds age{0};     ///< since it started
  std::chrono::milliseconds silent{0};  ///< since its last heartbeat

  /// True if the worker is silent for longer than a live worker with a responsive Redis: dead,
  /// disconnected or frozen. Its leases may still be in force.
  [[nodiscard]] bool overdue() const noexcept { return silent > std::chrono::seconds{10}; }
};

/// Where an item is.
enum class ItemState { ready, leased, delayed, dead };

/// An item in one state, with its record.
struct ItemInfo {
  std::string item{};
  ItemState state = ItemState::ready;
  std::uint32_t failures = 0;  ///< attempts that failed
  std::uint32_t crashes = 0;   ///< attempts that crashed, or whose lease expired
  /// The last failure, with the time it was recorded; its kind is `crash` if the lease expired.
  std::optional<Failure> failure{};
  std::optional<ServerTime> failed_at{};

  // Of a leased one. Without `holder` it was popped and has no lease: its worker is about to take
  // it, or died in between; then it comes back after the grace period of 5 s.
  std::string holder{};  ///< the session of who holds it; that of a RedisWQ client has no fence
  std::uint64_t fence = 0;
  std::string worker{};  ///< the label of the holder, if it is among `workers`
  /// Until the lease ends, unless it is renewed; negative: the lease expired that long ago.
  std::chrono::milliseconds left{0};

  std::optional<ServerTime> due{};   ///< of a delayed one: when it comes back to ready
  std::optional<ServerTime> died{};  ///< of a dead one
};

/// A part of the history. `next` continues behind it; empty: that was all.
struct AttemptPage {
  std::vector<Attempt> attempts{};
  std::string next{};
};

/// A part of a list of items. `next` continues behind it; empty: that was all.
struct ItemPage {
  std::vector<ItemInfo> items{};
  std::string next{};
};

/// What `inspect` found: one entry for each state in which the item is.
struct Inspection {
  std::vector<ItemInfo> found{};
  bool complete = true;  ///< false: a list was longer than it was searched
};

/// The outcome of a change of one item.
enum class Changed {
  done,
  leased,  ///< a worker holds it; nothing was changed
  absent,  ///< it is not where it was looked for; nothing was changed
};

/// What `purge` removed.
struct PurgeReport {
  Counts counts{};            ///< as the queue was, read in the step that removed it
  std::uint64_t results = 0;  ///< kept results
  std::uint64_t leases = 0;   ///< keys of leases
  std::uint64_t keys = 0;     ///< all keys, those of leases included
};

/// The active workers and producers of a queue.
struct InUse {
  std::uint64_t workers = 0;    ///< with a heartbeat within the last 10 s
  std::uint64_t producers = 0;  ///< whose hold has not ended
  /// Items under a lease in force whose holder is not known to be dead: that of a RedisWQ client,
  /// or of a worker without a heartbeat so far.
  std::uint64_t leased = 0;

  [[nodiscard]] bool none() const noexcept { return workers + producers + leased == 0; }
};

/// An inconsistency, as found by `verify`.
struct Inconsistency {
  enum class Kind {
    missing,           ///< items that were pushed and are nowhere, `Counts::lost` among them
    unleased,          ///< in processing, without a lease for longer than the grace period
    stray_lease,       ///< a lease whose item is not in processing
    endless_lease,     ///< a lease that never ends, or not within the longest time possible
    stale_history,     ///< failures recorded of an item that is not in the queue; not looked
                       ///< for while items are released or dropped all the time
    dead_worker,       ///< the entry of a worker without a heartbeat for ten minutes
    expired_hold,      ///< a producer without a heartbeat for its whole hold
    endless_election,  ///< the key of the reclaimer has no expiry, so that no other takes over
  };
  Kind kind{};
  std::uint64_t count = 0;
  std::vector<std::string> examples{};  ///< at most 5: items, hashes of items, or sessions
  std::uint64_t mended = 0;             ///< by `repair`
};

struct VerifyReport {
  Counts counts{};
  /// Items in excess of those pushed by wq: other clients pushed them. Not an inconsistency.
  std::uint64_t foreign_pushes = 0;
  /// False once a RedisWQ client took leases: its completions are not counted, so its completed
  /// items look like missing ones. Then `missing` is not among the inconsistencies.
  bool provable = true;
  std::uint64_t unaccounted = 0;  ///< pushed and nowhere; an inconsistency only if `provable`
  std::vector<Inconsistency> inconsistencies{};
};

/// Inspects and changes one queue, through one connection that is opened at first use. Patience,
/// exceptions and thread-safety are as for `Queue`.
class WQ_API Admin {
 public:
  /// The greatest number of items in one page or one call.
  static constexpr std::size_t kMaxItems = 1'000;

  /// Does not connect. Throws `std::invalid_argument` for a bad name or URL.
  Admin(std::string queue, RedisOptions options, std::stop_token stop = {});
  ~Admin();
  Admin(Admin&&) noexcept;
  Admin& operator=(Admin&&) noexcept;

  /// The workers of the queue, longest running first. Empty for a drained queue.
  [[nodiscard]] std::vector<WorkerInfo> workers();

  /// Up to `n` items (1 to `kMaxItems`) in `state`, from behind `after`, which is empty or the
  /// `next` of the page before. Costs what the page costs, however long the list. Ready: what is
  /// leased next comes first. Leased: longest in processing first, roughly. Delayed and dead: by
  /// time. While the queue moves: ready, delayed and dead pass over nothing that stays there and
  /// may show something twice; a list of leased items may pass over some as others are settled.
  /// Throws `std::invalid_argument` for an invalid `after`.
  [[nodiscard]] ItemPage list(ItemState state, std::string_view after, std::size_t n);

  /// The attempts that the history holds (`RetryPolicy::history`), in the order in which they were
  /// settled, from behind `after`, which is empty or the `next` of the page before. A page has
  /// the attempts of up to 20 settlements, and may be empty though it is not the last. It lacks an
  /// attempt if its worker died or lost the lease; the failure of the item records that.
  [[nodiscard]] AttemptPage attempts(std::string_view after);

  /// Where an item is, in one atomic look. Looks through at most `max_scan` entries of ready and of
  /// processing each, from those that come next (0: all), during which Redis does nothing else:
  /// about 10 ms for a million.
  [[nodiscard]] Inspection inspect(std::string_view item, std::size_t max_scan = 1'000'000);

  /// Moves dead letters to ready, with attempt and crash counts reset. A delayed item becomes due
  /// and keeps its counts. One answer for each of up to `kMaxItems` items. Safe to retry: after a
  /// lost reply, `done` becomes `absent`, or `leased` if a worker took the item meanwhile.
  [[nodiscard]] std::vector<Changed> retry(std::span<const std::string> items);

  /// The same for all that were dead (or delayed, if that is `from`) when it was called and match
  /// `pattern`, a glob as Redis's KEYS has them. In small steps; returns how many. A step whose
  /// answer was lost is done, but not in that number; so with `drop_matching`.
  std::uint64_t retry_matching(std::string_view pattern, ItemState from = ItemState::dead);

  /// Removes items for good, together with what is recorded about them; counted as dropped. `from`
  /// is dead, delayed or ready; looking one up in ready takes time in proportion to its length, in
  /// which Redis does nothing else. What is leased is left alone. Repeated safely but for equal
  /// items in ready: an answer that was lost makes `absent` of `done`, or drops the next equal one.
  [[nodiscard]] std::vector<Changed> drop(std::span<const std::string> items,
                                          ItemState from = ItemState::dead);

  /// The same for all items that match and were there at the call. Ready is read from the end that
  /// is leased next, and the items that stay move to the other end: an interrupted call leaves the
  /// order changed. Items that return to ready meanwhile are dropped if they match; items that
  /// other clients push without wq may be. Items that workers take meanwhile are skipped, as are
  /// up to 500 items if an answer is lost.
  std::uint64_t drop_matching(std::string_view pattern, ItemState from = ItemState::dead);

  /// Stops leasing: workers take no more items within a second, and finish the items that they
  /// hold. RedisWQ clients ignore the pause. False if it was already paused.
  bool pause();
  bool resume();  ///< False if it was not paused.

  /// Removes all keys of the queue except the last fencing token, so that no token repeats. Redis
  /// frees the memory in the background. Active workers and producers stop with an error. Safe to
  /// repeat; the queue can be filled again as soon as it returns. After a lost reply, the report
  /// may show less than was removed, down to an empty queue.
  PurgeReport purge();

  /// The same if the queue has no active workers or producers. Otherwise nothing, and `in_use` says
  /// who. A producer that begins meanwhile is seen in any case; a worker that begins between the
  /// look and the next step, a round trip later, is not, and stops with an error.
  [[nodiscard]] std::optional<PurgeReport> purge_unless_in_use(InUse& in_use);

  /// Looks for what should not be there; changes nothing. Reads all of processing, and, if
  /// anything is recorded about failed items, all items, in small steps. Takes some seconds longer
  /// if something looks wrong, to see whether it stays. Stopped meanwhile: `ConnectionError`.
  [[nodiscard]] VerifyReport verify();

  /// The same, and repairs each inconsistency if that loses no item and takes none from a worker.
  /// Safe at any time, to repeat and to interrupt. Repairs whose reply was lost are missing in
  /// `mended`.
  VerifyReport repair();

 private:
  std::unique_ptr<internal::AdminConnection> session_;
};

/// How long the item has been held that is held longest, going by what living workers say; nothing
/// if they hold none.
[[nodiscard]] WQ_API std::optional<std::chrono::milliseconds> oldest_lease(
    std::span<const WorkerInfo> workers);

}  // namespace wq
