#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
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

namespace wq::internal {

/// The threads that run the handler, the items that wait for them, and what they made of them.
/// Thread-safe.
class Slots {
 public:
  Slots(const WorkerOptions& options, BatchHandler handler);
  /// Waits for the handlers that run; `leave` should have been called.
  ~Slots();
  Slots(const Slots&) = delete;
  Slots& operator=(const Slots&) = delete;

  /// Items to run, in this order. An item that has crashed before is never run together with
  /// others in one batch, so that it takes none with it.
  void give(std::vector<Lease> leases, TimePoint now);

  /// Up to `most` items that are finished, each with what is to be said of it.
  [[nodiscard]] std::vector<Settlement> take_finished(std::size_t most);

  /// Items that nobody began to run since `before`, but for the first `keep` that wait; to be
  /// released.
  [[nodiscard]] std::vector<Settlement> take_back(TimePoint before, std::size_t keep = 0);

  /// Whether a batch that is not full may still become so. If not, it is handed out at once.
  void expect_more(bool more);

  /// Waits until something is finished, `poke` is called, or `until`.
  void wait(TimePoint until);
  void poke();

  /// The leases with these fences are lost: those that wait are given up, handlers are told.
  void lose(std::span<const std::uint64_t> fences);
  /// Tells handlers that have been running for too long.
  void enforce_timeout(TimePoint now);
  /// Runs nothing more and tells the handlers that run.
  void leave();

  struct Load {
    std::size_t waiting = 0;                           ///< items not begun
    std::size_t running = 0;                           ///< items in handlers
    std::size_t finished = 0;                          ///< items not taken
    std::optional<std::chrono::nanoseconds> per_item;  ///< how long one takes, lately
    std::size_t item_bytes = 0;                        ///< how large one is, lately
  };
  [[nodiscard]] Load load() const;

  /// How long calls of the handler took; the other figures are not ours.
  [[nodiscard]] WorkerFigures handler_times() const;

  /// What a handler threw as `CannotRun` or `CannotGoOn`, if one did; or that a thread of ours
  /// cannot go on.
  [[nodiscard]] std::exception_ptr cannot_run() const;

 private:
  enum class Reason { none, lost, timeout, leaving };

  struct Waiting {
    Lease lease;
    TimePoint since;
  };
  // One call at a time; `calls_per_slot_` of them are a slot to the handler. Each waits on a
  // condition of its own, so that work wakes the one thread that is to do it.
  struct Slot {
    unsigned number = 0;
    std::condition_variable changed;  // it was given something, or we leave
    std::vector<Lease> leases;        // its own now; not touched while they run, but by `settle`
    bool waking = false;              // its thread was given them in its sleep
    bool runs = false;                // its thread has begun with them
    std::vector<bool> settled;        // of these
    std::size_t open = 0;             // how many are not
    TimePoint since;
    std::stop_source stop;
    Reason reason = Reason::none;
    std::thread thread;
  };

  class Told;

  void end();
  void work(Slot& slot) noexcept;
  void give_up(Slot& slot) noexcept;
  bool wait_for_batch(Slot& slot);
  void hand_out(const Slot* awake = nullptr);
  void hand_to(Slot& slot);
  [[nodiscard]] std::vector<Slot*>::iterator next_idle();
  [[nodiscard]] std::size_t next_batch(bool& full) const;
  [[nodiscard]] std::chrono::nanoseconds time_to_next_batch() const;
  std::vector<Outcome> run(Slot& slot);
  void settle(Slot& slot, std::size_t index, Outcome outcome);
  void put_finished(Slot& slot, std::size_t index, Outcome outcome);
  void finish(Slot& slot, std::vector<Outcome> outcomes);
  void release_all(Slot& slot);
  void clear(Slot& slot) noexcept;
  void count(std::chrono::nanoseconds took);
  Outcome judged(Outcome outcome, Reason reason) const;

  const std::size_t batch_;
  const std::chrono::milliseconds max_delay_;
  const std::size_t max_batch_bytes_;
  const unsigned calls_per_slot_;
  const std::chrono::milliseconds timeout_;
  const BatchHandler handler_;

  mutable std::mutex mutex_;
  std::condition_variable progress_;  // something is finished, or poked
  std::deque<Waiting> waiting_;
  std::vector<Settlement> finished_;
  std::vector<Slot> slots_;
  std::vector<Slot*> idle_;     // their threads wait for work; the last is the one that did so last
  std::vector<unsigned> busy_;  // calls that have work, by the number of the slot
  std::size_t running_ = 0;
  std::size_t waking_ = 0;
  bool more_to_come_ = true;
  bool leaving_ = false;
  bool poked_ = false;
  std::exception_ptr cannot_run_;
  std::optional<double> per_item_ns_;
  double item_bytes_ = 0;
  WorkerFigures figures_;  // but for the times of the handler, zero
};

}  // namespace wq::internal
