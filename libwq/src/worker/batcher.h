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
class Batcher {
 public:
  /// `queues`: how many there are.
  Batcher(const WorkerOptions& options, std::size_t queues);

  /// `now` is no earlier than that of the call before.
  void give(QueueLease lease, TimePoint now);

  [[nodiscard]] bool empty() const noexcept { return waiting_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return waiting_.size(); }

  /// Whether a batch of the queue that is not full may still become so. If not, it is due at once.
  void expect_more(QueueIndex queue, bool more) { more_to_come_[queue] = more; }

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
    QueueLease held;
    TimePoint since;
  };
  struct Next {
    QueueIndex queue = 0;
    std::size_t size = 0;
    TimePoint due = TimePoint::max();
  };

  [[nodiscard]] Next next() const;
  [[nodiscard]] Next next_of(QueueIndex queue) const;

  const std::size_t batch_;
  const std::chrono::milliseconds max_delay_;
  const std::size_t max_bytes_;
  std::deque<Waiting> waiting_;
  std::vector<bool> more_to_come_;  // by queue
};

}  // namespace wq::internal
