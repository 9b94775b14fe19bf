#include "worker/executor.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "base/start_thread.h"
#include "queue/limits.h"
#include "worker/call_handler.h"
#include "worker/cannot_go_on.h"

namespace wq::internal {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// It may be huge, and all that a handler begins or ends waits meanwhile.
constexpr std::size_t kMostOfLongest = 1'000;

}  // namespace

// Stop requests for handlers. The destructor issues them, after the lock is released, since stop
// callbacks may run arbitrary code.
class Executor::PendingStops {
 public:
  PendingStops() = default;
  ~PendingStops() {
    for (std::stop_source& each : sources_) each.request_stop();
  }
  PendingStops(const PendingStops&) = delete;
  PendingStops& operator=(const PendingStops&) = delete;

  // The first reason counts.
  void add(Slot& slot, Reason reason) {
    if (slot.reason != Reason::none) return;
    slot.reason = reason;
    sources_.push_back(slot.stop);
  }
  void add(const std::stop_source& source) { sources_.push_back(source); }

 private:
  std::vector<std::stop_source> sources_;
};

Executor::Executor(const WorkerOptions& options, std::vector<std::string> queues,
                   BatchHandler handler, const std::vector<unsigned>& weights,
                   OnCheckpoint on_checkpoint)
    : batch_(options.batch),
      calls_per_slot_(options.calls_per_slot),
      timeout_(options.timeout),
      halt_after_(options.halt_after),
      halt_only_at_start_(options.halt_only_at_start),
      handler_(std::move(handler)),
      prepare_(options.prepare),
      on_checkpoint_(std::move(on_checkpoint)),
      waiting_(options, queues.size(), weights),
      finished_(queues.size()),
      slots_(std::size_t{options.concurrency} * options.calls_per_slot),
      readiness_(options.concurrency,
                 Readiness{.ready = !prepare_, .preparing = false, .was_ready = false}),
      turns_(options.concurrency),
      stats_(queues.size()),
      recent_(queues.size()) {
  for (std::string& each : queues) {
    queues_.push_back(std::make_shared<const std::string>(std::move(each)));
  }
  try {
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      slots_[i].number = static_cast<unsigned>(i / calls_per_slot_);
      slots_[i].thread = start_thread<std::thread>(
          fmt::format("the thread of slot {}", slots_[i].number), [this, i] { work(slots_[i]); });
    }
  } catch (...) {  // the system has no more threads
    end();
    throw;
  }
}

Executor::~Executor() { end(); }

void Executor::end() {
  leave();
  for (Slot& slot : slots_) {
    if (slot.thread.joinable()) slot.thread.join();
  }
}

void Executor::name_queue(QueueIndex place, std::string queue) {
  const std::lock_guard lock(mutex_);
  if (place < queues_.size()) {
    queues_[place] = std::make_shared<const std::string>(std::move(queue));
    recent_[place] = {};
    return;
  }
  queues_.push_back(std::make_shared<const std::string>(std::move(queue)));
  waiting_.add_queue();
  finished_.emplace_back();
  stats_.emplace_back();
  recent_.emplace_back();
}

void Executor::start_preparing() {
  const std::lock_guard lock(mutex_);
  preparing_started_ = true;
  work_.notify_all();
}

void Executor::give(QueueIndex queue, std::vector<Lease> leases, TimePoint now) {
  const std::lock_guard lock(mutex_);
  for (Lease& lease : leases) {
    estimator_.add_item(lease.item.size());
    waiting_.give({queue, std::move(lease)}, now);
  }
  wake();
}

void Executor::set_aside(QueueLease lease) {
  const std::lock_guard lock(mutex_);
  aside_ = std::move(lease);
}

std::optional<QueueLease> Executor::aside() const {
  const std::lock_guard lock(mutex_);
  return aside_;
}

std::optional<QueueLease> Executor::take_aside() {
  const std::lock_guard lock(mutex_);
  return std::exchange(aside_, std::nullopt);
}

