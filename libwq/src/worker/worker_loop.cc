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
#include "worker/call_handler.h"
#include "worker/check_options.h"

namespace wq::internal {
namespace {

using std::chrono::milliseconds;

// An item that was taken ahead and not begun by then is released.
constexpr milliseconds kLongestWait{1'000};
constexpr milliseconds kLongestWaitForItem{1'000};
constexpr milliseconds kPausedWait{500};
constexpr std::size_t kInFlight = 2;
// The time to settle everything after the stop request to the handlers.
constexpr std::chrono::seconds kSettleTime{10};

// Often enough that nothing is late by more than a small part of a lease or timeout.
milliseconds watch_tick(const WorkerOptions& options) {
  milliseconds tick = options.lease / 20;
  if (options.timeout > milliseconds::zero()) tick = std::min(tick, options.timeout / 10);
  return std::clamp(tick, milliseconds{10}, milliseconds{500});
}

RedisOptions with_log(RedisOptions redis, const Log& log) {
  if (!redis.log) redis.log = log;
  return redis;
}

}  // namespace

WorkerLoop::WorkerLoop(const std::string& queue, RedisOptions redis, WorkerOptions options,
                       BatchHandler handler)
    : options_(checked(std::move(options))),
      session_(random_id()),
      supply_(options_),
      executor_(options_, queue, std::move(handler)),
      isolation_(executor_, options_.retry,
                 [this](const Lease& lease) { return source_.isolate(lease); }),
      source_(queue, with_log(std::move(redis), options_.log), options_, session_,
              abandon_.get_token(), [this](std::span<const std::uint64_t> fences) {
                say(options_.log, LogLevel::warning,
                    fmt::format("{} leases were lost", fences.size()));
                executor_.lose(fences);
              }) {}

WorkerLoop::~WorkerLoop() { stop_threads(); }

WorkerReport WorkerLoop::run() {
  start_threads();
  try {
    report_.end = work();
    settle_the_rest();
    drained_ = report_.end == WorkerEnd::drained;
  } catch (const Error&) {
    give_up(std::current_exception());
  } catch (...) {
    fail("the worker's main thread");
    give_back();
  }
  executor_.leave();
  while (executor_.load().running > 0) {
    static_cast<void>(executor_.take_finished(Queue::kMaxBatch));
    executor_.wait(BootClock::now() + kLongestWait);
  }
  stop_threads();
  tally_.copy_to(report_);
  const std::lock_guard lock(mutex_);
  if (executor_.cannot_run()) std::rethrow_exception(executor_.cannot_run());
  if (source_.refused()) std::rethrow_exception(source_.refused());
  if (fault_) std::rethrow_exception(fault_);
  try {
    if (error_) std::rethrow_exception(error_);
  } catch (const ConnectionError&) {
    if (!stopping_) throw;
    say(options_.log, LogLevel::warning,
        "stopped while Redis was unreachable; held items return to the queue when their leases "
        "expire");
    report_.end = WorkerEnd::stopped;
  }
  report_.counts = counts();
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
  if (const auto end = look_at_queue()) return *end;
  executor_.start_preparing();
  while (true) {
    if (const auto end = reason_to_end()) return *end;
    isolation_.advance(holding_, source_.quiet());
    release(executor_.take_back(BootClock::now() - kLongestWait,
                                supply_.next_batches(executor_.load())));
    while (source_.outstanding() < kInFlight && post_if_useful()) continue;
    if (absorb_answer()) continue;
    if (const auto end = wait_for_work()) return *end;
  }
}

std::optional<WorkerEnd> WorkerLoop::reason_to_end() {
  rethrow_error();
  if (stopping_) return WorkerEnd::stopped;
  if (executor_.cannot_run() || executor_.halted() || source_.refused() || failed_thread_) {
    return WorkerEnd::halted;
  }
  // Results that Redis would not take are failures that the slots know nothing of.
  if (options_.halt_after > 0 && failures_in_a_row_ >= options_.halt_after &&
      !(options_.halt_only_at_start && succeeded_)) {
    return WorkerEnd::halted;
  }
  if (options_.max_items > 0 && source_.leased() >= options_.max_items) return WorkerEnd::max_items;
  return std::nullopt;
}

bool WorkerLoop::post_if_useful() {
  std::vector<Settlement> settlements = to_settle();
  const std::size_t want = wanted();
  if (settlements.empty() && !source_.has_unasked() && want == 0) return false;
  post(std::move(settlements), want);
  return true;
}

std::vector<Settlement> WorkerLoop::to_settle() {
  std::vector<Settlement> settlements = executor_.take_finished(Queue::kMaxBatch);
  std::vector<Settlement> released = source_.take_released();
  std::move(released.begin(), released.end(), std::back_inserter(settlements));
  return settlements;
}

void WorkerLoop::post(std::vector<Settlement> settlements, std::size_t want) {
  for (Settlement& each : settlements) {
    Outcome& outcome = each.outcome;
    isolation_.correct(each.lease);
    source_.refuse_too_large(each);
    // Who stops us may have stopped what did the work too, as a service manager does that signals
    // all processes; and what was too slow may have been slow since the machine goes down. The
    // cause is unknown, so no item is charged.
    if (stopping_ &&
        (outcome.kind == Outcome::Kind::crash ||
         (outcome.kind == Outcome::Kind::fail && outcome.failure.kind == FailureKind::timeout))) {
      const Usage usage = outcome.usage;
      outcome = Outcome::release(milliseconds::zero());
      outcome.usage = usage;
    }
    if (outcome.kind == Outcome::Kind::complete || outcome.kind == Outcome::Kind::release) continue;
    if (outcome.failure.worker.empty()) outcome.failure.worker = options_.label;
    if (outcome.failure.host.empty()) outcome.failure.host = host_name();
  }
  source_.post(std::move(settlements), want);
}

// False if nothing was under way.
bool WorkerLoop::absorb_answer() {
  if (source_.outstanding() == 0) return false;
  LeaseStream::Answer answer = source_.take();
  holding_ += answer.leased.size();
  holding_ -= answer.settled.size();
  // First, so that nothing that is ours is out of sight if what follows throws.
  if (!answer.leased.empty()) take_in(std::move(answer.leased));
  for (std::size_t i = 0; i < answer.settled.size(); ++i) {
    count(answer.settlements[i], answer.settled[i]);
  }
  if (!answer.settled.empty() || answer.popped) idle_since_ = BootClock::now();
  if (answer.popped) executor_.expect_more(true);
  return true;
}

// An item that has crashed before may take this process with it, and whatever it holds would be
// charged for that as well. So nothing is held beside such items but what runs, and nothing at all
// beside one that has no more than one crash left.
void WorkerLoop::take_in(std::vector<Lease> leased) {
  const TimePoint now = BootClock::now();
  const bool took_in = !giving_back_ && isolation_.take_in(leased);
  std::size_t room = leased.size();
  if (source_.brought_crashed() || took_in) {
    release(executor_.take_back(now));
    const Executor::Load load = executor_.load();
    room = load.ready_slots - std::min(load.running_ready, load.ready_slots);
  }
  if (giving_back_ || took_in) room = 0;
  for (; leased.size() > room; leased.pop_back()) source_.release(std::move(leased.back()));
  executor_.give(std::move(leased), now);
}

void WorkerLoop::release(std::vector<Lease> held) {
  for (Lease& each : held) source_.release(std::move(each));
}

void WorkerLoop::count(const Settlement& settlement, Settled settled) {
  const Outcome& outcome = settlement.outcome;
  if (settled == Settled::unknown) ++tally_.unknown;
  if (settled == Settled::lost) ++tally_.lost;
  if (settled != Settled::accepted) {
    say(options_.log, LogLevel::warning,
        fmt::format("item {}: {}", printable(settlement.lease.item),
                    settled == Settled::lost
                        ? "its lease was lost before it was settled; another attempt counts"
                        : "the reply to its settlement was lost; the state in Redis is exact"));
    return;
  }
  if (options_.settled) options_.settled(settlement);
  switch (outcome.kind) {
    case Outcome::Kind::complete:
      ++tally_.completed;
      succeeded_ = true;
      failures_in_a_row_ = 0;
      return;
    case Outcome::Kind::release:
      ++tally_.released;
      return;
    case Outcome::Kind::fail:
    case Outcome::Kind::crash:
    case Outcome::Kind::fatal:
      ++tally_.failed;
      ++failures_in_a_row_;
      say(options_.log, LogLevel::warning,
          fmt::format("item {} failed, attempt {}: {}: {}", printable(settlement.lease.item),
                      settlement.lease.attempt(), text(outcome.failure.kind),
                      outcome.failure.message));
      return;
  }
}

std::size_t WorkerLoop::wanted() {
  if (BootClock::now() < source_.dry_until() || isolation_.active()) return 0;
  const Executor::Load load = executor_.load();
  ready_slots_ = load.ready_slots;
  const std::size_t coming = source_.coming();
  const std::size_t have = load.waiting + load.running_ready + coming;
  const std::size_t target = source_.brought_crashed() ? load.ready_slots : supply_.target(load);
  std::size_t want = target - std::min(target, have);
  if (options_.max_items > 0) {
    const std::uint64_t left =
        options_.max_items - std::min(options_.max_items, source_.leased() + coming);
    want = static_cast<std::size_t>(std::min<std::uint64_t>(want, left));
  }
  want = std::min(want, isolation_.expects_another() ? std::size_t{1} : Queue::kMaxBatch);
  return source_.bearable(want);
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
  if (const auto end = look_at_queue()) return end;
  source_.tell_wait(now, ready);
  source_.ask_at_once();
  if (ready == 0) {
    executor_.wait(now + kLongestWait);
  } else if (std::exchange(ready_slots_, ready) >= ready) {  // else more may be wanted by now
    wait_for_item();
  }
  return std::nullopt;
}

void WorkerLoop::wait_for_progress(TimePoint now) {
  source_.waits_no_more();
  // Is it worth waiting for more items, so that a batch becomes full?
  if (options_.max_delay > milliseconds::zero() && executor_.load().waiting > 0) {
    static_cast<void>(look_at_queue());
    executor_.expect_more(counts().ready > 0 || counts().producers > 0);
  }
  TimePoint until = now + kLongestWait;
  if (now < source_.dry_until()) until = std::min(until, source_.dry_until());
  executor_.wait(until);
}

void WorkerLoop::wait_for_item() {
  if (!counts().paused) {
    if (source_.wait_for_item(kLongestWaitForItem)) return;
    // It is refused at maxmemory and returns at once: then a pop is tried from time to time.
    if (BootClock::now() < source_.dry_until()) return;
  }
  executor_.wait(BootClock::now() + kPausedWait);
}

std::optional<WorkerEnd> WorkerLoop::look_at_queue() {
  const Counts counts = source_.look();
  const TimePoint now = BootClock::now();
  if (counts.drained()) return WorkerEnd::drained;
  if (counts.id.empty() && now - started_at_ >= options_.wait_open) return WorkerEnd::never_opened;
  if (options_.max_idle > milliseconds::zero() && now - idle_since_ >= options_.max_idle) {
    return WorkerEnd::max_idle;
  }
  return std::nullopt;
}

// No more leases. Waiting items are released, unless they count towards `max_items`; running items
// may finish.
void WorkerLoop::settle_the_rest() {
  while (holding_ > 0 || source_.has_unasked() || source_.outstanding() > 0) {
    rethrow_error();
    if (failed_thread_) executor_.leave();
    giving_back_ = report_.end != WorkerEnd::max_items || stopping_ || executor_.cannot_run() ||
                   failed_thread_;
    if (giving_back_) {
      executor_.begin_nothing_more();
      release(executor_.take_back(BootClock::now()));
      if (auto held = executor_.take_aside()) source_.release(*std::move(held));
    }
    isolation_.advance(holding_, source_.quiet());
    std::vector<Settlement> settlements = to_settle();
    if (!settlements.empty() || source_.has_unasked()) post(std::move(settlements), 0);
    if (!absorb_answer()) executor_.wait(BootClock::now() + kLongestWait);
  }
  if (report_.end != WorkerEnd::drained) static_cast<void>(look_at_queue());
}

// After an exception that came from anywhere in this thread: what was on its way between the
// handlers and Redis is given up, and its leases run out. All other items are released.
void WorkerLoop::give_back() noexcept {
  try {
    executor_.leave();
    const Executor::Load load = executor_.load();
    source_.forget();
    holding_ = load.running + load.finished + source_.released();
    report_.end = WorkerEnd::halted;
    settle_the_rest();
  } catch (...) {  // then all leases run out; why this worker ends is known
  }
}

// ---- the other threads ----

void WorkerLoop::start_threads() {
  keeper_thread_ =
      start("the thread that renews leases", [this](const std::stop_token& stop) { keep(stop); });
  watch_thread_ = start("the thread that watches timeouts",
                        [this](const std::stop_token& stop) { watch(stop); });
  reclaimer_thread_ = start("the thread of the reclaimer",
                            [this](const std::stop_token& stop) { source_.reclaimer().run(stop); });
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
  end(reclaimer_thread_);
  end(keeper_thread_);
  end(watch_thread_);
}

void WorkerLoop::keep(const std::stop_token& stop) {
  try {
    source_.keep(stop, tally_);
  } catch (const ReplyError&) {
    give_up(std::current_exception());
    return;
  } catch (const ProtocolError&) {
    give_up(std::current_exception());
  }
  source_.leave(drained_);
}

void WorkerLoop::watch(const std::stop_token& stop) {
  const milliseconds tick = watch_tick(options_);
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    const auto leave_at = leave_at_;
    lock.unlock();
    const TimePoint now = BootClock::now();
    executor_.enforce_timeout(now);
    source_.renewer().expire(now);
    if (leave_at && now >= *leave_at) executor_.leave();
    if (leave_at && (holding_ == 0 || now >= *leave_at + kSettleTime)) abandon_.request_stop();
    lock.lock();
    changed_.wait_for(lock, stop, tick, [&] { return leave_at_ != leave_at; });
  }
}

void WorkerLoop::rethrow_error() const {
  const std::lock_guard lock(mutex_);
  if (error_) std::rethrow_exception(error_);
}

void WorkerLoop::give_up(std::exception_ptr error) noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = std::move(error);
  }
  executor_.poke();
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

WorkerStats WorkerLoop::stats() const {
  WorkerStats stats = executor_.handler_stats();
  tally_.copy_to(stats);
  stats.holding = holding_;
  stats.renewals = source_.renewer().renewals();
  stats.reconnects = source_.reconnects();
  return stats;
}

}  // namespace wq::internal
