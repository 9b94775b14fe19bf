#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <wq/export.h>
#include <wq/lease.h>
#include <wq/log.h>
#include <wq/queue.h>
#include <wq/redis_options.h>

namespace wq {

namespace internal {
class WorkerLoop;
}

/// One leased item, as a handler receives it. Valid until the handler returns.
struct Job {
  const Lease& lease;
  std::string_view item{};  ///< `lease.item`
  unsigned slot = 0;        ///< 0 to concurrency - 1, no two at the same time: one device a slot
  /// Requested when the lease is lost, the timeout has passed, or the worker is stopping. Return
  /// soon then. The worker accepts `complete` and replaces any other outcome according to the
  /// reason.
  std::stop_token stop{};
  std::string_view queue{};  ///< its name
  /// Saves a checkpoint: at most `kLongestCheckpoint` bytes that the next attempt at this item, of
  /// whichever worker, gets as `Lease::checkpoint` if this attempt does not complete the item. It
  /// replaces an earlier one. It is sent with the next renewal, within a twelfth of the lease, and
  /// in the step that settles the item; if the worker dies before, the next attempt gets the one
  /// before it. An attempt whose lease was lost saves nothing. Completion removes it. Callable from
  /// any thread until the handler returns. Throws `std::invalid_argument` for one that is too long.
  std::function<void(std::string)> checkpoint{};
};

/// Several items of one queue at once; one outcome for each, in their order.
struct Batch {
  std::span<const Lease> leases{};
  unsigned slot = 0;       ///< as in `Job`, but shared by `WorkerOptions::calls_per_slot` calls
  std::stop_token stop{};  ///< as in `Job`; requested when any of the leases was lost
  /// Settles one item, by its index in `leases`, before the rest of the batch: it does not run
  /// again if the worker dies. Do not access that lease afterwards. The returned outcome of a
  /// settled item is ignored; if every item is settled, the returned vector may be empty. Callable
  /// from any thread until the handler returns. Throws `std::invalid_argument` if already settled.
  std::function<void(std::size_t, Outcome)> settle{};
  std::string_view queue{};  ///< as in `Job`
  /// As in `Job`, of the item with this index. Throws `std::invalid_argument` if it is settled.
  std::function<void(std::size_t, std::string)> checkpoint{};
};

/// Called from `concurrency` threads of the worker's at once. An exception derived from
/// `std::exception` is a failure with `what()` as its message (for a batch: of each of its items),
/// except `CannotRun` and `CannotGoOn`. A result or follow-up that Redis would refuse (see
/// `Queue::settle`) makes only its own item a dead letter, of the kind `FailureKind::result`.
using Handler = std::function<Outcome(const Job&)>;
using BatchHandler = std::function<std::vector<Outcome>(const Batch&)>;

/// Thrown by a handler (or `WorkerOptions::prepare`) that cannot handle any item at all (its
/// program does not exist): the items are released uncharged and the worker ends with this error,
/// so that a typo kills no queue.
class WQ_API CannotRun : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The same for a handler that no longer can (its device is gone). The fault is that of this
/// machine: another worker may succeed.
class WQ_API CannotGoOn : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A queue of a worker that has several.
struct QueueShare {
  static constexpr unsigned kMaxWeight = 1'000;