void Executor::give_aside(TimePoint now) {
  const std::lock_guard lock(mutex_);
  if (!aside_) return;
  aside_->lease.alone = true;
  waiting_.give(*std::exchange(aside_, std::nullopt), now);
  wake();
}

// Somebody is to look at what waits: a thread that sleeps and whose turn it is. One thread at a
// time: each that wakes up and leaves something wakes the next, so that tiny items are done by a
// few threads that are awake and large ones soon reach all.
void Executor::wake() {
  if (waiting_.empty() || asleep_ == 0 || waking_) return;
  std::size_t least = calls_per_slot_;
  Turn* next = nullptr;
  for (std::size_t number = 0; number < turns_.size() && (least > 0 || next == nullptr); ++number) {
    const std::size_t running = calls_running(number);
    if (!readiness_[number].has_its_turn() || running > least) continue;
    // Who has fewer has the turn; if no thread of such a slot sleeps, one is on its way.
    if (running < least) next = nullptr;
    least = running;
    if (next == nullptr && turns_[number].asleep > 0) next = &turns_[number];
  }
  if (next == nullptr) return;
  waking_ = true;
  next->changed.notify_one();
}

void Executor::wake_all() {
  work_.notify_all();
  for (Turn& turn : turns_) turn.changed.notify_all();
}

// For work, with the lock given up meanwhile.
void Executor::sleep(const Slot& slot, std::unique_lock<std::mutex>& lock,
                     std::optional<nanoseconds> longest) {
  Turn& turn = turns_[slot.number];
  ++asleep_;
  ++turn.asleep;
  if (longest) {
    turn.changed.wait_for(lock, *longest);
  } else {
    turn.changed.wait(lock);
  }
  --turn.asleep;
  --asleep_;
  waking_ = false;
}

// The caller has the lock, as of all that follows which does not take it.
void Executor::give_up_waiting(QueueLease held) {
  finished_[held.queue].push_back({std::move(held.lease), Outcome::release(milliseconds::zero())});
}

void Executor::give_up_aside() {
  if (aside_) give_up_waiting(*std::exchange(aside_, std::nullopt));
}

std::size_t Executor::finished() const {
  std::size_t n = 0;
  for (const auto& of_queue : finished_) n += of_queue.size();
  return n;
}

std::vector<Settlement> Executor::take_finished(QueueIndex queue, std::size_t most) {
  const std::lock_guard lock(mutex_);
  std::vector<Settlement>& finished = finished_[queue];
  if (finished.size() <= most) return std::exchange(finished, {});
  const auto end = finished.begin() + static_cast<std::ptrdiff_t>(most);
  std::vector<Settlement> taken{std::make_move_iterator(finished.begin()),
                                std::make_move_iterator(end)};
  finished.erase(finished.begin(), end);
  return taken;
}

std::optional<nanoseconds> Executor::per_item(QueueIndex queue) const {
  const std::lock_guard lock(mutex_);
  return recent_[queue].per_item(BootClock::now());
}

std::vector<QueueLease> Executor::take_back(TimePoint before, std::size_t keep) {
  const std::lock_guard lock(mutex_);
  return waiting_.take_back(before, keep);
}

void Executor::expect_more(QueueIndex queue, bool more) {
  const std::lock_guard lock(mutex_);
  waiting_.expect_more(queue, more);
  if (!more) wake();
}

void Executor::wait(TimePoint until) {
  std::unique_lock lock(mutex_);
  // The condition variable knows no boot clock; what it waits too little is waited again.
  progress_.wait_for(lock, until - BootClock::now(), [this] { return finished() > 0 || poked_; });
  poked_ = false;
}

void Executor::poke() {
  const std::lock_guard lock(mutex_);
  poked_ = true;
  progress_.notify_one();
}

