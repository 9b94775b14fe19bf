// The threads of a worker beside its main one.
#include <algorithm>
#include <chrono>
#include <exception>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include <wq/error.h>

#include "base/start_thread.h"
#include "base/wait.h"
#include "maintenance/heartbeat.h"
#include "queue/operations.h"
#include "script/script.h"
#include "worker/cannot_go_on.h"
#include "worker/worker_loop.h"

namespace wq::internal {
namespace {

using std::chrono::milliseconds;

// How long everything may take to be settled after the handlers were told to stop.
constexpr std::chrono::seconds kSettleTime{10};
// How long a drained worker tries to remove the signs of life.
constexpr std::chrono::seconds kLongestGoodbye{5};
constexpr milliseconds kGoodbyeAgain{50};

// Often enough that nothing is late by more than a small part of a lease or timeout.
milliseconds watch_tick(const WorkerOptions& options) {
  milliseconds tick = options.lease / 20;
  if (options.timeout > milliseconds::zero()) tick = std::min(tick, options.timeout / 10);
  return std::clamp(tick, milliseconds{10}, milliseconds{500});
}

}  // namespace

void WorkerLoop::start_threads() {
  renewer_thread_ =
      start("the thread that renews leases", [this](const std::stop_token& stop) { keep(stop); });
  watch_thread_ = start("the thread that watches timeouts",
                        [this](const std::stop_token& stop) { watch(stop); });
  reclaimer_thread_ = start("the thread of the reclaimer",
                            [this](const std::stop_token& stop) { reclaimer_.run(stop); });
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
  for (std::jthread* thread : {&reclaimer_thread_, &renewer_thread_, &watch_thread_}) {
    thread->request_stop();
    changed_.notify_all();
    if (thread->joinable()) thread->join();
  }
}

void WorkerLoop::keep(const std::stop_token& stop) {
  const milliseconds tick = std::clamp(options_.lease / 12, milliseconds{10}, Heartbeat::kInterval);
  Heartbeat heartbeat(renewer_link_, keys_, session_);
  TimePoint next_beat{};
  TimePoint next_counts = BootClock::now();
  while (!stop.stop_requested()) {
    const TimePoint now = BootClock::now();
    try {
      renewer_.renew(now);
      if (now >= next_beat) {
        next_beat = now + Heartbeat::kInterval;
        beat(heartbeat);
      }
      if (options_.counts_interval > milliseconds::zero() && now >= next_counts) {
        next_counts = now + options_.counts_interval;
        read_counts_again();
      }
    } catch (const ConnectionError&) {
      renewer_link_.drop();
    } catch (const ReplyError& error) {
      renewer_link_.drop();
      if (!error.transient()) {
        give_up(std::current_exception());
        return;
      }
    } catch (const ProtocolError&) {
      give_up(std::current_exception());
      break;
    }
    wait_for(tick, stop);
  }
  leave(heartbeat);
}

// After a drain nobody may come to remove what we leave behind, so a Redis that restarts just then
// is given some time. Else the others remove our entry later.
void WorkerLoop::leave(Heartbeat& heartbeat) {
  // NOLINTNEXTLINE(clang-analyzer-deadcode.DeadStores): read when the heartbeat has thrown
  const TimePoint give_up_at = BootClock::now() + (drained_ ? kLongestGoodbye : milliseconds{0});
  while (true) {
    try {
      return heartbeat.leave(drained_);
    } catch (const ConnectionError&) {
    } catch (const ReplyError& error) {
      if (!error.transient()) return;
    } catch (const Error&) {
      return;
    }
    renewer_link_.drop();
    if (BootClock::now() >= give_up_at) return;
    wait_for(kGoodbyeAgain, {});
  }
}

// The main thread looks at the queue only while it holds nothing; this is for the rest of the time.
void WorkerLoop::beat(Heartbeat& heartbeat) {
  std::string known;
  {
    const std::lock_guard lock(mutex_);
    known = queue_id_;
  }
  const WorkerStatus before = status();
  if (heartbeat.beat(before)) reclaimer_.elect();
  check_id(known, heartbeat.queue_id(), before.holding > 0);
}

void WorkerLoop::read_counts_again() {
  CommandBuffer call;
  append_counts(call, keys_);
  share(read_counts(run_script(renewer_link_.connection(), scripts::counts, call).value()));
}

// `known` and `leased` are of a time before `found` was read.
void WorkerLoop::check_id(const std::string& known, const std::string& found, bool leased) const {
  const bool same = known.empty() ? !found.empty() || !leased : found == known;
  if (same) return;
  throw ProtocolError(fmt::format(
      "queue '{}' is not the one this worker began with: Redis lost its data, or it was purged",
      keys_.queue()));
}

void WorkerLoop::watch(const std::stop_token& stop) {
  const milliseconds tick = watch_tick(options_);
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    const auto leave_at = leave_at_;
    lock.unlock();
    const TimePoint now = BootClock::now();
    slots_.enforce_timeout(now);
    renewer_.expire(now);
    if (leave_at && now >= *leave_at) slots_.leave();
    if (leave_at && (holding_ == 0 || now >= *leave_at + kSettleTime)) abandon_.request_stop();
    lock.lock();
    changed_.wait_for(lock, stop, tick, [&] { return leave_at_ != leave_at; });
  }
}

void WorkerLoop::give_up(std::exception_ptr error) noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = std::move(error);
  }
  slots_.poke();
}

// Within a catch. Unlike after `give_up`, Redis is there and what is held goes back to it.
void WorkerLoop::fail(const char* who) noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (!fault_) fault_ = cannot_go_on(who);
    leave_at_ = std::min(leave_at_.value_or(TimePoint::max()), BootClock::now());
  }
  failed_thread_ = true;
  changed_.notify_all();
  slots_.poke();
}

}  // namespace wq::internal
