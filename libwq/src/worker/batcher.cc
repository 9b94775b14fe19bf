#include "worker/batcher.h"

#include <algorithm>
#include <utility>

namespace wq::internal {

Batcher::Batcher(const WorkerOptions& options)
    : batch_(options.batch), max_delay_(options.max_delay), max_bytes_(options.max_batch_bytes) {}

void Batcher::give(Lease lease, TimePoint now) { waiting_.push_back({std::move(lease), now}); }

void Batcher::take(std::vector<Lease>& leases) {
  const std::size_t size = next().size;
  leases.reserve(size);
  for (; leases.size() < size; waiting_.pop_front()) {
    leases.push_back(std::move(waiting_.front().lease));
  }
}

std::vector<Lease> Batcher::take_back(TimePoint before, std::size_t keep) {
  std::vector<Lease> taken;
  const auto begin =
      waiting_.begin() + static_cast<std::ptrdiff_t>(std::min(keep, waiting_.size()));
  auto end = begin;
  for (; end != waiting_.end() && end->since <= before; ++end) {
    taken.push_back(std::move(end->lease));
  }
  waiting_.erase(begin, end);
  return taken;
}

std::vector<Lease> Batcher::take_lost(std::span<const std::uint64_t> fences) {
  std::vector<Lease> taken;
  std::erase_if(waiting_, [&](Waiting& each) {
    if (std::find(fences.begin(), fences.end(), each.lease.fence) == fences.end()) return false;
    taken.push_back(std::move(each.lease));
    return true;
  });
  return taken;
}

// A batch is full also when the next item is not to be in it: for its size, or because it has
// crashed before.
Batcher::Next Batcher::next() const {
  Next next{.due = waiting_.front().since};
  std::size_t bytes = 0;
  for (const Waiting& each : waiting_) {
    bytes += each.lease.item.size();
    const bool ends_it = each.lease.crashes > 0 || (max_bytes_ > 0 && bytes > max_bytes_);
    if (!ends_it || next.size == 0) ++next.size;
    if (ends_it || next.size == batch_) return next;
  }
  if (more_to_come_) next.due += max_delay_;
  return next;
}

}  // namespace wq::internal