void Executor::lose(QueueIndex queue, std::span<const std::uint64_t> fences) {
  const auto is_lost = [&](QueueIndex of, const Lease& lease) {
    return of == queue && std::find(fences.begin(), fences.end(), lease.fence) != fences.end();
  };
  PendingStops told;
  const std::lock_guard lock(mutex_);
  // It may still be in force, if only the local clock says that it expired: then this hands it
  // back.
  for (QueueLease& each : waiting_.take_lost(queue, fences)) give_up_waiting(std::move(each));
  if (aside_ && is_lost(aside_->queue, aside_->lease)) give_up_aside();
  for (Slot& slot : slots_) {
    for (std::size_t i = 0; i < slot.leases.size(); ++i) {
      if (!slot.settled[i] && is_lost(slot.queue, slot.leases[i])) told.add(slot, Reason::lost);
    }
  }
  progress_.notify_one();
}

void Executor::enforce_timeout(TimePoint now) {
  if (timeout_ == milliseconds::zero()) return;
  PendingStops told;
  const std::lock_guard lock(mutex_);
  for (Slot& slot : slots_) {
    if (!slot.leases.empty() && now - slot.since >= timeout_) told.add(slot, Reason::timeout);
  }
}

void Executor::begin_nothing_more() {
  PendingStops told;
  const std::lock_guard lock(mutex_);
  if (std::exchange(begins_nothing_, true)) return;
  told.add(stop_preparing_);
  poked_ = true;
  wake_all();
  progress_.notify_one();
}

void Executor::leave() {
  begin_nothing_more();
  PendingStops told;
  const std::lock_guard lock(mutex_);
  for (QueueLease& each : waiting_.take_back(TimePoint::max(), 0)) give_up_waiting(std::move(each));
  give_up_aside();
  for (Slot& slot : slots_) {
    if (!slot.leases.empty()) told.add(slot, Reason::leaving);
  }
  progress_.notify_one();
}

Executor::Load Executor::load() const {
  const std::lock_guard lock(mutex_);
  Load load{.waiting = waiting_.size(),
            .running = running_,
            .finished = finished(),
            .per_item = estimator_.per_item(),
            .item_bytes = estimator_.item_bytes(),
            .ready_slots = readiness_.size(),
            .running_ready = running_};
  if (!prepare_) return load;
  for (const Readiness& each : readiness_) load.ready_slots -= each.ready ? 0 : 1;
  for (const Slot& slot : slots_)
    load.running_ready -= readiness_[slot.number].ready ? 0 : slot.open;
  unready_seen_ = unready_seen_ || load.ready_slots < readiness_.size();
  return load;
}

std::vector<WorkerStats> Executor::handler_stats() const {
  const std::lock_guard lock(mutex_);
  std::vector<WorkerStats> stats = stats_;
  std::vector<const Slot*> longest(stats.size(), nullptr);
  for (const Slot& slot : slots_) {
    if (slot.open == 0) continue;
    stats[slot.queue].running += slot.open;
    const Slot*& other = longest[slot.queue];
    if (other == nullptr || slot.since < other->since) other = &slot;
  }
  for (QueueIndex queue = 0; queue < stats.size(); ++queue) {
    const Slot* slot = longest[queue];
    if (slot == nullptr) continue;
    const auto open = std::find(slot->settled.begin(), slot->settled.end(), false);
    const Lease& lease = slot->leases[static_cast<std::size_t>(open - slot->settled.begin())];
    stats[queue].longest_item = lease.item.substr(0, kMostOfLongest);
    stats[queue].longest_time = BootClock::now() - slot->since;
  }
  return stats;
}

std::exception_ptr Executor::cannot_run() const {
  const std::lock_guard lock(mutex_);
  return cannot_run_;
}

bool Executor::halted() const {
  const std::lock_guard lock(mutex_);
  return halted_;
}

void Executor::work(Slot& slot) noexcept {
  try {
    while (take_batch(slot)) finish(slot, run(slot));
  } catch (...) {
    give_up(slot);
  }
}

// The slot's thread ends here, within a catch. Its items are released, so that they are not charged
// for what is no fault of theirs.
void Executor::give_up(Slot& slot) noexcept {
  const std::lock_guard lock(mutex_);
  if (!cannot_run_) cannot_run_ = cannot_go_on("a thread that runs the handler");
  try {
    for (std::size_t i = 0; i < slot.leases.size(); ++i) {
      if (!slot.settled[i]) put_finished(slot, i, Outcome::release(milliseconds::zero()));
    }
  } catch (...) {  // no memory for that either: their leases run out
    running_ -= slot.open;
  }
  slot.leases.clear();
  slot.open = 0;
  poked_ = true;
  wake_all();
  progress_.notify_one();
}

