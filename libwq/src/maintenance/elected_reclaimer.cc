#include "maintenance/elected_reclaimer.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <wq/clock.h>
#include <wq/error.h>
#include <wq/log.h>

#include "base/say.h"
#include "base/wait.h"
#include "maintenance/heartbeat.h"
#include "queue/operations.h"
#include "queue/waiting.h"
#include "script/script.h"

namespace wq::internal {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr milliseconds kShortestPause{50};
// A pass over a long list should cost Redis no more than a fiftieth of its time, but must come
// often enough: an unleased item returns in the third pass, at least 5 s after the first, and
// within 10 s in total.
constexpr int kRestPerPass = 50;
constexpr milliseconds kLongestRest{1'500};

// Of a worker that rests. Items that come wake a worker, which then becomes the reclaimer. So this
// is for those whose worker died at once, for delayed items of producers that wake nobody, and for
// a producer that died between its end and waking those that rest.
constexpr milliseconds kPeekEvery{90'000};
// The office of one that was killed while it rested is free after that.
constexpr milliseconds kTenureAtRest = 3 * kPeekEvery;
constexpr milliseconds kLongestRestOfOffice = std::chrono::minutes{10};
// A hold that has expired counts for about as long again, see `SweepProducers`. So nothing is late
// if a producer is asked for after that, and one that lives has moved its hold by then.
constexpr milliseconds kAfterHolds{30'000};

}  // namespace

milliseconds pause_between_passes(milliseconds lease) {
  return std::clamp(lease / 4, kShortestPause, kExtendEvery);
}

RedisOptions for_reclaimer(RedisOptions redis) {
  redis.client_name += "-reclaimer";
  redis.log = no_log;  // the worker's main connection says it
  return redis;
}

ElectedReclaimer::ElectedReclaimer(const Keys& keys, RedisOptions redis, milliseconds lease,
                                   std::string session, Log log, std::function<bool()> rests)
    : keys_(keys),
      redis_(for_reclaimer(std::move(redis))),
      lease_(lease),
      session_(std::move(session)),
      log_(std::move(log)),
      rests_(std::move(rests)) {}

void ElectedReclaimer::elect() {
  const std::lock_guard lock(mutex_);
  elected_ = true;
  changed_.notify_all();
}

void ElectedReclaimer::run(const std::stop_token& stop) {
  while (true) {
    {
      std::unique_lock lock(mutex_);
      if (!changed_.wait(lock, stop, [this] { return elected_; })) return;
      elected_ = false;
    }
    say(log_, LogLevel::debug, "this worker is the reclaimer now");
    try {
      serve(stop);
    } catch (const Error& error) {
      say(log_, LogLevel::debug, fmt::format("the reclaimer ends: {}", error.what()));
    }
  }
}

void ElectedReclaimer::serve(const std::stop_token& stop) {
  ReclaimPass pass(keys_.queue(), redis_, {}, stop);
  const milliseconds pause = pause_between_passes(lease_);
  TimePoint next_pass{};
  while (!stop.stop_requested() && extend(pass.link(), Heartbeat::kTenure)) {
    const TimePoint begin = BootClock::now();
    if (begin >= next_pass) {
      const ReclaimReport report = pass.run(begin);
      tell_returned(log_, report);
      if (rests_() && !report.did_something() && !pass.pending() && is_quiet(pass.link())) {
        rest(pass, stop);
        continue;
      }
      const TimePoint end = BootClock::now();
      const nanoseconds rest = std::min<nanoseconds>(kRestPerPass * (end - begin), kLongestRest);
      next_pass = end + std::max<nanoseconds>(pause, rest);
    }
    const auto until_pass = std::chrono::ceil<milliseconds>(next_pass - BootClock::now());
    wait_for(std::clamp(until_pass, milliseconds{0}, pause), stop);
  }
  if (pass.link().connected()) extend(pass.link(), milliseconds{1});  // resign
}

bool ElectedReclaimer::is_quiet(ReconnectingConnection& link) const {
  return link.run([this](Connection& redis) {
    const Counts counts = read_counts(run_script(redis, scripts::counts, keys_, {}).value());
    if (counts.drained()) end_all_waits(redis, keys_);  // whoever drained it may not have told
    return counts.ready + counts.processing + counts.delayed == 0 && !counts.drained();
  });
}

// The tenure is longer meanwhile. A worker that is awake takes an office with a tenure as long as
// that for one that was meddled with, and ends it (see `Heartbeat`): then it is the reclaimer.
// Producers that live move the end of their holds, so that is asked for again when it has come.
void ElectedReclaimer::rest(ReclaimPass& pass, const std::stop_token& stop) const {
  ReconnectingConnection& link = pass.link();
  if (!extend(link, kTenureAtRest)) return;
  const auto holds_end = [&](Connection& redis) {
    return pass.until_holds_end(redis) + kAfterHolds;
  };
  const TimePoint begin = BootClock::now();
  const TimePoint end = begin + kLongestRestOfOffice;
  // Without a hold it is quiet all the same if it has not begun, or is paused.
  const std::int64_t quiet = peek(link);
  if (quiet > 1) return;  // something has come since it was found quiet
  TimePoint end_of_holds = quiet == 0 ? end : begin + link.run(holds_end);
  TimePoint next_peek = begin + kPeekEvery;
  while (!stop.stop_requested() && rests_() && BootClock::now() < end) {
    wait_for(kExtendEvery, stop);
    const TimePoint now = BootClock::now();
    if (now >= end_of_holds) end_of_holds = begin + link.run(holds_end);
    if (now >= end_of_holds) return;
    if (now < next_peek) continue;
    next_peek += kPeekEvery;
    if (peek(link) != quiet || !extend(link, kTenureAtRest)) return;
  }
}

// 1 if there are holds and nothing else, 0 if there is nothing; else more. In one command: keys
// that are named twice count twice.
std::int64_t ElectedReclaimer::peek(ReconnectingConnection& link) const {
  return link.run([this](Connection& redis) {
    const std::string& processing = keys_[Key::processing];
    const std::string& delayed = keys_[Key::delayed];
    return redis.call({"EXISTS", processing, processing, delayed, delayed, keys_[Key::producers]})
        .value()
        .integer();
  });
}

bool ElectedReclaimer::extend(ReconnectingConnection& link, milliseconds time) const {
  return link.run([&](Connection& redis) {
    const Reply reply =
        run_script(redis, scripts::renew, keys_, {keys_[Key::reclaimer]}, time.count(), session_);
    return read_positions(reply.value(), 1).empty();
  });
}

void tell_returned(const Log& log, const ReclaimReport& report) {
  const std::uint64_t back = report.reclaimed + report.died + report.returned;
  if (back == 0) return;
  say(log, LogLevel::warning,
      fmt::format("returned {} items of dead workers: {} expired leases, {} now dead, {} "
                  "unleased",
                  back, report.reclaimed, report.died, report.returned));
}

}  // namespace wq::internal
