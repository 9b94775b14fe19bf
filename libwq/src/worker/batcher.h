#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include <wq/clock.h>
#include <wq/worker.h>

#include "worker/queue_lease.h"

namespace wq::internal {

/// The items that wait for a handler, and which of them make the next batch: items of one queue, in
/// the order in which they came. An item that has crashed before is a batch of its own, so that it
/// takes no other with it. Not thread-safe.
///
/// Items of several queues are leased some of each queue at a time. They are handed out by weight,
/// as the `Scheduler` has divided them, and not as they came, so that the shares hold over short
/// times too. In order (`strict`), and of queues that are even, the one that came first is next.
class Batcher {
 public:
  /// `queues`: how many there are; `weights` of each, by default all the same.
  Batcher(const WorkerOptions& options, std::size_t queues,
          const std::vector<unsigned>& weights = {});

  /// One more queue, even with the others.
  void add_queue() { lines_.emplace_back(); }

  /// `now` is no earlier than that of the call before.
  void give(QueueLease lease, TimePoint now);

  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  /// Whether a batch of the queue that is not full may still become so. If not, it is due at once.
  void expect_more(QueueIndex queue, bool more) { lines_[queue].more_to_come = more; }

  /// When the next batch is to be handed out: it is full, or has waited for `max_delay`. Only while
  /// something waits.
  [[nodiscard]] TimePoint due() const { return next().due; }

  /// Moves the leases of the next batch into `leases`, which is empty, and returns their queue.
  QueueIndex take(std::vector<Lease>& leases);

  /// Takes out what came no later than `before`, but for the first `keep` that wait.
  [[nodiscard]] std::vector<QueueLease> take_back(TimePoint before, std::size_t keep);
  /// Takes out the items with these leases.
  [[nodiscard]] std::vector<QueueLease> take_lost(QueueIndex queue,
                                                  std::span<const std::uint64_t> fences);

 private:
  struct Waiting {
    Lease lease;
    TimePoint since;
    std::uint64_t arrival;  // among those of all queues
  };
  // Of one queue.
  struct Line {
    std::deque<Waiting> waiting{};
    bool more_to_come = true;
    std::uint64_t stride = 0;  // what an item costs
    std::uint64_t paid = 0;
  };
  struct Next {
    QueueIndex queue = 0;
    std::size_t size = 0;
    bool full = false;  // or does not wait for more
    TimePoint due = TimePoint::max();
  };

  [[nodiscard]] Next next() const;
  [[nodiscard]] Next next_of(QueueIndex queue) const;
  [[nodiscard]] bool comes_before(QueueIndex a, QueueIndex b) const;

  const std::size_t batch_;
  const std::chrono::milliseconds max_delay_;
  const std::size_t max_bytes_;
  std::vector<Line> lines_;  // by queue
  std::size_t size_ = 0;
  std::uint64_t arrivals_ = 0;
  std::uint64_t credit_ = 0;
  std::uint64_t paid_by_last_ = 0;  // by the queue of the last batch, before it
};

}  // namespace wq::internal
