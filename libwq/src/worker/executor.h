#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <wq/clock.h>
#include <wq/lease.h>
#include <wq/worker.h>

#include "worker/batcher.h"
#include "worker/load_estimator.h"
#include "worker/queue_lease.h"
#include "worker/recent_durations.h"

namespace wq::internal {

/// The threads that run the handler, the items that wait for them, and what they made of them.
/// Thread-safe.
class Executor {
 public:
  /// Receives the checkpoints of handlers, with the fences of their leases, without a lock held.
  using OnCheckpoint = std::function<void(QueueIndex, std::uint64_t fence, std::string)>;

  /// `queues`: their names; a `QueueIndex` is a place in this list. `weights`: see `Batcher`.
  /// Without queues: `name_queue` adds them.
  Executor(const WorkerOptions& options, std::vector<std::string> queues, BatchHandler handler,
           const std::vector<unsigned>& weights = {}, OnCheckpoint on_checkpoint = {});
  /// Waits for the handlers that run; `leave` should have been called.
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  /// From now on this place, of which nothing is held, or a new one behind the others is that of
  /// this queue.
  void name_queue(QueueIndex place, std::string queue);

  /// Slots are made ready from here on, if `WorkerOptions::prepare` is set; before, they run
  /// nothing.
  void start_preparing();

  /// Items to run, in this order; see `Batcher`.
  void give(QueueIndex queue, std::vector<Lease> leases, TimePoint now);

  /// One item that must wait until nothing else is held. It is lost, and given up when we leave, as
  /// those that wait are; it is not counted as waiting.
  void set_aside(QueueLease lease);
  /// The item that was set aside, if there still is one.
  [[nodiscard]] std::optional<QueueLease> aside() const;
  /// Takes it out, not to be run.
  [[nodiscard]] std::optional<QueueLease> take_aside();
  /// Lets the item that was set aside run, if there still is one: from now on it is `alone`.
  void give_aside(TimePoint now);

  /// Up to `most` items of the queue that are finished, each with its outcome.
  [[nodiscard]] std::vector<Settlement> take_finished(QueueIndex queue, std::size_t most);

  /// Items that nobody began to run since `before`, but for the first `keep` that wait; to be
  /// released. Not what was set aside.
  [[nodiscard]] std::vector<QueueLease> take_back(TimePoint before, std::size_t keep = 0);

  /// See `Batcher::expect_more`.
  void expect_more(QueueIndex queue, bool more);

  /// Waits until something is finished, `poke` is called, or `until`.
  void wait(TimePoint until);
  void poke();

  /// The queue's leases with these fences are lost: waiting items are dropped, handlers get a stop
  /// request.
  void lose(QueueIndex queue, std::span<const std::uint64_t> fences);
  /// Tells handlers that have been running for too long.
  void enforce_timeout(TimePoint now);
  /// Begins no more items and no more preparations of slots. Running handlers get a stop request.
  void begin_nothing_more();
  /// The same, and tells the handlers that run.
  void leave();

  struct Load {
    std::size_t waiting = 0;                             ///< items not begun
    std::size_t running = 0;                             ///< items in handlers
    std::size_t finished = 0;                            ///< items not taken
    std::optional<std::chrono::nanoseconds> per_item{};  ///< how long one takes, lately
    std::size_t item_bytes = 0;                          ///< how large one is, lately
    std::size_t ready_slots = 0;                         ///< that could begin an item at once
    std::size_t running_ready = 0;                       ///< of those running, in these slots
  };
  [[nodiscard]] Load load() const;

  /// See `RecentDurations`.
  [[nodiscard]] std::optional<std::chrono::nanoseconds> per_item(QueueIndex queue) const;

  /// Statistics of the handlers, by queue; the other fields are zero.
  [[nodiscard]] std::vector<WorkerStats> handler_stats() const;

  /// The `CannotRun` or `CannotGoOn` of a handler, any exception of `WorkerOptions::prepare`, or
  /// the failure of a worker thread; null if none. No more items begin then.
  [[nodiscard]] std::exception_ptr cannot_run() const;

  /// True once `WorkerOptions::halt_after` items in a row have failed. Nothing more is begun then.
  [[nodiscard]] bool halted() const;

