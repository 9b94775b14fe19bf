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

#include <wq/clock.h>
#include <wq/export.h>
#include <wq/lease.h>
#include <wq/redis_options.h>

namespace wq {

namespace internal {
class QueueClient;
}

/// A queue that comes before another one, see `WorkerOptions::after`.
struct EarlierStage {
  std::string queue{};
  /// Its `Counts::id` as the workers of the later queue saw it; empty: it had not begun. If it is
  /// gone since, it was purged: nothing comes from it any more.
  std::string id{};
};

/// What a queue and the stages before it (`Counts::after`) come to together.
enum class QueueState {
  not_begun,  ///< the queue, or a stage before it; and nothing else is open
  open,       ///< items are there or may come
  /// The queue and all stages before it are empty at the same time, and so stay, unless somebody
  /// pushes. A queue that got no item from the stages before it need not have begun.
  drained,
};

/// All counters of a queue, read in one atomic step.
struct Counts {
  /// Made when the first item is seen; empty: the queue has not begun.
  std::string id{};
  std::uint64_t ready = 0;       ///< waiting to be leased
  std::uint64_t processing = 0;  ///< leased, or popped and not settled
  std::uint64_t delayed = 0;     ///< waiting out a backoff or a release delay
  std::uint64_t dead = 0;        ///< dead letters
  std::uint64_t producers = 0;   ///< producers that hold the queue open
  bool paused = false;

  // Totals since the queue began.
  std::uint64_t pushed = 0;     ///< by wq, follow-ups included
  std::uint64_t leased = 0;     ///< pops, so an item with two attempts counts twice
  std::uint64_t completed = 0;  ///< commits
  std::uint64_t failed = 0;     ///< failures reported by handlers
  std::uint64_t crashed = 0;    ///< expired leases, and crashes reported by handlers
  std::uint64_t returned = 0;   ///< unleased items returned to the queue, uncharged
  std::uint64_t released = 0;   ///< released by their workers, uncharged
  std::uint64_t died = 0;       ///< moves to the dead letters
  std::uint64_t dropped = 0;    ///< removed by an operator
  std::uint64_t merged = 0;     ///< equal items that became one among the delayed or the dead
  std::uint64_t foreign = 0;    ///< leases met that were set by a RedisWQ client
  /// Redis had confirmed them and then went back to an earlier state, as after a failover to a
  /// replica that lacked the last writes: pushed, and nowhere. At least so many, as far as a worker
  /// or a producer that saw them was there. They fall as producers push again what they remember.
  std::uint64_t lost = 0;
  std::uint64_t recovered = 0;  ///< the same, but producers have pushed them again

  std::vector<EarlierStage> after{};  ///< the stages directly before this one

  /// True if more items returned without a lease than dead workers can explain:
  /// answers of Redis reach the workers too late.
  [[nodiscard]] bool arrives_late() const noexcept {
    return returned > 10 && returned > leased / 100;
  }

  /// Nothing ready, processing or delayed, no producer, and not paused: the operator who paused it
  /// may be about to put something back. Dead letters do not count.
  [[nodiscard]] bool empty() const noexcept {
    return ready == 0 && processing == 0 && delayed == 0 && producers == 0 && !paused;
  }

  /// Begun, and empty. The stages before the queue do not count here, see `Queue::state`.
  [[nodiscard]] bool drained() const noexcept { return !id.empty() && empty(); }
};

/// Facts about a server to check before use.
struct ServerReport {
  std::string version{};           ///< as INFO says, such as "7.0.15"; empty if INFO is not allowed
  std::string maxmemory_policy{};  ///< empty if INFO is not allowed
  bool cluster = false;            ///< a node of a Redis Cluster

