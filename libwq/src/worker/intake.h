#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include <wq/clock.h>
#include <wq/queue.h>
#include <wq/worker.h>

#include "redis/connection.h"
#include "worker/queue_lease.h"

namespace wq::internal {

/// The longest wait for an item of a worker that holds nothing and does not rest.
inline constexpr std::chrono::milliseconds kLongestWaitForItem{800};

/// The wait for an item of a worker that holds nothing.
struct ItemWait {
  std::chrono::milliseconds idle{0};                          ///< nothing has come for so long
  std::chrono::milliseconds longest = std::chrono::hours{1};  ///< then something else is due
  /// Asked several times a second in a long wait. True: something else is to be done.
  std::function<bool()> interrupted = [] { return false; };
};

/// Requests under way to one queue at most.
inline constexpr std::size_t kRequestsInFlight = 2;

/// Something happened to the queue between these two: an item came, was leased or completed.
[[nodiscard]] inline bool has_moved(const Counts& before, const Counts& now) noexcept {
  return now.pushed != before.pushed || now.leased != before.leased ||
         now.completed != before.completed;
}

/// Where the items of a worker come from: which queues there are, which of them is asked when and
/// for how much, and when all are drained. It fills the `Sources` of the worker. Of the worker's
/// main thread, but for what says otherwise. What talks to Redis throws as
/// `ReconnectingConnection::run`.
class Intake {
 public:
  struct Look {
    bool drained = true;  ///< those that have begun
    bool begun = true;    ///< all have
    std::uint64_t dead_before = 0;
  };
  /// Receives the leases of a queue that were lost.
  using OnLost = std::function<void(QueueIndex, std::span<const std::uint64_t> fences)>;

  Intake() = default;
  virtual ~Intake() = default;
  Intake(const Intake&) = delete;
  Intake& operator=(const Intake&) = delete;

  /// Before anything else. Throws `std::invalid_argument` for what the options ask for and the
  /// queues do not allow.
  virtual void begin() = 0;

  // ---- requests ----

  /// False while a share could not be asked for at once.
  [[nodiscard]] virtual bool can_divide(TimePoint now) = 0;
  /// Sets `shares[i]` to how many of `want` items to ask of queue i. `ahead`: how many items are
  /// taken ahead of the slots, which says how quick they are.
  virtual void divide(std::size_t want, std::size_t ahead, TimePoint now,
                      std::vector<std::size_t>& shares) = 0;
  /// Of a share, so many items were not asked for after all.
  virtual void not_asked(QueueIndex queue, std::size_t items) = 0;
  /// Of `asked` items, so many were ready.
  virtual void answered(QueueIndex queue, std::size_t asked, std::size_t popped) = 0;
  /// Around the requests of one round: they may be sent together.
  virtual void hold_requests() {}
  virtual void send_requests() {}
  /// When a queue that had nothing can be asked again, if that is to be waited for.
  [[nodiscard]] virtual TimePoint asks_again(TimePoint now) const = 0;

  // ---- while nothing is under way ----

  /// Something is held.
  virtual void note_progress() = 0;
  /// Nothing is held: the next division asks all queues that may have something.
  virtual void ask_at_once() = 0;
  /// Whether more items of the queue are there or may come soon. After `look`.
  [[nodiscard]] virtual bool may_get_more(QueueIndex queue) = 0;
  virtual Look look() = 0;
  /// After a look that found all drained. False if a second look finds that anything has happened
  /// since: handlers of one queue may push items to another. Such an item may be missed twice: in
  /// the queue that it comes to, read before it came, and in the one that it came from, read after
  /// it was done. If nothing has happened between two looks at each, they were all drained at the
  /// same time.
  [[nodiscard]] virtual bool nothing_has_moved() = 0;
  /// After a look that found all drained: writes a mark behind it, see `Confirmer`. Returns its
  /// keys; nothing if a part of the look may have been at another server.
  [[nodiscard]] virtual std::optional<std::vector<std::string>> mark_look(std::uint64_t mark) = 0;
  /// What is asked next is asked over new connections. Only while nothing is under way.
  virtual void reconnect() noexcept = 0;
  /// Says what is waited for, see `WaitNotice`. After `look`.
  virtual void tell_wait(TimePoint now, std::size_t ready_slots) = 0;
  /// Waits until an item may have come, or up to `kLongestWaitForItem`, or longer where the worker
  /// may rest. Returns a time if the caller is to wait until then instead.
  [[nodiscard]] virtual std::optional<TimePoint> wait_for_item(const ItemWait& wait) = 0;
  /// The worker ends with queues that are not drained: reads their counts once more.
  virtual void read_counts_at_end() = 0;
  /// Redis has refused a request to this queue, for itself alone.
  virtual void refused(QueueIndex /*queue*/, const std::string& /*why*/) {}
  /// All are drained, and the worker leaves.
  virtual void drained() noexcept {}

  // ---- for other threads ----

  /// Of each queue that the user named.
  [[nodiscard]] virtual std::vector<Counts> counts() const = 0;
  /// The same; `handlers`: what the executor knows, by place.
  [[nodiscard]] virtual std::vector<WorkerStats> stats(
      const std::vector<WorkerStats>& handlers) const = 0;
  /// Checks the server of a new connection of the keeper's, which is for the queues with this hash
  /// tag, see `KeeperLinks`. Throws as `check_server`.
  virtual void check(Connection& connection, const std::string& tag) const = 0;
  /// Reads the counts again. Of the keeper's thread; one try.
  virtual void read_counts_again() = 0;
  /// What returns the items of dead workers: one thread for each, until its stop request.
  using Body = std::function<void(const std::stop_token&)>;
  [[nodiscard]] virtual std::vector<Body> reclaimers() = 0;
};

}  // namespace wq::internal
