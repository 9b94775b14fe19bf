#include "worker/sources.h"

#include <utility>

#include "worker/sums.h"

namespace wq::internal {
namespace {

WorkerStats stats_of(const QueueSource& source) {
  const Tally& tally = source.tally();
  WorkerStats stats;
  stats.completed = tally.completed;
  stats.failed = tally.failed;
  stats.released = tally.released;
  stats.lost = tally.lost;
  stats.unknown = tally.unknown;
  stats.holding = tally.holding;
  stats.unconfirmed = tally.unconfirmed;
  stats.renewals = source.renewer().renewals();
  stats.reconnects = source.reconnects();
  return stats;
}

}  // namespace

Sources::Source Sources::of(QueueIndex place) const {
  const std::lock_guard lock(mutex_);
  return list_[place];
}

void Sources::add(Source source) {
  const std::lock_guard lock(mutex_);
  list_.push_back(std::move(source));
}

void Sources::replace(QueueIndex place, Source source) {
  leased_of_replaced_ += list_[place]->leased();
  const std::lock_guard lock(mutex_);
  Source old = std::exchange(list_[place], std::move(source));
  internal::add(total_of_replaced_, stats_of(*old));
  if (old->has_beaten()) replaced_.push_back(std::move(old));
}

std::vector<Sources::Source> Sources::all() const {
  const std::lock_guard lock(mutex_);
  return list_;
}

Sources::Source Sources::take_replaced() {
  const std::lock_guard lock(mutex_);
  if (replaced_.empty()) return nullptr;
  Source last = std::move(replaced_.back());
  replaced_.pop_back();
  return last;
}

std::vector<WorkerStats> Sources::stats() const {
  std::vector<WorkerStats> stats;
  for (const Source& each : all()) stats.push_back(stats_of(*each));
  return stats;
}

WorkerStats Sources::total() const {
  const std::lock_guard lock(mutex_);
  WorkerStats sum = total_of_replaced_;
  for (const Source& each : list_) internal::add(sum, stats_of(*each));
  return sum;
}

std::uint64_t Sources::leased() const {
  std::uint64_t n = leased_of_replaced_;
  for (const Source& each : list_) n += each->leased();
  return n;
}

}  // namespace wq::internal