bool Executor::take_batch(Slot& slot) {
  std::unique_lock lock(mutex_);
  prepare(slot.number, lock);
  for (bool waited = false; !over();) {
    if (waiting_.empty() || !is_its_turn(slot)) {
      wake();
      sleep(slot, lock, std::nullopt);
      waited = true;
    } else if (const nanoseconds left = waiting_.due() - BootClock::now();
               left > nanoseconds::zero()) {
      sleep(slot, lock, left);
      waited = true;
    } else if (std::exchange(waited, false)) {
      prepare(slot.number, lock);  // it may not be ready any more
    } else {
      break;
    }
  }
  if (over()) return false;
  slot.settled.assign(batch_, false);
  slot.queue = waiting_.take(slot.leases);
  slot.name = queues_[slot.queue];
  slot.open = slot.leases.size();
  running_ += slot.open;
  slot.since = BootClock::now();
  slot.begun = std::chrono::system_clock::now();
  if (slot.stop.stop_requested()) slot.stop = {};
  slot.reason = Reason::none;
  wake();  // it may be somebody else's turn now
  return true;
}

bool Executor::over() const { return begins_nothing_ || halted_ || cannot_run_; }

// Returns when the slot is ready, or when all is over. Gives up the lock meanwhile.
void Executor::prepare(unsigned number, std::unique_lock<std::mutex>& lock) {
  if (!prepare_) return;
  Readiness& state = readiness_[number];
  const bool is_prepared_now = state.preparing;  // for another call with this number
  work_.wait(lock, [&] { return over() || (preparing_started_ && !state.preparing); });
  if (over() || (is_prepared_now && state.ready)) return;
  state = {.ready = false, .preparing = true, .was_ready = state.ready};
  wake();  // it may be the turn of another slot now, as this one takes nothing
  lock.unlock();
  std::exception_ptr error;
  try {
    prepare_(number, stop_preparing_.get_token());
  } catch (...) {
    error = std::current_exception();
  }
  lock.lock();
  state = {.ready = !error && !over(), .preparing = false, .was_ready = false};
  if (error && !over()) cannot_run_ = error;
  if (error || unready_seen_) {
    unready_seen_ = false;
    poked_ = true;
    progress_.notify_one();
  }
  if (error) wake_all();
  if (calls_per_slot_ > 1) work_.notify_all();
  wake();
}

std::size_t Executor::calls_running(std::size_t number) const {
  const auto begin = slots_.begin() + static_cast<std::ptrdiff_t>(number * calls_per_slot_);
  return static_cast<std::size_t>(std::count_if(
      begin, begin + calls_per_slot_, [](const Slot& each) { return !each.leases.empty(); }));
}

// No slot that is ready, or is being looked at again, has fewer calls running.
bool Executor::is_its_turn(const Slot& slot) const {
  if (calls_per_slot_ == 1) return true;
  const std::size_t ours = calls_running(slot.number);
  for (std::size_t other = 0; ours > 0 && other < readiness_.size(); ++other) {
    if (readiness_[other].has_its_turn() && calls_running(other) < ours) return false;
  }
  return true;
}

std::vector<Outcome> Executor::run(Slot& slot) {
  const auto release_all = [&] {
    const std::lock_guard lock(mutex_);
    if (!cannot_run_) cannot_run_ = std::current_exception();
    wake_all();
    return std::vector<Outcome>(slot.leases.size(), Outcome::release(milliseconds::zero()));
  };
  try {
    return call_handler(handler_,
                        {slot.leases, slot.number, slot.stop.get_token(),
                         [this, &slot](std::size_t index, Outcome outcome) {
                           settle(slot, index, std::move(outcome));
                         },
                         *slot.name,
                         [this, &slot](std::size_t index, std::string text) {
                           checkpoint(slot, index, std::move(text));
                         }},
                        slot.open);
  } catch (const CannotRun&) {
    return release_all();
  } catch (const CannotGoOn&) {
    return release_all();
  }
}

