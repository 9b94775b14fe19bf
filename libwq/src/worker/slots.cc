#include "worker/slots.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace wq::internal {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// How much the newest measurement counts in a running average.
constexpr double kWeight = 0.2;

double averaged(std::optional<double> before, double now) {
  return before ? *before + kWeight * (now - *before) : now;
}

Settlement released(Lease lease) {
  return {std::move(lease), Outcome::release(milliseconds::zero())};
}

}  // namespace

// Handlers that must stop. They are told when this goes, which is after the lock was given up: who
// is told may call whatever it likes.
class Slots::Told {
 public:
  Told() = default;
  ~Told() {
    for (std::stop_source& each : sources_) each.request_stop();
  }
  Told(const Told&) = delete;
  Told& operator=(const Told&) = delete;

  // The first reason counts.
  void add(Slot& slot, Reason reason) {
    if (slot.reason != Reason::none) return;
    slot.reason = reason;
    sources_.push_back(slot.stop);
  }

 private:
  std::vector<std::stop_source> sources_;
};

Slots::Slots(unsigned count, std::size_t batch, milliseconds timeout, BatchHandler handler)
    : batch_(batch), timeout_(timeout), handler_(std::move(handler)), slots_(count) {
  try {
    for (unsigned number = 0; number < count; ++number) {
      slots_[number].thread = std::thread([this, number] { work(number); });
    }
  } catch (...) {  // the system has no more threads
    end();
    throw;
  }
}

Slots::~Slots() { end(); }

void Slots::end() {
  leave();
  for (Slot& slot : slots_) {
    if (slot.thread.joinable()) slot.thread.join();
  }
}

void Slots::give(std::vector<Lease> leases, TimePoint now) {
  {
    const std::lock_guard lock(mutex_);
    for (Lease& lease : leases) {
      item_bytes_ = averaged(item_bytes_, static_cast<double>(lease.item.size()));
      waiting_.push_back({std::move(lease), now});
    }
  }
  if (slots_.size() == 1) {
    work_.notify_one();
  } else {
    work_.notify_all();
  }
}

std::vector<Settlement> Slots::take_finished(std::size_t most) {
  const std::lock_guard lock(mutex_);
  if (finished_.size() <= most) return std::exchange(finished_, {});
  const auto end = finished_.begin() + static_cast<std::ptrdiff_t>(most);
  std::vector<Settlement> taken{std::make_move_iterator(finished_.begin()),
                                std::make_move_iterator(end)};
  finished_.erase(finished_.begin(), end);
  return taken;
}

std::vector<Settlement> Slots::take_back(TimePoint before) {
  std::vector<Settlement> taken;
  const std::lock_guard lock(mutex_);
  while (!waiting_.empty() && waiting_.front().since <= before) {
    taken.push_back(released(std::move(waiting_.front().lease)));
    waiting_.pop_front();
  }
  return taken;
}

void Slots::wait(TimePoint until) {
  std::unique_lock lock(mutex_);
  // The condition variable knows no boot clock; what it waits too little is waited again.
  progress_.wait_for(lock, until - BootClock::now(),
                     [this] { return !finished_.empty() || poked_; });
  poked_ = false;
}

void Slots::poke() {
  const std::lock_guard lock(mutex_);
  poked_ = true;
  progress_.notify_one();
}

void Slots::lose(std::span<const std::uint64_t> fences) {
  const auto is_lost = [fences](const Lease& lease) {
    return std::find(fences.begin(), fences.end(), lease.fence) != fences.end();
  };
  Told told;
  const std::lock_guard lock(mutex_);
  // It may still be ours, when only our clock says that it ended: then this hands it back.
  const auto kept = std::stable_partition(
      waiting_.begin(), waiting_.end(), [&](const Waiting& each) { return !is_lost(each.lease); });
  for (auto each = kept; each != waiting_.end(); ++each) {
    finished_.push_back(released(std::move(each->lease)));
  }
  waiting_.erase(kept, waiting_.end());
  for (Slot& slot : slots_) {
    if (std::any_of(slot.leases.begin(), slot.leases.end(), is_lost)) told.add(slot, Reason::lost);
  }
  progress_.notify_one();
}

void Slots::enforce_timeout(TimePoint now) {
  if (timeout_ == milliseconds::zero()) return;
  Told told;
  const std::lock_guard lock(mutex_);
  for (Slot& slot : slots_) {
    if (!slot.leases.empty() && now - slot.since >= timeout_) told.add(slot, Reason::timeout);
  }
}

