#include "worker/batcher.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>

namespace wq::internal {
namespace {

// Divisible by most weights.
constexpr std::uint64_t kPriceOfWeightOne = 1'000'000;

// In items of all queues together.
constexpr std::uint64_t kCredit = 128;

}  // namespace

Batcher::Batcher(const WorkerOptions& options, std::size_t queues,
                 const std::vector<unsigned>& weights)
    : batch_(options.batch),
      max_delay_(options.max_delay),
      max_bytes_(options.max_batch_bytes),
      lines_(queues) {
  if (options.strict) return;
  for (QueueIndex queue = 0; queue < weights.size(); ++queue) {
    lines_[queue].stride = kPriceOfWeightOne / weights[queue];
  }
  const std::uint64_t all = std::accumulate(weights.begin(), weights.end(), std::uint64_t{0});
  if (all > 0) credit_ = kCredit * kPriceOfWeightOne / all;
}

void Batcher::give(QueueLease lease, TimePoint now) {
  Line& line = lines_[lease.queue];
  // Little credit for the time in which it had nothing: as much as it may wait for an answer of
  // Redis, so that what others got meanwhile is made up for.
  if (line.waiting.empty()) {
    line.paid = std::max(line.paid, paid_by_last_ - std::min(paid_by_last_, credit_));
  }
  line.waiting.push_back({std::move(lease.lease), now, arrivals_++});
  ++size_;
}

QueueIndex Batcher::take(std::vector<Lease>& leases) {
  const Next batch = next();
  Line& line = lines_[batch.queue];
  leases.reserve(batch.size);
  for (; leases.size() < batch.size; line.waiting.pop_front()) {
    leases.push_back(std::move(line.waiting.front().lease));
  }
  size_ -= batch.size;
  paid_by_last_ = line.paid;
  line.paid += batch.size * line.stride;
  return batch.queue;
}

std::vector<QueueLease> Batcher::take_back(TimePoint before, std::size_t keep) {
  std::vector<std::pair<std::uint64_t, QueueIndex>> old;  // by arrival
  for (QueueIndex queue = 0; queue < lines_.size(); ++queue) {
    for (const Waiting& each : lines_[queue].waiting) {
      if (each.since > before) break;
      old.emplace_back(each.arrival, queue);
    }
  }
  if (old.size() <= keep) return {};
  std::sort(old.begin(), old.end());
  std::vector<QueueLease> taken;
  for (auto each = old.begin() + static_cast<std::ptrdiff_t>(keep); each != old.end(); ++each) {
    auto& waiting = lines_[each->second].waiting;
    const auto at =
        std::lower_bound(waiting.begin(), waiting.end(), each->first,
                         [](const Waiting& a, std::uint64_t b) { return a.arrival < b; });
    taken.push_back({each->second, std::move(at->lease)});
  }
  const std::uint64_t first = old[keep].first;
  for (Line& line : lines_) {
    std::erase_if(line.waiting, [&](const Waiting& each) {
      return each.arrival >= first && each.since <= before;
    });
  }
  size_ -= taken.size();
  return taken;
}

std::vector<QueueLease> Batcher::take_lost(QueueIndex queue,
                                           std::span<const std::uint64_t> fences) {
  std::vector<QueueLease> taken;
  std::erase_if(lines_[queue].waiting, [&](Waiting& each) {
    if (std::find(fences.begin(), fences.end(), each.lease.fence) == fences.end()) return false;
    taken.push_back({queue, std::move(each.lease)});
    return true;
  });
  size_ -= taken.size();
  return taken;
}

// A batch that is full is next, unless one that waited for more has become due before that came.
Batcher::Next Batcher::next() const {
  std::optional<Next> full;
  std::optional<Next> gathering;
  for (QueueIndex queue = 0; queue < lines_.size(); ++queue) {
    if (lines_[queue].waiting.empty()) continue;
    const Next next = next_of(queue);
    if (next.full) {
      if (!full || comes_before(queue, full->queue)) full = next;
    } else if (!gathering || next.due < gathering->due) {
      gathering = next;
    }
  }
  if (!full || (gathering && gathering->due < full->due)) return gathering.value();
  return *full;
}

bool Batcher::comes_before(QueueIndex a, QueueIndex b) const {
  const Line& left = lines_[a];
  const Line& right = lines_[b];
  if (left.paid != right.paid) return left.paid < right.paid;
  return left.waiting.front().arrival < right.waiting.front().arrival;
}

// A batch is full also when the next item is not to be in it: for its size, or because it has
// crashed before.
Batcher::Next Batcher::next_of(QueueIndex queue) const {
  const Line& line = lines_[queue];
  Next next{.queue = queue, .size = 0, .full = !line.more_to_come || max_delay_.count() == 0};
  std::size_t bytes = 0;
  for (const Waiting& each : line.waiting) {
    bytes += each.lease.item.size();
    const bool ends_it = each.lease.crashes > 0 || (max_bytes_ > 0 && bytes > max_bytes_);
    if (!ends_it || next.size == 0) ++next.size;
    next.full = next.full || ends_it || next.size == batch_;
    if (ends_it || next.size == batch_) break;
  }
  next.due = line.waiting.front().since;
  if (!next.full) next.due += max_delay_;
  return next;
}

}  // namespace wq::internal
