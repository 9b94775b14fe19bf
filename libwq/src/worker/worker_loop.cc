#include "worker/worker_loop.h"

#include <algorithm>
#include <iterator>
#include <span>
#include <utility>

#include <fmt/format.h>

#include <wq/error.h>

#include "base/host_name.h"
#include "base/printable.h"
#include "base/random.h"
#include "base/say.h"
#include "base/start_thread.h"
#include "worker/cannot_go_on.h"
#include "worker/check_options.h"
#include "worker/group_intake.h"
#include "worker/queue_list.h"

namespace wq::internal {
namespace {

using std::chrono::milliseconds;

// An item that was taken ahead and not begun by then is released.
constexpr milliseconds kLongestIdle{1'000};
// The time to settle everything after the stop request to the handlers.
constexpr std::chrono::seconds kSettleTime{10};

// Often enough that nothing is late by more than a small part of a lease or timeout.
milliseconds watch_tick(const WorkerOptions& options) {
  milliseconds tick = options.lease / 20;
  if (options.timeout > milliseconds::zero()) tick = std::min(tick, options.timeout / 10);
  return std::clamp(tick, milliseconds{10}, milliseconds{500});
}

bool brings_crashed(const std::vector<std::pair<QueueIndex, std::vector<Lease>>>& leased) {
  return std::any_of(leased.begin(), leased.end(), [](const auto& of_queue) {
    return std::any_of(of_queue.second.begin(), of_queue.second.end(),
                       [](const Lease& lease) { return lease.crashes > 0; });
  });
}

RedisOptions logging_to(const Log& log, RedisOptions redis) {
  if (!redis.log) redis.log = log;
  return redis;
}

std::vector<std::string> names_of(const std::vector<QueueShare>& queues) {
  std::vector<std::string> names;
  for (const QueueShare& each : queues) names.push_back(each.queue);
  return names;
}

std::vector<unsigned> weights_of(const std::vector<QueueShare>& queues) {
  std::vector<unsigned> weights;
  for (const QueueShare& each : queues) weights.push_back(each.weight);
  return weights;
}

}  // namespace

WorkerLoop::WorkerLoop(RedisOptions redis, WorkerOptions options, BatchHandler handler,
                       const std::vector<std::string>& queues, const std::vector<unsigned>& weights)
    : options_(std::move(options)),
      redis_(logging_to(options_.log, std::move(redis))),
      session_(random_id()),
      supply_(options_),
      executor_(options_, queues, std::move(handler), weights,
                [this](QueueIndex queue, std::uint64_t fence, std::string text) {
                  sources_.of(queue)->renewer().checkpoint(fence, std::move(text));
                }),
      isolation_(
          executor_, options_.retry,
          [this](const QueueLease& held) { return sources_[held.queue].isolate(held.lease); }),
      keeper_(redis_, options_, abandon_.get_token(), sources_, intake_),
      confirmer_(redis_, options_.durable_replicas, abandon_.get_token(),
                 [this] { executor_.poke(); }) {}

WorkerLoop::WorkerLoop(const std::vector<QueueShare>& queues, RedisOptions redis,
                       WorkerOptions options, BatchHandler handler)
    : WorkerLoop(std::move(redis), checked(std::move(options), queues), std::move(handler),
                 names_of(queues), weights_of(queues)) {
  intake_ = std::make_unique<QueueList>(queues, context(), on_lost(), sources_);
}

WorkerLoop::WorkerLoop(const QueueGroup& group, RedisOptions redis, WorkerOptions options,
                       BatchHandler handler)
    : WorkerLoop(std::move(redis), checked(std::move(options), group), std::move(handler), {}, {}) {
  intake_ = std::make_unique<GroupIntake>(
      group, context(), on_lost(), sources_,
      [this](QueueIndex place, const std::string& queue) { executor_.name_queue(place, queue); });
}

SourceContext WorkerLoop::context() {
  return {redis_, options_, session_, abandon_.get_token(), keeper_.links()};
}

Intake::OnLost WorkerLoop::on_lost() {
  return [this](QueueIndex queue, std::span<const std::uint64_t> fences) {
    log(LogLevel::warning, fmt::format("{} leases were lost", fences.size()));
    executor_.lose(queue, fences);
  };
}

WorkerLoop::~WorkerLoop() { stop_threads(); }

WorkerReport WorkerLoop::run() {
  start_threads();
  try {
    report_.end = work();
    settle_the_rest();
    wait_for_replicas();
    drained_ = report_.end == WorkerEnd::drained;
    if (drained_) intake_->drained();
  } catch (const ProtocolError&) {
    // One queue was replaced. What is held of the others goes back.
    give_up_queue();
    give_back();
  } catch (const Error&) {
    give_up(std::current_exception());
  } catch (...) {
    fail("the worker's main thread");
    give_back();
  }
  executor_.leave();
  while (executor_.load().running > 0) {
    for (QueueIndex queue = 0; queue < sources_.size(); ++queue) {
      static_cast<void>(executor_.take_finished(queue, Queue::kMaxBatch));
    }
    executor_.wait(BootClock::now() + kLongestIdle);
  }
  stop_threads();
  give_up_unconfirmed();
  confirmer_.remove_marks();
  const WorkerStats total = sources_.total();
  report_.completed = total.completed;
  report_.failed = total.failed;
  report_.released = total.released;
  report_.lost = total.lost;
  report_.unknown = total.unknown;
  const std::lock_guard lock(mutex_);
  if (executor_.cannot_run()) std::rethrow_exception(executor_.cannot_run());
  for (const auto& each : sources_) {
    if (each->refused()) std::rethrow_exception(each->refused());
  }
  if (fault_) std::rethrow_exception(fault_);
  if (replaced_) std::rethrow_exception(replaced_);
  try {
    if (error_) std::rethrow_exception(error_);
  } catch (const ConnectionError&) {
    if (!stopping_) throw;
    log(LogLevel::warning,
        "stopped while Redis was unreachable; held items return to the queue when their leases "
        "expire");
    report_.end = WorkerEnd::stopped;
  }
  return report_;
}

void WorkerLoop::request_stop(milliseconds grace) noexcept {
  stopping_ = true;
  {
    const std::lock_guard lock(mutex_);
    const TimePoint at = BootClock::now() + grace;
    if (!leave_at_ || at < *leave_at_) leave_at_ = at;
  }
  changed_.notify_all();
  executor_.begin_nothing_more();
}

// ---- the main thread ----

WorkerEnd WorkerLoop::work() {
  started_at_ = idle_since_ = BootClock::now();
  try {
    intake_->begin();
  } catch (const std::invalid_argument&) {  // nothing is held
    give_up(std::current_exception());
    return WorkerEnd::halted;
  }
  if (const auto end = look_at_queues()) return *end;
  executor_.start_preparing();
  while (true) {
    if (const auto end = reason_to_end()) return *end;
    count_confirmed();
    advance_isolation();
    release(executor_.take_back(BootClock::now() - kLongestIdle,
                                supply_.next_batches(executor_.load())));
    while (post_what_is_useful()) continue;
    if (absorb_answers()) continue;
    if (const auto end = wait_for_work()) return *end;
  }
}

std::optional<WorkerEnd> WorkerLoop::reason_to_end() {
  rethrow_error();
  if (stopping_) return WorkerEnd::stopped;
  const bool refused = std::any_of(sources_.begin(), sources_.end(),
                                   [](const auto& each) { return each->refused() != nullptr; });
  if (executor_.cannot_run() || executor_.halted() || refused || failed_thread_) {
    return WorkerEnd::halted;
  }
  // Results that Redis would not take are failures that the slots know nothing of.
  if (options_.halt_after > 0 && failures_in_a_row_ >= options_.halt_after &&
      !(options_.halt_only_at_start && succeeded_)) {
    return WorkerEnd::halted;
  }
  if (options_.max_items > 0 && sources_.leased() >= options_.max_items)
    return WorkerEnd::max_items;
  return std::nullopt;
}

// One request to each queue that needs one and has not enough under way. False if none did.
bool WorkerLoop::post_what_is_useful() {
  divide_wanted();
  Round round;
  intake_->hold_requests();
  for (QueueIndex queue = 0; queue < sources_.size(); ++queue) {
    QueueSource& source = sources_[queue];
    if (source.outstanding() >= kRequestsInFlight) continue;
    std::vector<Settlement> settlements = to_settle(queue);
    if (settlements.empty() && !source.has_unasked() && shares_[queue] == 0) continue;
    post(queue, std::move(settlements), std::exchange(shares_[queue], 0));
    round.push_back(queue);
  }
  intake_->send_requests();
  for (QueueIndex queue = 0; queue < sources_.size(); ++queue) give_share_back(queue, 0);
  if (round.empty()) return false;
  rounds_.push_back(std::move(round));
  return true;
}

void WorkerLoop::divide_wanted() {
  const TimePoint now = BootClock::now();
  const std::size_t want = intake_->can_divide(now) ? wanted() : 0;
  intake_->divide(want, ahead_, now, shares_);
  for (QueueIndex queue = 0; queue < sources_.size(); ++queue) {
    give_share_back(queue, sources_[queue].bearable(shares_[queue]));
  }
}

// All but `keep` of it is not asked for.
void WorkerLoop::give_share_back(QueueIndex queue, std::size_t keep) {
  const std::size_t share = std::exchange(shares_[queue], keep);
  if (share > keep) intake_->not_asked(queue, share - keep);
}

std::vector<Settlement> WorkerLoop::to_settle(QueueIndex queue) {
  std::vector<Settlement> settlements = executor_.take_finished(queue, Queue::kMaxBatch);
  if (!settlements.empty()) {
    const auto took = executor_.per_item(queue).value_or(std::chrono::nanoseconds{0});
    const auto of_slot = took / options_.calls_per_slot;  // its calls share it
    sources_[queue].tally().item_us = std::chrono::ceil<std::chrono::microseconds>(of_slot).count();
  }
  std::vector<Settlement> released = sources_[queue].take_released();
  std::move(released.begin(), released.end(), std::back_inserter(settlements));
  return settlements;
}

void WorkerLoop::post(QueueIndex queue, std::vector<Settlement> settlements, std::size_t want) {
  for (Settlement& each : settlements) {
    Outcome& outcome = each.outcome;
    isolation_.correct(queue, each.lease);
    sources_[queue].refuse_invalid(each);
    // Who stops us may have stopped what did the work too, as a service manager does that signals
    // all processes; and what was too slow may have been slow since the machine goes down. The
    // cause is unknown, so no item is charged.
    if (stopping_ &&
        (outcome.kind == Outcome::Kind::crash ||
         (outcome.kind == Outcome::Kind::fail && outcome.failure.kind == FailureKind::timeout))) {
      Outcome released = Outcome::release(milliseconds::zero());
      released.usage = std::move(outcome.usage);
      released.checkpoint = std::move(outcome.checkpoint);
      outcome = std::move(released);
    }
    if (outcome.kind == Outcome::Kind::complete || outcome.kind == Outcome::Kind::release) continue;
    if (outcome.failure.worker.empty()) outcome.failure.worker = options_.label;
    if (outcome.failure.host.empty()) outcome.failure.host = host_name();
  }
  const bool marks = confirmer_.wanted() && !settlements.empty();
  sources_[queue].post(std::move(settlements), want, marks ? confirmer_.next_mark() : 0);
}

// Those of the first round. False if nothing was under way. What was leased is handed out when all
// have answered: a handler that is quick would else get all items of one queue before those of the
// next. A queue that had no part in this round has none of its items of the next handed out either.
bool WorkerLoop::absorb_answers() {
  if (rounds_.empty()) return false;
  const Round round = std::move(rounds_.front());
  rounds_.pop_front();
  std::vector<std::pair<QueueIndex, std::vector<Lease>>> leased;
  const auto take_in_all = [&] {
    if (!leased.empty()) beside_crashed_ = brings_crashed(leased);
    for (auto& [queue, leases] : leased) take_in(queue, std::move(leases));
  };
  try {
    for (const QueueIndex queue : round) absorb(queue, leased);
  } catch (...) {  // nothing that is ours may be out of sight
    take_in_all();
    throw;
  }
  take_in_all();
  return true;
}

void WorkerLoop::absorb(QueueIndex queue,
                        std::vector<std::pair<QueueIndex, std::vector<Lease>>>& leased) {
  LeaseStream::Answer answer = sources_[queue].take();
  if (answer.wanted > 0) intake_->answered(queue, answer.wanted, answer.popped);
  if (!answer.refusal.empty()) intake_->refused(queue, answer.refusal);
  holding_ += answer.leased.size();
  holding_ -= answer.settled.size();
  sources_[queue].tally().holding += answer.leased.size();
  sources_[queue].tally().holding -= answer.settled.size();
  // First, so that nothing that is ours is out of sight if what follows throws.
  if (!answer.leased.empty()) leased.emplace_back(queue, std::move(answer.leased));
  absorb_settled(queue, answer);
  if (!answer.settled.empty() || answer.popped > 0) idle_since_ = BootClock::now();
  if (answer.popped > 0) executor_.expect_more(queue, true);
}

// An item that has crashed before may take this process with it, and whatever it holds would be
// charged for that as well. So nothing is held beside such items but what runs, and nothing at all
// beside one that has no more than one crash left.
void WorkerLoop::take_in(QueueIndex queue, std::vector<Lease> leased) {
  const TimePoint now = BootClock::now();
  const bool took_in = !giving_back_ && isolation_.take_in(queue, leased);
  std::size_t room = leased.size();
  if (beside_crashed_ || took_in) {
    release(executor_.take_back(now));
    const Executor::Load load = executor_.load();
    room = load.ready_slots - std::min(load.running_ready, load.ready_slots);
  }
  if (giving_back_ || took_in) room = 0;
  for (; leased.size() > room; leased.pop_back()) {
    sources_[queue].release(std::move(leased.back()));
  }
  executor_.give(queue, std::move(leased), now);
}

void WorkerLoop::release(std::vector<QueueLease> held) {
  for (QueueLease& each : held) sources_[each.queue].release(std::move(each.lease));
}

void WorkerLoop::advance_isolation() {
  isolation_.advance(holding_, std::all_of(sources_.begin(), sources_.end(),
                                           [](const auto& each) { return each->quiet(); }));
}

// What Redis has accepted counts at once, or when replicas have it.
void WorkerLoop::absorb_settled(QueueIndex queue, LeaseStream::Answer& answer) {
  std::vector<Settlement> accepted;
  for (std::size_t i = 0; i < answer.settled.size(); ++i) {
    Settlement& settlement = answer.settlements[i];
    if (answer.settled[i] != Settled::accepted) {
      count(queue, settlement, answer.settled[i]);
      continue;
    }
    note_accepted(settlement);
    if (!confirmer_.wanted()) {
      count(queue, settlement, Settled::accepted);
    } else if (answer.mark == 0) {
      count(queue, settlement, Settled::unknown);
    } else {
      accepted.push_back(std::move(settlement));
    }
  }
  if (accepted.empty()) return;
  sources_[queue].tally().unconfirmed += accepted.size();
  confirmer_.add(queue, std::move(accepted), sources_[queue].mark_key(), answer.mark);
}

void WorkerLoop::note_accepted(const Settlement& settlement) {
  const Outcome& outcome = settlement.outcome;
  if (outcome.kind == Outcome::Kind::release) return;
  if (outcome.kind == Outcome::Kind::complete) {
    succeeded_ = true;
    failures_in_a_row_ = 0;
    return;
  }
  ++failures_in_a_row_;
  log(LogLevel::warning,
      fmt::format("item {} failed, attempt {}: {}: {}", printable(settlement.lease.item),
                  settlement.lease.attempt(), text(outcome.failure.kind), outcome.failure.message));
}

void WorkerLoop::count(QueueIndex queue, const Settlement& settlement, Settled settled) {
  Tally& tally = sources_[queue].tally();
  if (settled == Settled::unknown) ++tally.unknown;
  if (settled == Settled::lost) ++tally.lost;
  if (settled != Settled::accepted) {
    log(LogLevel::warning,
        fmt::format("item {}: {}", printable(settlement.lease.item),
                    settled == Settled::lost
                        ? "its lease was lost before it was settled; another attempt counts"
                        : "the reply to its settlement was lost; the state in Redis is exact"));
    return;
  }
  if (options_.settled) options_.settled(settlement);
  switch (settlement.outcome.kind) {
    case Outcome::Kind::complete:
      ++tally.completed;
      return;
    case Outcome::Kind::release:
      ++tally.released;
      return;
    case Outcome::Kind::fail:
    case Outcome::Kind::crash:
    case Outcome::Kind::fatal:
      ++tally.failed;
      return;
  }
}

void WorkerLoop::count_confirmed() {
  confirmer_.deliver([this](QueueIndex queue, const Settlement& settlement, Settled settled) {
    --sources_[queue].tally().unconfirmed;
    count(queue, settlement, settled);
  });
}

void WorkerLoop::give_up_unconfirmed() {
  count_confirmed();
  if (confirmer_.waiting() == 0) return;
  log(LogLevel::error,
      fmt::format("{} settlements were accepted, and not confirmed by {} replicas (--durable): a "
                  "failover may lose them, and their items run again",
                  confirmer_.waiting(), options_.durable_replicas));
  confirmer_.give_up([this](QueueIndex queue, const Settlement& /*each*/, Settled /*unknown*/) {
    --sources_[queue].tally().unconfirmed;
    ++sources_[queue].tally().unknown;
  });
}

// False if that is not so, or not certain: it is to be looked at again.
bool WorkerLoop::replicas_have_the_look() {
  if (!confirmer_.wanted()) return true;
  const std::uint64_t mark = confirmer_.next_mark();
  const auto keys = intake_->mark_look(mark);
  if (!keys) return false;
  for (const std::string& key : *keys) confirmer_.add(0, {}, key, mark);
  return std::all_of(keys->begin(), keys->end(),
                     [&](const std::string& key) { return replicas_have(key, mark); });
}

bool WorkerLoop::replicas_have(const std::string& key, std::uint64_t mark) {
  while (!confirmer_.has(key, mark)) {
    rethrow_error();
    if (stopping_) return false;
    executor_.wait(BootClock::now() + kLongestIdle);
    count_confirmed();
  }
  if (confirmer_.has(key, mark).value()) return true;
  log(LogLevel::warning,
      "the queue is drained at a server that is not the one that the replicas follow: looking "
      "again over new connections");
  intake_->reconnect();
  return false;
}

// What is settled with an end that is not drained.
void WorkerLoop::wait_for_replicas() {
  while (confirmer_.waiting() > 0) {
    rethrow_error();
    executor_.wait(BootClock::now() + kLongestIdle);
    count_confirmed();
  }
}

std::size_t WorkerLoop::wanted() {
  if (isolation_.active() || confirmer_.is_short()) return 0;
  const Executor::Load load = executor_.load();
  ready_slots_ = load.ready_slots;
  std::size_t coming = 0;
  for (const auto& each : sources_) coming += each->coming();
  const std::size_t have = load.waiting + load.running_ready + coming;
  const std::size_t target = beside_crashed_ ? load.ready_slots : supply_.target(load);
  ahead_ = target - std::min(target, load.ready_slots);
  std::size_t want = target - std::min(target, have);
  if (options_.max_items > 0) {
    const std::uint64_t left =
        options_.max_items - std::min(options_.max_items, sources_.leased() + coming);
    want = static_cast<std::size_t>(std::min<std::uint64_t>(want, left));
  }
  return std::min(want, isolation_.expects_another() ? std::size_t{1} : Queue::kMaxBatch);
}

// No request is in flight, and none is pending.
std::optional<WorkerEnd> WorkerLoop::wait_for_work() {
  const TimePoint now = BootClock::now();
  if (holding_ > 0) {
    wait_for_progress(now);
    return std::nullopt;
  }
  const std::size_t ready = executor_.load().ready_slots;
  if (ready == 0) idle_since_ = now;  // it is not the queue that we wait for
  if (const auto end = look_at_queues()) return end;
  intake_->tell_wait(now, ready);
  intake_->ask_at_once();
  if (ready == 0 || confirmer_.is_short()) {
    executor_.wait(now + kLongestIdle);
  } else if (std::exchange(ready_slots_, ready) >= ready) {  // else more may be wanted by now
    if (const auto until = intake_->wait_for_item(item_wait(now))) executor_.wait(*until);
  }
  return std::nullopt;
}

ItemWait WorkerLoop::item_wait(TimePoint now) const {
  ItemWait wait;
  wait.idle = std::chrono::duration_cast<milliseconds>(now - idle_since_);
  const auto no_later_than = [&](TimePoint time) {
    wait.longest = std::min(wait.longest, std::chrono::ceil<milliseconds>(time - now));
  };
  if (options_.max_idle > milliseconds::zero()) no_later_than(idle_since_ + options_.max_idle);
  if (!begun_) no_later_than(started_at_ + options_.wait_open);
  wait.interrupted = [this] {
    return stopping_ || failed_thread_ || has_error() || executor_.cannot_run() ||
           executor_.halted() || executor_.load().ready_slots == 0;
  };
  return wait;
}

void WorkerLoop::wait_for_progress(TimePoint now) {
  intake_->note_progress();
  // Is it worth waiting for more items, so that a batch becomes full?
  if (options_.max_delay > milliseconds::zero() && executor_.load().waiting > 0) {
    static_cast<void>(look_at_queues());
    for (QueueIndex queue = 0; queue < sources_.size(); ++queue) {
      executor_.expect_more(queue, intake_->may_get_more(queue));
    }
  }
  executor_.wait(std::min(now + kLongestIdle, intake_->asks_again(now)));
}

std::optional<WorkerEnd> WorkerLoop::look_at_queues() {
  const Intake::Look look = intake_->look();
  begun_ = look.begun;
  report_.dead_before = look.dead_before;
  const TimePoint now = BootClock::now();
  if (look.drained && look.begun && intake_->nothing_has_moved() && replicas_have_the_look()) {
    return WorkerEnd::drained;
  }
  if (look.drained && !look.begun && now - started_at_ >= options_.wait_open) {
    return WorkerEnd::never_opened;
  }
  if (options_.max_idle > milliseconds::zero() && now - idle_since_ >= options_.max_idle) {
    return WorkerEnd::max_idle;
  }
  return std::nullopt;
}

// No more leases. Waiting items are released, unless they count towards `max_items`; running items
// may finish.
void WorkerLoop::settle_the_rest() {
  const auto is_under_way = [](const auto& each) {
    return each->has_unasked() || each->outstanding() > 0;
  };
  while (holding_ > 0 || std::any_of(sources_.begin(), sources_.end(), is_under_way)) {
    rethrow_error();
    if (failed_thread_) executor_.leave();
    giving_back_ = report_.end != WorkerEnd::max_items || stopping_ || executor_.cannot_run() ||
                   failed_thread_;
    if (giving_back_) {
      executor_.begin_nothing_more();
      release(executor_.take_back(BootClock::now()));
      if (auto held = isolation_.give_up()) {
        sources_[held->queue].release(std::move(held->lease));
      }
    }
    advance_isolation();
    for (QueueIndex queue = 0; queue < sources_.size(); ++queue) {
      std::vector<Settlement> settlements = to_settle(queue);
      if (settlements.empty() && !sources_[queue].has_unasked()) continue;
      post(queue, std::move(settlements), 0);
      rounds_.push_back({queue});
    }
    if (!absorb_answers()) executor_.wait(BootClock::now() + kLongestIdle);
  }
  if (report_.end != WorkerEnd::drained) intake_->read_counts_at_end();
}

// After an exception that came from anywhere in this thread: what was on its way between the
// handlers and Redis is given up, and its leases run out. All other items are released.
void WorkerLoop::give_back() noexcept {
  try {
    executor_.leave();
    const Executor::Load load = executor_.load();
    holding_ = load.running + load.finished;
    rounds_.clear();
    for (const auto& each : sources_) {
      each->forget();
      holding_ += each->released();
    }
    report_.end = WorkerEnd::halted;
    settle_the_rest();
    wait_for_replicas();
  } catch (...) {  // then all leases run out; why this worker ends is known
  }
}

// ---- the other threads ----

void WorkerLoop::start_threads() {
  keeper_thread_ =
      start("the thread that renews leases", [this](const std::stop_token& stop) { keep(stop); });
  if (confirmer_.wanted()) {
    confirmer_thread_ = start("the thread that waits for replicas",
                              [this](const std::stop_token& stop) { confirm(stop); });
  }
  watch_thread_ = start("the thread that watches timeouts",
                        [this](const std::stop_token& stop) { watch(stop); });
  for (const Intake::Body& each : intake_->reclaimers()) {
    reclaimer_threads_.push_back(start("the thread of the reclaimer", each));
  }
}

template <typename Body>
std::jthread WorkerLoop::start(const char* who, Body body) {
  return start_thread<std::jthread>(who, [this, who, body](const std::stop_token& stop) {
    try {
      body(stop);
    } catch (...) {
      fail(who);
    }
  });
}

void WorkerLoop::stop_threads() noexcept {
  const auto end = [this](std::jthread& thread) {
    thread.request_stop();
    changed_.notify_all();
    if (thread.joinable()) thread.join();
  };
  for (std::jthread& each : reclaimer_threads_) end(each);
  if (confirmer_.waiting() > 0) abandon_.request_stop();  // it may wait as long as its patience
  end(confirmer_thread_);
  end(keeper_thread_);
  end(watch_thread_);
}

void WorkerLoop::keep(const std::stop_token& stop) {
  try {
    keeper_.run(stop);
  } catch (const ReplyError&) {
    give_up(std::current_exception());
    return;
  } catch (const ProtocolError&) {
    give_up(std::current_exception());
  }
  keeper_.leave(drained_);
}

void WorkerLoop::confirm(const std::stop_token& stop) {
  try {
    confirmer_.run(stop);
  } catch (const Error&) {
    give_up(std::current_exception());
  }
}

void WorkerLoop::watch(const std::stop_token& stop) {
  const milliseconds tick = watch_tick(options_);
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    const auto leave_at = leave_at_;
    lock.unlock();
    const TimePoint now = BootClock::now();
    executor_.enforce_timeout(now);
    for (const auto& each : sources_.all()) each->renewer().expire(now);
    if (leave_at && now >= *leave_at) executor_.leave();
    const bool is_done = holding_ == 0 && confirmer_.waiting() == 0;
    if (leave_at && (is_done || now >= *leave_at + kSettleTime)) abandon_.request_stop();
    lock.lock();
    changed_.wait_for(lock, stop, tick, [&] { return leave_at_ != leave_at; });
  }
}

bool WorkerLoop::has_error() const {
  const std::lock_guard lock(mutex_);
  return error_ != nullptr;
}

void WorkerLoop::rethrow_error() const {
  const std::lock_guard lock(mutex_);
  if (error_) std::rethrow_exception(error_);
}

void WorkerLoop::give_up(std::exception_ptr error) noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (!error_ && !replaced_) error_ = std::move(error);
  }
  executor_.poke();
}

// Within a catch. From here on no error ends what is to be settled with the other queues; it has as
// long as after a stop request.
void WorkerLoop::give_up_queue() noexcept {
  {
    const std::lock_guard lock(mutex_);
    replaced_ = std::current_exception();
    error_ = nullptr;
    leave_at_ = std::min(leave_at_.value_or(TimePoint::max()), BootClock::now());
  }
  changed_.notify_all();
}

// Within a catch. Unlike after `give_up`, Redis is reachable and the held items are released.
void WorkerLoop::fail(const char* who) noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (!fault_) fault_ = cannot_go_on(who);
    leave_at_ = std::min(leave_at_.value_or(TimePoint::max()), BootClock::now());
  }
  failed_thread_ = true;
  changed_.notify_all();
  executor_.poke();
}

// ---- what it tells ----

std::vector<WorkerStats> WorkerLoop::stats() const {
  std::vector<WorkerStats> all = intake_->stats(executor_.handler_stats());
  all.front().reconnects += keeper_.reconnects();  // the connection of all of them
  return all;
}

void WorkerLoop::log(LogLevel level, std::string_view text) const {
  say(options_.log, level, text);
}

}  // namespace wq::internal