 private:
  enum class Reason { none, lost, timeout, leaving };

  // One call at a time; `calls_per_slot_` of them are a slot to the handler.
  struct Slot {
    unsigned number = 0;
    QueueIndex queue = 0;                     // of the leases
    std::shared_ptr<const std::string> name;  // of that queue
    std::vector<Lease> leases;  // running now; not touched while they do, but by `settle`
    std::vector<bool> settled;  // of these; longer than they are
    std::size_t open = 0;       // how many are not
    TimePoint since;
    std::chrono::system_clock::time_point begun;  // the same, by the other clock
    std::stop_source stop;
    Reason reason = Reason::none;
    std::thread thread;
  };

  // Of all calls with one slot number.
  struct Readiness {
    bool ready = false;
    bool preparing = false;
    bool was_ready = false;  // before it is prepared again; most often it still is
    // An item that came for it waits for it, not behind another one in a slot that is busy.
    [[nodiscard]] bool has_its_turn() const { return ready || was_ready; }
  };
  struct Turn {
    std::condition_variable changed;  // it may be the turn of these calls
    std::size_t asleep = 0;           // threads that wait for that
  };

  class PendingStops;

  void end();
  void give_up_waiting(QueueLease held);
  void give_up_aside();
  [[nodiscard]] std::size_t finished() const;
  [[nodiscard]] bool over() const;
  void prepare(unsigned number, std::unique_lock<std::mutex>& lock);
  [[nodiscard]] std::size_t calls_running(std::size_t number) const;
  void wake();
  void wake_all();
  void sleep(const Slot& slot, std::unique_lock<std::mutex>& lock,
             std::optional<std::chrono::nanoseconds> longest);
  void work(Slot& slot) noexcept;
  void give_up(Slot& slot) noexcept;
  bool take_batch(Slot& slot);
  [[nodiscard]] bool is_its_turn(const Slot& slot) const;
  std::vector<Outcome> run(Slot& slot);
  void settle(Slot& slot, std::size_t index, Outcome outcome);
  void checkpoint(const Slot& slot, std::size_t index, std::string text);
  void put_finished(Slot& slot, std::size_t index, Outcome outcome);
  void finish(Slot& slot, std::vector<Outcome> outcomes);
  void count(QueueIndex queue, std::chrono::nanoseconds took, std::size_t items);
  void count(const Outcome& outcome);
  Outcome judged(Outcome outcome, Reason reason) const;

  const std::size_t batch_;
  const unsigned calls_per_slot_;
  const std::chrono::milliseconds timeout_;
  const unsigned halt_after_;
  const bool halt_only_at_start_;
  const BatchHandler handler_;
  const std::function<void(unsigned, std::stop_token)> prepare_;  // may be empty
  const OnCheckpoint on_checkpoint_;

  mutable std::mutex mutex_;
  std::condition_variable work_;      // preparing may begin, or has ended
  std::condition_variable progress_;  // something is finished, or poked
  // A handler that has settled all its items may still use the name when the place has another one.
  std::vector<std::shared_ptr<const std::string>> queues_;
  Batcher waiting_;
  LoadEstimator estimator_;
  std::optional<QueueLease> aside_;
  std::vector<std::vector<Settlement>> finished_;  // by queue
  std::vector<Slot> slots_;
  std::vector<Readiness> readiness_;  // by slot number
  std::vector<Turn> turns_;           // by slot number
  std::stop_source stop_preparing_;
  mutable bool unready_seen_ = false;  // by who asked for the load
  std::size_t running_ = 0;
  std::size_t asleep_ = 0;  // threads that wait for work, of all turns
  bool waking_ = false;     // one of them was woken and has not looked yet
  bool preparing_started_ = false;
  bool begins_nothing_ = false;
  bool poked_ = false;
  std::exception_ptr cannot_run_;
  unsigned failures_in_a_row_ = 0;
  bool succeeded_ = false;  // once
  bool halted_ = false;
  std::vector<WorkerStats> stats_;       // by queue; but for the times of the handler, zero
  std::vector<RecentDurations> recent_;  // by queue
};

}  // namespace wq::internal