  std::string queue{};
  /// How many of the worker's leases are for this queue, in proportion to the weights of the
  /// others, while all of them have items: 1 to `kMaxWeight`. What a queue does not use goes to the
  /// others.
  unsigned weight = 1;
};

/// All queues of a database whose names match a pattern, also those that begin while the worker
/// runs. They are served in turn: a queue gets one item for each slot that is free or, where items
/// are so quick that many are leased at once, one batch or up to 100 items, and is next when all
/// others with items had their turn. So an item waits for one turn of each other queue and for
/// those before it in its own, however long the other queues are.
///
/// A worker finds queues in the registry (`wq:queues`), where producers enter theirs, and asks for
/// their lengths as often as costs Redis a hundredth of its time at most: with up to 1,000 queues
/// an item in a queue that was empty is noticed within half a second.
///
/// The group is drained when at least one of its queues has begun and all are drained. A queue that
/// is purged or replaced while the worker runs costs the leases of its items and does not end the
/// worker.
///
/// Not on a Redis Cluster; not with `WorkerOptions::strict`, `after` or `follow_ups_to`. The
/// statistics and counts of a worker are those of all queues of the group together.
struct QueueGroup {
  std::string pattern{};  ///< as of file names, see fnmatch(3): `tenant-*`; `*` matches any text
};

struct WorkerOptions {
  unsigned concurrency = 1;  ///< handlers running at a time
  std::size_t batch = 1;     ///< items given to one call of a `BatchHandler`, at most `kMaxBatch`
  /// The longest wait of an item for a full batch. A batch is handed out when it is full, when this
  /// time has passed, or when no item is ready and no producer holds the queue open.
  std::chrono::milliseconds max_delay{0};
  /// A batch is full, too, when one more item would make it larger than this. An item that is
  /// larger by itself is handed out alone. Zero: no limit.
  std::size_t max_batch_bytes = 0;
  /// Calls of a `BatchHandler` at a time with the same slot number: two let a handler send the next
  /// batch to its device while that computes. A second one only when each slot has its first.
  unsigned calls_per_slot = 1;
  /// Makes a slot ready to begin items: loads its model, say. Called in a thread of the slot, for
  /// one slot never twice at the same time, before each call of the handler, so it must be quick
  /// when all is ready; and once before there is any item, but not when the queue is drained
  /// already. No item is leased for a slot that is not ready, so a slow start holds up nothing:
  ///
  ///     std::vector<std::optional<Model>> models(options.concurrency);
  ///     options.prepare = [&models](unsigned slot, const std::stop_token&) {
  ///       if (!models[slot]) models[slot].emplace("model.bin");
  ///     };
  ///
  /// `stop` is requested when the worker begins nothing more (`Worker::request_stop`, its end):
  /// then it should return soon. It is the same token in all calls and may be kept. Whatever it
  /// throws ends the worker as `CannotRun` does, and is thrown by `Worker::run`. Empty: always
  /// ready.
  std::function<void(unsigned slot, std::stop_token stop)> prepare{};
  /// How long an item stays leased without renewal. The worker renews every third of this time
  /// while it holds the item. 100 ms to 24 h.
  std::chrono::milliseconds lease{std::chrono::seconds{60}};
  /// Of several queues, the first in their list that has items gets all slots; weights do not
  /// count. Items of an earlier queue are noticed within 200 ms, or when the first slot is free
  /// after that.
  bool strict = false;
  /// With `strict`: a queue that was not asked for this time is asked once before all others, for
  /// up to 64 items or one batch of each queue. So as long as slots become free, an item at the
  /// head of a queue waits no longer than this time, plus the items of the others that wait for the
  /// same reason. Zero: never.
  std::chrono::milliseconds boost_after{0};
  /// How long handlers may go on after `request_stop`.
  std::chrono::milliseconds grace{std::chrono::seconds{25}};
  /// Time limit for one call of the handler; zero: none.
  std::chrono::milliseconds timeout{0};
  RetryPolicy retry{};
  /// End as `halted` after this many failures in a row; zero: never. From then on nothing more is
  /// begun, but what was begun already may still fail: at most `concurrency` - 1 calls of the
  /// handler.
  unsigned halt_after = 20;
  /// Count towards `halt_after` only until the first success.
  bool halt_only_at_start = true;
  /// Stages before the queues of this worker, such as queues whose handlers push items to them:
  /// none of its queues is drained before all of these are, and the stages before these. Recorded
  /// in Redis, so it holds for all workers of its queues until these are purged. A stage that is
  /// purged while the worker runs is drained. So is one that got no item from the stages before it,
  /// when these are drained. On a Redis Cluster all names need the same hash tag. At most 100.
  /// `Worker` throws `std::invalid_argument` for a name that is also in `follow_ups_to` or is a
  /// queue of its own, and `Worker::run` if a stage would come after itself.
  std::vector<std::string> after{};
  /// The queues that follow-ups may go to (`FollowUp::queue`), besides the one of their item. Each
  /// is then a stage after the queues of this worker, as if its own workers had named these in
  /// `after`: it is not drained before these are. They may name each other: such queues are drained
  /// together. On a Redis Cluster all names need the same hash tag. At most 100.
  std::vector<std::string> follow_ups_to{};
  /// An earlier stage that ends with dead letters is not drained until these are retried or
  /// dropped.
  bool wait_for_dead = false;
  /// A settlement counts, and `settled` is called for it, only when so many replicas have it: WAIT,
  /// on a connection and in a thread of its own, so that no request waits. If the server keeps an
  /// append-only file and knows WAITAOF (Redis 7.2), it must also be in the files of the primary
  /// and of the replicas, on disk. `run` returns `drained` only if the replicas have that too.
  ///
  /// While too few replicas confirm, no items are taken, also at the start; past
  /// `RedisOptions::patience` `run` throws `ConnectionError`. Settlements that are not confirmed
  /// then, and those that a server in the place of the primary lacks, are `unknown`. The user needs
  /// the rights `+info +wait +waitaof`. The names of several queues need the same hash tag, or
  /// none. Zero: nothing is waited for.
  unsigned durable_replicas = 0;
  std::uint64_t max_items = 0;            ///< end after that many items were leased; zero: never
  std::chrono::milliseconds max_idle{0};  ///< end after this time without an item; zero: never
  std::chrono::milliseconds wait_open{
      std::chrono::minutes{10}};  ///< for queues and stages to begin
  /// How often the queue's counts are read for `Worker::counts` while there is work; zero: only
  /// when the worker needs them itself. A worker that rests, since nothing has come for a while,
  /// does not read them.
  std::chrono::milliseconds counts_interval{0};
  /// Called when the worker says that the queue has not begun: more of the sentence, such as which
  /// queues there are. May take its time; must not throw. May be empty.
  std::function<std::string(const std::string& queue)> other_queues{};
  /// Called for each item whose settlement Redis has accepted, released attempts too, in
  /// the thread of `Worker::run`; must be quick and not throw. May be empty.
  std::function<void(const Settlement&)> settled{};
  std::string label{};  ///< name of this worker for people; default: the host name
  Log log{};            ///< empty: standard error
};

/// Why `Worker::run` returned.
enum class WorkerEnd {
  /// All queues and the stages before them: every item is done or dead, no producer is left, none
  /// is paused.
  drained,
  stopped,       ///< `request_stop` was called
  halted,        ///< too many failures in a row
  max_items,     ///< as asked
  max_idle,      ///< as asked
  never_opened,  ///< a queue or stage did not begin within `wait_open`, and all others are drained
};

struct WorkerReport {
  WorkerEnd end = WorkerEnd::drained;
  Counts counts{};               ///< of all queues together, see `Worker::counts`, as last read
  std::vector<Counts> queues{};  ///< of each queue, in their order
  /// Dead letters of the stages before its queues, when these were drained. Of several queues, the
  /// most that one of them had before it.
  std::uint64_t dead_before = 0;
  std::uint64_t completed = 0;
  std::uint64_t failed = 0;
  std::uint64_t released = 0;
  std::uint64_t lost = 0;  ///< leases lost, settlements refused among them
  /// See `Settled::unknown` and `WorkerOptions::durable_replicas`.
  std::uint64_t unknown = 0;
};

/// Statistics of a running worker.
struct WorkerStats {
  // Items by outcome; see `WorkerReport`.
  std::uint64_t completed = 0;
  std::uint64_t failed = 0;
  std::uint64_t released = 0;
  std::uint64_t lost = 0;
  std::uint64_t unknown = 0;

