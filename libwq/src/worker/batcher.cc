#include "worker/batcher.h"

#include <algorithm>
#include <utility>

namespace wq::internal {

Batcher::Batcher(const WorkerOptions& options, std::size_t queues)
    : batch_(options.batch),
      max_delay_(options.max_delay),
      max_bytes_(options.max_batch_bytes),
      more_to_come_(queues, true) {}

void Batcher::give(QueueLease lease, TimePoint now) { waiting_.push_back({std::move(lease), now}); }

QueueIndex Batcher::take(std::vector<Lease>& leases) {
  const Next batch = next();
  leases.reserve(batch.size);
  for (auto each = waiting_.begin(); leases.size() < batch.size;) {
    if (each->held.queue != batch.queue) {
      ++each;
      continue;
    }
    leases.push_back(std::move(each->held.lease));
    each = waiting_.erase(each);
  }
  return batch.queue;
}

std::vector<QueueLease> Batcher::take_back(TimePoint before, std::size_t keep) {
  std::vector<QueueLease> taken;
  const auto begin =
      waiting_.begin() + static_cast<std::ptrdiff_t>(std::min(keep, waiting_.size()));
  auto end = begin;
  for (; end != waiting_.end() && end->since <= before; ++end) {
    taken.push_back(std::move(end->held));
  }
  waiting_.erase(begin, end);
  return taken;
}

std::vector<QueueLease> Batcher::take_lost(QueueIndex queue,
                                           std::span<const std::uint64_t> fences) {
  std::vector<QueueLease> taken;
  std::erase_if(waiting_, [&](Waiting& each) {
    const auto is_lost = [&](std::uint64_t fence) { return each.held.is(queue, fence); };
    if (std::none_of(fences.begin(), fences.end(), is_lost)) return false;
    taken.push_back(std::move(each.held));
    return true;
  });
  return taken;
}

// The queue of the item that has waited longest comes first, unless its batch waits for more.
Batcher::Next Batcher::next() const {
  const Waiting& oldest = waiting_.front();
  Next first = next_of(oldest.held.queue);
  for (QueueIndex queue = 0; first.due > oldest.since && queue < more_to_come_.size(); ++queue) {
    const Next other = next_of(queue);
    if (other.due < first.due) first = other;
  }
  return first;
}

// A batch is full also when the next item is not to be in it: for its size, or because it has
// crashed before.
Batcher::Next Batcher::next_of(QueueIndex queue) const {
  Next next{.queue = queue};
  bool full = !more_to_come_[queue];
  std::size_t bytes = 0;
  for (const Waiting& each : waiting_) {
    if (each.held.queue != queue) continue;
    if (next.size == 0) next.due = each.since;
    const Lease& lease = each.held.lease;
    bytes += lease.item.size();
    const bool ends_it = lease.crashes > 0 || (max_bytes_ > 0 && bytes > max_bytes_);
    if (!ends_it || next.size == 0) ++next.size;
    full = full || ends_it || next.size == batch_;
    if (ends_it || next.size == batch_) break;
  }
  if (next.size > 0 && !full) next.due += max_delay_;
  return next;
}

}  // namespace wq::internal
