#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <wq/clock.h>
#include <wq/worker.h>

#include "worker/queue_lease.h"

namespace wq::internal {

/// Divides the items that a worker wants among its queues, by weight or in order. Not thread-safe.
///
/// By weight it is stride scheduling (Waldspurger and Weihl, 1995): each item costs its queue a
/// stride, the inverse of the weight, and the queue that has paid least is next, for one turn: a
/// batch, or `kShortestTurn` items if that is more. A turn that is longer than what is wanted goes
/// on in the next division, so that batches are filled. So over any number of items, each queue
/// that always had some gets its share, up to one turn more or less. A queue that had none for a
/// while gets no credit for that time.
///
/// In order (`strict`), the first queue that has items gets everything. With a `boost_after`, a
/// queue that was not asked for so long comes before all others, for one division.
class Scheduler {
 public:
  /// The most items of one division among several queues, or one batch of each if that is more. The
  /// items of a division come queue by queue, so within it the share of a queue is off by up to a
  /// quarter of this. A multiple of it costs shares, a part of it costs throughput.
  static constexpr std::size_t kMostAtOnce = 64;

  /// Asking a second queue for a part of the items costs a second call of a script.
  static constexpr std::size_t kShortestTurn = 8;

  Scheduler(std::span<const QueueShare> queues, const WorkerOptions& options);

  /// Sets `shares[i]` to how many of `want` items to ask of queue i, or to 0 unless `open[i]`: the
  /// queue may have items. They count as leased; `answered` corrects that.
  void divide(std::size_t want, const std::vector<bool>& open, TimePoint now,
              std::vector<std::size_t>& shares);

  /// Of `asked` items, the queue had so many fewer.
  void answered(QueueIndex queue, std::size_t missing);

 private:
  struct Queue {
    std::uint64_t stride = 0;
    std::uint64_t paid = 0;
    bool was_open = true;
    TimePoint asked_at{};
  };

  void divide_by_weight(std::size_t want, const std::vector<bool>& open,
                        std::vector<std::size_t>& shares);
  [[nodiscard]] QueueIndex queue_that_paid_least(const std::vector<bool>& open) const;
  [[nodiscard]] QueueIndex first_in_order(const std::vector<bool>& open, TimePoint now) const;

  const std::size_t turn_;
  const std::size_t most_at_once_;
  const bool strict_;
  const std::chrono::milliseconds boost_after_;
  std::vector<Queue> queues_;
  std::uint64_t paid_by_all_ = 0;  // at least, by each that was open when it was last divided
  QueueIndex whose_turn_ = 0;
  std::size_t left_of_turn_ = 0;  // what was not wanted of it: the next division begins with it
  bool begun_ = false;
};

}  // namespace wq::internal