void Slots::leave() {
  Told told;
  const std::lock_guard lock(mutex_);
  leaving_ = true;
  for (Waiting& each : waiting_) finished_.push_back(released(std::move(each.lease)));
  waiting_.clear();
  for (Slot& slot : slots_) {
    if (!slot.leases.empty()) told.add(slot, Reason::leaving);
  }
  work_.notify_all();
  progress_.notify_one();
}

Slots::Load Slots::load() const {
  const std::lock_guard lock(mutex_);
  Load load{waiting_.size(), running_, finished_.size(), {}, 0};
  if (per_item_ns_) load.per_item = nanoseconds{static_cast<std::int64_t>(*per_item_ns_)};
  load.item_bytes = static_cast<std::size_t>(item_bytes_);
  return load;
}

WorkerFigures Slots::handler_times() const {
  const std::lock_guard lock(mutex_);
  return figures_;
}

std::exception_ptr Slots::cannot_run() const {
  const std::lock_guard lock(mutex_);
  return cannot_run_;
}

void Slots::work(unsigned number) {
  Slot& slot = slots_[number];
  while (take_batch(slot)) {
    finish(slot, run({slot.leases, number, slot.stop.get_token()}));
  }
}

bool Slots::take_batch(Slot& slot) {
  std::unique_lock lock(mutex_);
  work_.wait(lock, [this] { return leaving_ || !waiting_.empty(); });
  if (leaving_) return false;
  while (slot.leases.size() < batch_ && !waiting_.empty()) {
    const bool alone = waiting_.front().lease.crashes > 0;
    if (alone && !slot.leases.empty()) break;
    slot.leases.push_back(std::move(waiting_.front().lease));
    waiting_.pop_front();
    if (alone) break;
  }
  running_ += slot.leases.size();
  slot.since = BootClock::now();
  if (slot.stop.stop_requested()) slot.stop = {};
  slot.reason = Reason::none;
  return true;
}

std::vector<Outcome> Slots::run(const Batch& batch) {
  const auto all = [&batch](const Outcome& outcome) {
    return std::vector<Outcome>(batch.leases.size(), outcome);
  };
  try {
    std::vector<Outcome> outcomes = handler_(batch);
    if (outcomes.size() == batch.leases.size()) return outcomes;
    return all(Outcome::fail(fmt::format("the handler returned {} outcomes for {} items",
                                         outcomes.size(), batch.leases.size())));
  } catch (const CannotRun&) {
    const std::lock_guard lock(mutex_);
    cannot_run_ = std::current_exception();
    return all(Outcome::release(milliseconds::zero()));
  } catch (const std::exception& error) {
    return all(Outcome::fail(error.what()));
  } catch (...) {
    return all(Outcome::fail("the handler threw something that is no std::exception"));
  }
}

void Slots::finish(Slot& slot, std::vector<Outcome> outcomes) {
  const std::lock_guard lock(mutex_);
  const nanoseconds took = BootClock::now() - slot.since;
  per_item_ns_ = averaged(
      per_item_ns_, static_cast<double>(took.count()) / static_cast<double>(slot.leases.size()));
  count(took);
  for (std::size_t i = 0; i < slot.leases.size(); ++i) {
    finished_.push_back({std::move(slot.leases[i]), judged(std::move(outcomes[i]), slot.reason)});
  }
  running_ -= slot.leases.size();
  slot.leases.clear();
  progress_.notify_one();
}

// The lock is ours already, so this costs the handlers nothing to speak of.
void Slots::count(nanoseconds took) {
  constexpr auto& kBounds = WorkerFigures::kHandlerBounds;
  const auto bound = std::lower_bound(kBounds.begin(), kBounds.end(), took);
  ++figures_.handler_calls.at(static_cast<std::size_t>(bound - kBounds.begin()));
  figures_.handler_time += took;
}

Outcome Slots::judged(Outcome outcome, Reason reason) const {
  if (reason == Reason::none || outcome.kind == Outcome::Kind::complete) return outcome;
  if (reason != Reason::timeout) return Outcome::release(milliseconds::zero());
  outcome.kind = Outcome::Kind::fail;
  outcome.failure.kind = "timeout";
  outcome.failure.message = fmt::format("took longer than {}", timeout_);
  return outcome;
}

}  // namespace wq::internal
