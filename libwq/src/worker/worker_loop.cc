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
#include "queue/limits.h"
#include "queue/server_check.h"
#include "script/script.h"
#include "worker/check_options.h"

namespace wq::internal {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// How much work is taken ahead of the handlers: enough to hide a round trip, little enough that
// another worker would not have begun it much earlier.
constexpr milliseconds kAhead{20};
constexpr std::size_t kMostAhead = 256;
constexpr std::size_t kMostAheadBytes = std::size_t{16} << 20U;
// An item that was taken ahead and not begun by then is given back.
constexpr milliseconds kLongestWait{1'000};
// How often ready is asked for more while we hold something; doubled while there is nothing.
constexpr milliseconds kFirstDryWait{50};
constexpr milliseconds kLongestDryWait{1'000};
constexpr milliseconds kPausedWait{500};
constexpr std::size_t kInFlight = 2;

RedisOptions with_log(RedisOptions redis, const Log& log) {
  if (!redis.log) redis.log = log;
  return redis;
}

}  // namespace

WorkerLoop::WorkerLoop(std::string queue, RedisOptions redis, WorkerOptions options,
                       BatchHandler handler)
    : keys_(std::move(queue)),
      options_(checked(std::move(options))),
      redis_(with_log(std::move(redis), options_.log)),
      session_(random_id()),
      link_(redis_, abandon_.get_token(),
            [this, warned = false](Connection& connection) mutable {
              const ServerReport server = check_server(connection, keys_);
              for (const std::size_t sent : longest_sent_) check_still_taken(connection, sent);
              if (server.evicts() && !std::exchange(warned, true)) {
                log(LogLevel::warning,
                    fmt::format("the server's maxmemory-policy is {}: when memory runs short it "
                                "deletes items; set it to noeviction",
                                server.maxmemory_policy));
              }
            }),
      stream_(link_, keys_, session_, PopSize::from_one_item()),
      slots_(options_, std::move(handler)),
      renewer_link_(for_keeper(redis_, options_.lease), abandon_.get_token(),
                    [this](Connection& connection) {
                      // Whichever thread is the first to meet a wrong server says what is wrong.
                      static_cast<void>(check_server(connection, keys_));
                      renewer_mender_.ask(connection);
                    }),
      renewer_(renewer_link_, keys_, session_, options_.lease,
               [this](std::span<const std::uint64_t> fences) {
                 log(LogLevel::warning, fmt::format("{} leases were lost", fences.size()));
                 slots_.lose(fences);
               }),
      isolation_(slots_, renewer_, options_.retry,
                 [this](const Lease& lease) { return mark_alone(lease); }),
      notice_(options_.log),
      reclaimer_(keys_, redis_, options_.lease, session_, options_.log) {
  stream_.set_terms(options_.lease, options_.retry);
}

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
  slots_.leave();
  while (slots_.load().running > 0) {
    static_cast<void>(slots_.take_finished(Queue::kMaxBatch));
    slots_.wait(BootClock::now() + kLongestWait);
  }
  stop_threads();
  report_.completed = completed_;
  report_.failed = failed_;
  report_.released = released_;
  report_.lost = lost_;
  report_.unknown = unknown_;
  const std::lock_guard lock(mutex_);
  if (slots_.cannot_run()) std::rethrow_exception(slots_.cannot_run());
  if (refused_) std::rethrow_exception(refused_);
  if (fault_) std::rethrow_exception(fault_);
  try {
    if (error_) std::rethrow_exception(error_);
  } catch (const ConnectionError&) {
    if (!stopping_) throw;
    log(LogLevel::warning, "stopped while Redis was away; what was held returns by itself");
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
  slots_.begin_nothing_more();
}

// ---- the main thread ----

WorkerEnd WorkerLoop::work() {
  started_at_ = idle_since_ = BootClock::now();
  if (const auto end = look_at_queue()) return *end;
  slots_.start_preparing();
  while (true) {
    if (const auto end = reason_to_end()) return *end;
    advance_isolation();
    while (stream_.outstanding() < kInFlight && post_if_useful()) continue;
    if (stream_.outstanding() > 0) {
      absorb(stream_.take());
    } else if (const auto end = wait_for_work()) {
      return *end;
    }
  }
}

std::optional<WorkerEnd> WorkerLoop::reason_to_end() {
  {
    const std::lock_guard lock(mutex_);
    if (error_) std::rethrow_exception(error_);
  }
  if (stopping_) return WorkerEnd::stopped;
  if (slots_.cannot_run() || slots_.halted() || refused_ || failed_thread_) {
    return WorkerEnd::halted;
  }
  // Results that Redis would not take are failures that the slots know nothing of.
  if (options_.halt_after > 0 && failures_in_a_row_ >= options_.halt_after &&
      !(options_.halt_only_at_start && succeeded_)) {
    return WorkerEnd::halted;
  }
  if (options_.max_items > 0 && leased_ >= options_.max_items) return WorkerEnd::max_items;
  return std::nullopt;
}

bool WorkerLoop::post_if_useful() {
  std::vector<Settlement> settlements = slots_.take_finished(Queue::kMaxBatch);
  const auto append = [&settlements](std::vector<Settlement> more) {
    std::move(more.begin(), more.end(), std::back_inserter(settlements));
  };
  append(std::exchange(to_release_, {}));
  std::vector<Settlement> back =
      slots_.take_back(BootClock::now() - kLongestWait, next_batches(slots_.load()));
  leased_ -= back.size();
  append(std::move(back));
  const std::size_t want = wanted();
  if (settlements.empty() && !stream_.has_unasked() && want == 0) return false;
  post(std::move(settlements), want);
  return true;
}

void WorkerLoop::post(std::vector<Settlement> settlements, std::size_t want) {
  std::size_t longest = 0;
  for (Settlement& each : settlements) {
    Outcome& outcome = each.outcome;
    isolation_.correct(each.lease);
    learn_limit_for(longest_word(each));
    refuse_too_large(outcome, longest_word_);
    longest = std::max(longest, longest_word(each));
    // Who stops us may have stopped what did the work too, as a service manager does that signals
    // all processes; and what was too slow may have been slow since the machine goes down. Nobody
    // can tell, so nobody is charged.
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
  renewer_.remove(settlements);
  wants_.push_back(want);
  longest_sent_.push_back(longest);
  stream_.post(std::move(settlements), want);
}

void WorkerLoop::absorb(LeaseStream::Answer answer) {
  const TimePoint now = BootClock::now();
  const std::size_t want = std::exchange(wants_.front(), 0);
  wants_.pop_front();
  longest_sent_.pop_front();
  holding_ -= answer.settled.size();
  // First, so that nothing that is ours is out of sight if what follows throws.
  if (!answer.leased.empty()) take_in(std::move(answer.leased), answer.leased_at);
  for (std::size_t i = 0; i < answer.settled.size(); ++i) {
    count(answer.settlements[i], answer.settled[i]);
  }
  if (!answer.settled.empty()) idle_since_ = now;
  if (answer.popped) {
    dry_wait_ = milliseconds::zero();
    idle_since_ = now;
    slots_.expect_more(true);
  } else if (want > 0) {
    dry_wait_ = std::clamp(2 * dry_wait_, kFirstDryWait, kLongestDryWait);
    dry_until_ = now + dry_wait_;
  }
}

// An item that has crashed before may take this process with it, and whatever it holds would be
// charged for that as well. So nothing is held beside such items but what runs, and nothing at all
// beside one that has no more than one crash left.
void WorkerLoop::take_in(std::vector<Lease> leased, TimePoint leased_at) {
  leave_what_is_too_long(leased);
  const TimePoint now = BootClock::now();
  leased_ += leased.size();
  holding_ += leased.size();
  renewer_.add(leased, leased_at);
  isolating_ = std::any_of(leased.begin(), leased.end(),
                           [](const Lease& lease) { return lease.crashes > 0; });
  const std::size_t released_before = to_release_.size();
  const bool took_in = !giving_back_ && isolation_.take_in(leased);
  std::size_t room = leased.size();
  if (isolating_ || took_in) {
    for (Settlement& each : slots_.take_back(now)) to_release_.push_back(std::move(each));
    const Slots::Load load = slots_.load();
    room = load.ready_slots - std::min(load.running_ready, load.ready_slots);
  }
  if (giving_back_ || took_in) room = 0;
  while (leased.size() > room) {
    to_release_.push_back({std::move(leased.back()), Outcome::release(milliseconds::zero())});
    leased.pop_back();
  }
  leased_ -= to_release_.size() - released_before;
  slots_.give(std::move(leased), now);
}

bool WorkerLoop::mark_alone(const Lease& lease) {
  CommandBuffer call;
  append_isolate(call, keys_, session_, lease);
  return link_.run([&call](Connection& redis) {
    return run_script(redis, scripts::isolate, call).value().integer() == 1;
  });
}

void WorkerLoop::advance_isolation() {
  const bool quiet = stream_.outstanding() == 0 && !stream_.has_unasked() && to_release_.empty();
  isolation_.advance(holding_, quiet);
}

void WorkerLoop::count(const Settlement& settlement, Settled settled) {
  const Outcome& outcome = settlement.outcome;
  if (settled == Settled::unknown) ++unknown_;
  if (settled == Settled::lost) ++lost_;
  if (settled != Settled::accepted) {
    log(LogLevel::warning,
        fmt::format("item {}: {}", printable(settlement.lease.item),
                    settled == Settled::lost
                        ? "its lease was lost before it was settled; another try counts"
                        : "the answer to its settlement was lost; Redis knows what counts"));
    return;
  }
  if (options_.settled) options_.settled(settlement);
  switch (outcome.kind) {
    case Outcome::Kind::complete:
      ++completed_;
      succeeded_ = true;
      failures_in_a_row_ = 0;
      return;
    case Outcome::Kind::release:
      ++released_;
      return;
    case Outcome::Kind::fail:
    case Outcome::Kind::crash:
    case Outcome::Kind::fatal:
      ++failed_;
      ++failures_in_a_row_;
      log(LogLevel::warning,
          fmt::format("item {} failed, attempt {}: {}: {}", printable(settlement.lease.item),
                      settlement.lease.attempt(), text(outcome.failure.kind),
                      outcome.failure.message));
      return;
  }
}

std::size_t WorkerLoop::wanted() {
  if (BootClock::now() < dry_until_ || !to_release_.empty() || isolation_.active()) return 0;
  const Slots::Load load = slots_.load();
  ready_slots_ = load.ready_slots;
  std::size_t coming = stream_.popped();
  for (const std::size_t want : wants_) coming += want;
  const std::size_t have = load.waiting + load.running_ready + coming;
  const std::size_t slots = load.ready_slots;
  const std::size_t target =
      isolating_ ? slots : slots * items_of_batch(load) + std::max(ahead(load), next_batches(load));
  std::size_t want = target - std::min(target, have);
  if (options_.max_items > 0) {
    const std::uint64_t left = options_.max_items - std::min(options_.max_items, leased_ + coming);
    want = static_cast<std::size_t>(std::min<std::uint64_t>(want, left));
  }
  want = std::min(want, isolation_.expects_another() ? std::size_t{1} : Queue::kMaxBatch);
  return stream_.bearable(want);
}

std::size_t WorkerLoop::ahead(const Slots::Load& load) const {
  if (!load.per_item) return 0;
  const nanoseconds per_item = std::max(*load.per_item, nanoseconds{1});
  const auto by_time = static_cast<std::size_t>(kAhead / per_item) * load.ready_slots;
  const std::size_t by_memory = kMostAheadBytes / (load.item_bytes + 1);
  const std::size_t most = std::max(kMostAhead, 2 * options_.concurrency * options_.batch);
  return std::min({by_time, by_memory, most});
}

std::size_t WorkerLoop::items_of_batch(const Slots::Load& load) const {
  if (options_.max_batch_bytes == 0) return options_.batch;
  return std::clamp(options_.max_batch_bytes / (load.item_bytes + 1), std::size_t{1},
                    options_.batch);
}

// What is leased while the slots work, so that none of them waits for Redis between two batches:
// what the further calls of each slot take, or, where it has one call, the next of several items. A
// single item is not put behind another one while a slot that could begin it is still being made
// ready.
std::size_t WorkerLoop::next_batches(const Slots::Load& load) const {
  const std::size_t items = load.ready_slots * items_of_batch(load);
  if (options_.batch > 1) return items * std::max(options_.calls_per_slot - 1, 1U);
  return load.ready_slots == options_.concurrency ? items * (options_.calls_per_slot - 1) : 0;
}

// Nothing is under way to Redis and nothing is to be said to it.
std::optional<WorkerEnd> WorkerLoop::wait_for_work() {
  const TimePoint now = BootClock::now();
  if (holding_ > 0) {
    notice_.waits_no_more();
    // Is it worth waiting for more items, so that a batch becomes full?
    if (options_.max_delay > milliseconds::zero() && slots_.load().waiting > 0) {
      static_cast<void>(look_at_queue());
      slots_.expect_more(report_.counts.ready > 0 || report_.counts.producers > 0);
    }
    slots_.wait(now < dry_until_ ? dry_until_ : now + kLongestWait);
    return std::nullopt;
  }
  const std::size_t ready = slots_.load().ready_slots;
  if (ready == 0) idle_since_ = now;  // it is not the queue that we wait for
  if (const auto end = look_at_queue()) return end;
  tell_wait(now, ready);
  dry_until_ = TimePoint{};
  if (ready == 0) {
    slots_.wait(now + kLongestWait);
  } else if (std::exchange(ready_slots_, ready) < ready) {
    return std::nullopt;  // more may be wanted by now
  } else if (report_.counts.paused) {
    slots_.wait(now + kPausedWait);
  } else if (!stream_.wait_for_item(kLongestDryWait)) {
    if (BootClock::now() - now < kPausedWait) {
      // It is refused at maxmemory and returns at once: then a pop is tried from time to time.
      slots_.wait(BootClock::now() + kPausedWait);
    } else {
      dry_until_ = BootClock::now() + kFirstDryWait;
    }
  }
  return std::nullopt;
}

std::optional<WorkerEnd> WorkerLoop::look_at_queue() {
  CommandBuffer call;
  append_counts(call, keys_);
  report_.counts = link_.run([&call](Connection& redis) {
    return read_counts(run_script(redis, scripts::counts, call).value());
  });
  share(report_.counts);
  check_id(queue_id_, report_.counts.id, leased_ > 0);
  if (queue_id_.empty() && !report_.counts.id.empty()) meet_queue(report_.counts.id);
  const TimePoint now = BootClock::now();
  if (report_.counts.drained()) return WorkerEnd::drained;
  if (queue_id_.empty() && now - started_at_ >= options_.wait_open) return WorkerEnd::never_opened;
  if (options_.max_idle > milliseconds::zero() && now - idle_since_ >= options_.max_idle) {
    return WorkerEnd::max_idle;
  }
  return std::nullopt;
}

// Not before the queue has begun: a worker that only waits for it leaves no key.
void WorkerLoop::meet_queue(const std::string& id) {
  {
    const std::lock_guard lock(mutex_);
    queue_id_ = id;
  }
  CommandBuffer call;
  append_terms(call, keys_, options_.lease, options_.retry.max_crashes);
  link_.run(
      [&call](Connection& redis) { return run_script(redis, scripts::write_at_maxmemory, call); });
}

// No more leases. What waits goes back, unless we were asked to work on so many items; what runs
// may finish.
void WorkerLoop::settle_the_rest() {
  while (holding_ > 0 || stream_.has_unasked() || stream_.outstanding() > 0) {
    {
      const std::lock_guard lock(mutex_);
      if (error_) std::rethrow_exception(error_);
    }
    std::vector<Settlement> settlements = slots_.take_finished(Queue::kMaxBatch);
    std::vector<Settlement> back = std::exchange(to_release_, {});
    if (failed_thread_) slots_.leave();
    giving_back_ =
        report_.end != WorkerEnd::max_items || stopping_ || slots_.cannot_run() || failed_thread_;
    if (giving_back_) {
      slots_.begin_nothing_more();
      for (Settlement& each : slots_.take_back(BootClock::now())) back.push_back(std::move(each));
      if (auto lease = isolation_.give_up()) {
        back.push_back({*std::move(lease), Outcome::release(milliseconds::zero())});
      }
    }
    advance_isolation();
    std::move(back.begin(), back.end(), std::back_inserter(settlements));
    if (!settlements.empty() || stream_.has_unasked()) {
      post(std::move(settlements), 0);
    } else if (stream_.outstanding() == 0) {
      slots_.wait(BootClock::now() + kLongestWait);
    }
    if (stream_.outstanding() > 0) absorb(stream_.take());
  }
  if (report_.end != WorkerEnd::drained) static_cast<void>(look_at_queue());
}

// After an exception that came from anywhere in this thread: what was on its way between the slots
// and Redis is given up, and its leases run out. All else goes back.
void WorkerLoop::give_back() noexcept {
  try {
    stream_.forget();
    wants_.clear();
    longest_sent_.clear();
    slots_.leave();
    const Slots::Load load = slots_.load();
    holding_ = load.running + load.finished + to_release_.size();
    report_.end = WorkerEnd::halted;
    settle_the_rest();
  } catch (...) {  // then all leases run out; why this worker ends is known
    to_release_.clear();
  }
}

void WorkerLoop::log(LogLevel level, std::string_view text) const {
  say(options_.log, level, text);
}

}  // namespace wq::internal
