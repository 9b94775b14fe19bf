#include "worker/scheduler.h"

#include <algorithm>

namespace wq::internal {
namespace {

// Divisible by all weights but for a part of 10^-6 of a stride.
constexpr std::uint64_t kStrideOfOne = std::uint64_t{1'000'000} * QueueShare::kMaxWeight;

}  // namespace

Scheduler::Scheduler(std::span<const QueueShare> queues, const WorkerOptions& options)
    : turn_(std::max(kShortestTurn, options.batch)),
      most_at_once_(std::max(kMostAtOnce, options.batch * queues.size())),
      strict_(options.strict),
      boost_after_(options.boost_after) {
  for (const QueueShare& each : queues) queues_.push_back({.stride = kStrideOfOne / each.weight});
}

void Scheduler::divide(std::size_t want, const std::vector<bool>& open, TimePoint now,
                       std::vector<std::size_t>& shares) {
  shares.assign(queues_.size(), 0);
  if (!begun_) {
    for (Queue& each : queues_) each.asked_at = now;
    begun_ = true;
  }
  if (want == 0 || std::find(open.begin(), open.end(), true) == open.end()) return;
  if (queues_.size() == 1) {
    shares.front() = want;
  } else if (strict_) {
    shares[first_in_order(open, now)] = std::min(want, most_at_once_);
  } else {
    divide_by_weight(std::min(want, most_at_once_), open, shares);
  }
  for (QueueIndex i = 0; i < queues_.size(); ++i) {
    if (shares[i] > 0 || !open[i]) queues_[i].asked_at = now;
  }
}

void Scheduler::answered(QueueIndex queue, std::size_t missing) {
  Queue& of = queues_[queue];
  of.paid -= std::min(of.paid, missing * of.stride);
}

void Scheduler::divide_by_weight(std::size_t want, const std::vector<bool>& open,
                                 std::vector<std::size_t>& shares) {
  for (QueueIndex i = 0; i < queues_.size(); ++i) {
    // One that had items all the time may have paid less: it was charged for what it did not have.
    Queue& each = queues_[i];
    if (open[i] && !each.was_open) each.paid = std::max(each.paid, paid_by_all_);
    each.was_open = open[i];
  }
  while (want > 0) {
    if (left_of_turn_ == 0 || !open[whose_turn_]) {
      whose_turn_ = queue_that_paid_least(open);
      left_of_turn_ = turn_;
    }
    const std::size_t items = std::min(want, left_of_turn_);
    shares[whose_turn_] += items;
    queues_[whose_turn_].paid += items * queues_[whose_turn_].stride;
    left_of_turn_ -= items;
    want -= items;
  }
  paid_by_all_ = UINT64_MAX;
  for (QueueIndex i = 0; i < queues_.size(); ++i) {
    if (open[i]) paid_by_all_ = std::min(paid_by_all_, queues_[i].paid);
  }
}

// Of those that are open, of which there is one at least.
QueueIndex Scheduler::queue_that_paid_least(const std::vector<bool>& open) const {
  QueueIndex least = queues_.size();
  for (QueueIndex i = 0; i < queues_.size(); ++i) {
    if (open[i] && (least == queues_.size() || queues_[i].paid < queues_[least].paid)) least = i;
  }
  return least;
}

QueueIndex Scheduler::first_in_order(const std::vector<bool>& open, TimePoint now) const {
  QueueIndex first = queues_.size();
  QueueIndex longest = queues_.size();
  for (QueueIndex i = 0; i < queues_.size(); ++i) {
    if (!open[i]) continue;
    if (first == queues_.size()) first = i;
    if (longest == queues_.size() || queues_[i].asked_at < queues_[longest].asked_at) longest = i;
  }
  const bool boost = boost_after_ > std::chrono::milliseconds::zero() &&
                     now - queues_[longest].asked_at >= boost_after_;
  return boost ? longest : first;
}

}  // namespace wq::internal