void Executor::finish(Slot& slot, std::vector<Outcome> outcomes) {
  const std::lock_guard lock(mutex_);
  const nanoseconds took = BootClock::now() - slot.since;
  estimator_.add_call(took, slot.leases.size());
  count(slot.queue, took, slot.leases.size());
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    if (!slot.settled[i]) put_finished(slot, i, std::move(outcomes[i]));
  }
  slot.leases.clear();
  progress_.notify_one();
}

void Executor::settle(Slot& slot, std::size_t index, Outcome outcome) {
  const std::lock_guard lock(mutex_);
  if (index >= slot.leases.size() || slot.settled[index]) {
    refuse_to_settle(index, slot.leases.size());
  }
  put_finished(slot, index, std::move(outcome));
  if (finished() == 1) progress_.notify_one();  // else a notification is pending
}

void Executor::checkpoint(const Slot& slot, std::size_t index, std::string text) {
  check_checkpoint(text);
  std::uint64_t fence = 0;
  {
    const std::lock_guard lock(mutex_);
    if (index >= slot.leases.size() || slot.settled[index]) {
      refuse_to_settle(index, slot.leases.size());
    }
    fence = slot.leases[index].fence;
  }
  on_checkpoint_(slot.queue, fence, std::move(text));
}

void Executor::put_finished(Slot& slot, std::size_t index, Outcome outcome) {
  Usage usage = std::move(outcome.usage);
  outcome = judged(std::move(outcome), slot.reason);
  count(outcome);
  usage.slot = slot.number;
  usage.begun = slot.begun;
  usage.wall_time = std::chrono::duration_cast<milliseconds>(BootClock::now() - slot.since);
  if (outcome.kind != Outcome::Kind::complete) outcome.failure.wall_time = usage.wall_time;
  outcome.usage = std::move(usage);
  Settlement& settlement =
      finished_[slot.queue].emplace_back();  // may throw: it is the slot's then
  settlement.lease = std::move(slot.leases[index]);
  settlement.outcome = std::move(outcome);
  slot.settled[index] = true;
  --slot.open;
  --running_;
}

// Here and not where it is settled, which is later: what was begun meanwhile would go on failing.
void Executor::count(const Outcome& outcome) {
  if (outcome.kind == Outcome::Kind::release) return;
  if (outcome.kind == Outcome::Kind::complete) {
    failures_in_a_row_ = 0;
    succeeded_ = true;
    return;
  }
  ++failures_in_a_row_;
  if (halted_ || halt_after_ == 0 || failures_in_a_row_ < halt_after_) return;
  if (halt_only_at_start_ && succeeded_) return;
  halted_ = true;
  wake_all();
}

// The lock is ours already, so this costs the handlers nothing to speak of.
void Executor::count(QueueIndex queue, nanoseconds took, std::size_t items) {
  constexpr auto& kBounds = WorkerStats::kHandlerBounds;
  const auto bound = std::lower_bound(kBounds.begin(), kBounds.end(), took);
  ++stats_[queue].handler_calls.at(static_cast<std::size_t>(bound - kBounds.begin()));
  stats_[queue].handler_time += took;
  recent_[queue].add(BootClock::now(), took, items);
}

Outcome Executor::judged(Outcome outcome, Reason reason) const {
  if (reason == Reason::none || outcome.kind == Outcome::Kind::complete) return outcome;
  if (reason != Reason::timeout) {
    Outcome released = Outcome::release(milliseconds::zero());
    released.checkpoint = std::move(outcome.checkpoint);
    return released;
  }
  outcome.kind = Outcome::Kind::fail;
  outcome.failure.kind = FailureKind::timeout;
  outcome.failure.message = fmt::format("took longer than {}", timeout_);
  return outcome;
}

}  // namespace wq::internal