  /// True if Redis may evict keys at maxmemory, which loses items.
  [[nodiscard]] bool evicts() const noexcept {
    return !maxmemory_policy.empty() && maxmemory_policy != "noeviction";
  }
};

/// One entry of the result stream.
struct Result {
  std::string id{};  ///< the stream's, such as "1699999999999-0"; later entries have greater ids
  std::string item{};
  std::string result{};
  bool is_json = false;  ///< from `Outcome::complete_json`, and no more checked than there
};

/// An attempt, as recorded in the history. Invalid fields of an entry are zero or empty.
struct Attempt {
  std::string item{};    ///< the beginning of it, if not `whole`
  bool whole = true;     ///< false: it is longer, or no UTF-8
  std::string sha224{};  ///< of all of it, hexadecimal
  Outcome::Kind outcome = Outcome::Kind::complete;
  std::optional<FailureKind> kind{};  ///< of the failure, if it was one; as the next two: `Failure`
  std::optional<int> exit_code{};
  std::optional<int> signal{};
  Usage usage{};  ///< the time by the clock of the worker's machine
  std::uint32_t attempt = 0;
  std::uint64_t fence = 0;
  std::string worker{};  ///< its label
  std::string host{};
};

/// Settings of a settlement: the limits of failures and crashes, the lifetime of results, and the
/// history of attempts.
struct RetryPolicy {
  std::uint32_t max_attempts = 3;  ///< failures until an item is dead
  std::uint32_t max_crashes = 3;   ///< crashes until an item is dead, counted apart
  /// After the n-th failure, and after the n-th crash that a handler reported, an item waits a
  /// random time between half of and the whole of min(backoff_max, backoff_base * 2^(n-1)). At most
  /// 24 h. An item whose lease expired has waited.
  std::chrono::milliseconds backoff_base{std::chrono::seconds{1}};
  std::chrono::milliseconds backoff_max{std::chrono::minutes{5}};
  /// How long an item waits that a handler released for later. At most 24 h.
  std::chrono::milliseconds release_delay{std::chrono::seconds{1}};
  /// How long a result is kept at least; zero: until it is removed. With every result that is
  /// added, older ones may expire, and all expire when none was added for so long: the last one
  /// decides for all. At most `kLongestResultsTtl`.
  std::chrono::milliseconds results_ttl{0};
  /// How many attempts the queue's history keeps: the last of all items together, successful ones
  /// too
  /// (`Admin::attempts`); zero: none is added. What is settled in one call goes together, so there
  /// may be up to `Queue::kMaxBatch` more. The last call decides for all. At most `kMostHistory`. A
  /// try takes 200 bytes of Redis' memory or so.
  std::uint64_t history = 0;
  /// Who tried, for the history: `Worker` fills in its label. At most 1000 bytes of it are kept.
  std::string history_worker{};
};
inline constexpr std::uint64_t kMostHistory = 100'000'000;
inline constexpr std::chrono::days kLongestResultsTtl{3'650};

/// True if one more crash makes the item dead, or if it was in a crash and the policy allows only
/// one. A `Worker` runs such an item while it holds nothing else.
[[nodiscard]] WQ_API bool at_risk(const Lease& lease, const RetryPolicy& policy) noexcept;

/// One queue on one Redis, through one connection that is opened at first use.
///
/// Every method waits for an unreachable Redis for up to `RedisOptions::patience`, and retries if
/// that is safe (see each method). After that time, or as soon as `stop` is requested, it throws
/// `ConnectionError`; `RefusedError` if Redis refuses permanently.
///
/// Not thread-safe: one object a thread. Objects are cheap; each has its own connection.
class WQ_API Queue {
 public:
  /// The greatest number of items in one call of `lease`, `settle` or `renew`.
  static constexpr std::size_t kMaxBatch = 1'000;

  /// Does not connect. Throws `std::invalid_argument` for a name that docs/protocol.md refuses
  /// (empty, or one that collides with the keys of wq) and for an invalid URL.
  Queue(std::string name, RedisOptions options, std::stop_token stop = {});
  ~Queue();
  Queue(Queue&&) noexcept;
  Queue& operator=(Queue&&) noexcept;

  [[nodiscard]] const std::string& name() const noexcept;

  /// The random name of this object in the leases it takes; 16 hexadecimal digits.
  [[nodiscard]] const std::string& session() const noexcept;

  /// Facts about the server. Throws `RefusedError` if it is older than 6.2.
  [[nodiscard]] ServerReport server();

  /// One atomic read.
  [[nodiscard]] Counts counts();

  /// One atomic read of the queue and the stages before it.
  [[nodiscard]] QueueState state();

  /// How long until the last of the delayed items is due; nothing if none is delayed.
  [[nodiscard]] std::optional<std::chrono::milliseconds> last_due();

  /// Pops up to `n` items (1 to `kMaxBatch`) and takes their leases for `ttl` (1 ms to 24 h). Does
  /// not wait for items: nothing ready, and a queue that is paused, is an empty result. If the
  /// reply to the pop is lost, its items return to the queue by themselves after the grace period.
  [[nodiscard]] std::vector<Lease> lease(std::size_t n, std::chrono::milliseconds ttl);

  /// Settles up to `kMaxBatch` items, each on its own: answers[i] belongs to settlements[i].
  /// Repeated safely. Throws std::invalid_argument for a policy out of its ranges, and for what
  /// Redis would not take: an item, result or follow-up that is longer than its proto-max-bulk-len
  /// (512 MiB unless it was changed), more than 250,000 follow-ups of an item, or more than 256 MiB
  /// of them and the result. Nothing is settled then. Texts of failures are shortened to 48 KiB.
  [[nodiscard]] std::vector<Settled> settle(std::vector<Settlement> settlements,
                                            const RetryPolicy& policy = {});

  /// Renews leases that this session still holds, to `ttl` from now; answers[i] is false if
  /// leases[i] was lost. Never takes a lease anew. Repeated safely.
  [[nodiscard]] std::vector<bool> renew(std::span<const Lease> leases,
                                        std::chrono::milliseconds ttl);

  /// Marks the lease, in `lease` and in Redis: its holder holds no other item until it is settled,
  /// so a crash has no other cause. Only the crash of a marked lease makes an item dead. An
  /// unmarked lease that expires never costs the last crash, since another item may be the cause.
  /// Isolate an item that has one crash left (`at_risk`) before work on it begins. False if the
  /// lease was lost or has ended. Safe to retry.
  [[nodiscard]] bool isolate(Lease& lease);

  /// Renews a lease and saves a checkpoint, at most `kLongestCheckpoint` bytes: the next attempt at
  /// the item gets it as `Lease::checkpoint`. It replaces an earlier one; completion removes it.
  /// False if the lease was lost: nothing is saved. Safe to retry.
  bool checkpoint(const Lease& lease, std::string_view text, std::chrono::milliseconds ttl);

  /// Up to `n` results whose id is greater than `after` (empty: from the first), oldest first.
  [[nodiscard]] std::vector<Result> results(std::string_view after, std::size_t n);

  /// How many results are kept, in one quick step.
  [[nodiscard]] std::uint64_t count_results();

  /// Removes the results whose ids are not greater than `last`, which `results` gave out. Returns
  /// how many there were. Repeated safely. Throws `std::invalid_argument` for an invalid id.
  std::uint64_t trim_results(std::string_view last);

  /// All totals (`Outcome::totals`), which are removed with the queue only.
  [[nodiscard]] Totals totals();

 private:
  std::unique_ptr<internal::QueueClient> session_;
};

}  // namespace wq