  std::uint64_t holding = 0;      ///< items held now, those taken ahead included
  std::uint64_t unconfirmed = 0;  ///< settlements not counted yet: `durable_replicas`
  std::uint64_t running = 0;      ///< of these, in handlers
  std::string
      longest_item{};  ///< of those running, the one begun first: at most its first 1000 bytes
  std::chrono::nanoseconds longest_time{0};  ///< how long ago that was; zero: nothing runs
  std::uint64_t renewals = 0;                ///< leases that were lengthened, each time it was
  std::uint64_t reconnects = 0;              ///< connections made in place of one that was lost

  /// How long calls of the handler took: `handler_calls[i]` of them no longer than
  /// `kHandlerBounds[i]` and longer than the bound before it, the last entry longer than all.
  static constexpr std::array<std::chrono::milliseconds, 15> kHandlerBounds{
      std::chrono::milliseconds{1},         std::chrono::milliseconds{3},
      std::chrono::milliseconds{10},        std::chrono::milliseconds{30},
      std::chrono::milliseconds{100},       std::chrono::milliseconds{300},
      std::chrono::milliseconds{1'000},     std::chrono::milliseconds{3'000},
      std::chrono::milliseconds{10'000},    std::chrono::milliseconds{30'000},
      std::chrono::milliseconds{100'000},   std::chrono::milliseconds{300'000},
      std::chrono::milliseconds{1'000'000}, std::chrono::milliseconds{3'000'000},
      std::chrono::milliseconds{10'000'000}};
  std::array<std::uint64_t, kHandlerBounds.size() + 1> handler_calls{};
  std::chrono::nanoseconds handler_time{0};  ///< of all calls together
};

/// Leases items, runs the handler on them and settles them in batches. Renews leases in a separate
/// thread with its own connection. One worker at a time also returns the items of dead workers to
/// the queue.
///
/// How many items it takes ahead of the handlers follows from how long they take: none for items of
/// a tenth of a second and more, up to a few hundred for tiny ones. An item that was taken ahead
/// and is not begun within a second is released, except for those that fill `calls_per_slot` (if
/// that is 1, one next batch for each slot if there are batches). A slot that is not ready
/// (`prepare`) does not count.
class WQ_API Worker {
 public:
  /// Does not connect. Throws `std::invalid_argument` for a bad name, URL or option.
  Worker(std::string queue, RedisOptions redis, WorkerOptions options, Handler handler);
  Worker(std::string queue, RedisOptions redis, WorkerOptions options, BatchHandler handler);
  /// A worker of several queues. They share its slots; budgets, results and the history are each
  /// queue's own. It is drained when all of them are. Throws `std::invalid_argument` also for no
  /// queue, for a queue that is given twice, and for a wrong weight.
  Worker(std::vector<QueueShare> queues, RedisOptions redis, WorkerOptions options,
         Handler handler);
  Worker(std::vector<QueueShare> queues, RedisOptions redis, WorkerOptions options,
         BatchHandler handler);
  /// A worker of a group of queues. Throws `std::invalid_argument` also for an empty pattern and
  /// for options that a group cannot have.
  Worker(const QueueGroup& group, RedisOptions redis, WorkerOptions options, Handler handler);
  Worker(const QueueGroup& group, RedisOptions redis, WorkerOptions options, BatchHandler handler);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Works until there is a reason to end. Ends in this order: no more leases are taken; handlers
  /// return (told to stop after the grace time); everything is settled or released; the reclaimer,
  /// then the renewer stop; the worker's entry in the queue is removed. All threads are joined.
  ///
  /// Throws `ConnectionError` when Redis was away longer than `RedisOptions::patience`,
  /// `RefusedError`, `ProtocolError` when the queue's data was lost (its id changed or vanished),
  /// and what a handler threw as `CannotRun` or `CannotGoOn`, or `prepare` as anything. Call it
  /// once.
  WorkerReport run();

  /// Makes `run` return: no more items begin, waiting items are released at once, and handlers may
  /// finish within the grace time. No crash or timeout is charged from then on. Callable from any
  /// thread, any number of times; not from a signal handler.
  void request_stop() noexcept;

  /// The same without the grace time.
  void request_stop_now() noexcept;

  /// Any thread, at any time, also while `run` runs. The numbers may be of slightly different
  /// times.
  [[nodiscard]] WorkerStats stats() const;
  /// The same of each queue, in their order. The connection that renews the leases of all queues is
  /// counted for the first one.
  [[nodiscard]] std::vector<WorkerStats> queue_stats() const;

  /// The counts as they were read last; all zero before. Of several queues the sum, with the id of
  /// the first that has begun; paused if all are. Any thread, at any time.
  [[nodiscard]] Counts counts() const;
  /// The same of each queue, in their order.
  [[nodiscard]] std::vector<Counts> queue_counts() const;

  /// The random name of this worker in leases and in `Q:workers`; 16 hexadecimal digits.
  [[nodiscard]] const std::string& session() const noexcept;

 private:
  std::unique_ptr<internal::WorkerLoop> loop_;
};

}  // namespace wq
