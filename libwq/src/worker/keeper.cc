#include "worker/keeper.h"

#include <algorithm>

#include <wq/clock.h>
#include <wq/error.h>

#include "base/wait.h"
#include "queue/server_check.h"

namespace wq::internal {
namespace {

using std::chrono::milliseconds;

// How long a drained worker tries to remove the signs of life.
constexpr std::chrono::seconds kLongestGoodbye{5};
constexpr milliseconds kGoodbyeAgain{50};

}  // namespace

Keeper::Keeper(const RedisOptions& redis, const WorkerOptions& options,
               const std::stop_token& abandon, const Sources& sources)
    : options_(options),
      sources_(sources),
      link_(for_keeper(redis, options.lease), abandon, [this](Connection& connection) {
        // Whichever thread is the first to meet a wrong server says what is wrong.
        for (const auto& each : sources_) {
          static_cast<void>(check_server(connection, each->keys()));
        }
        mender_.ask(connection);
      }) {}

void Keeper::run(const std::stop_token& stop) {
  const milliseconds tick = std::clamp(options_.lease / 12, milliseconds{10}, Heartbeat::kInterval);
  next_counts_ = BootClock::now();
  while (!stop.stop_requested()) {
    try {
      keep(BootClock::now());
    } catch (const ConnectionError&) {
      link_.drop();
    } catch (const ReplyError& error) {
      link_.drop();
      if (!error.transient()) throw;
    }
    wait_for(tick, stop);
  }
}

void Keeper::keep(TimePoint now) {
  for (const auto& each : sources_) each->renewer().renew(now);
  for (const auto& each : sources_) each->renewer().send_checkpoints();  // which take longer
  if (now >= next_beat_) {
    next_beat_ = now + Heartbeat::kInterval;
    for (const auto& each : sources_) each->beat();
  }
  if (options_.counts_interval > milliseconds::zero() && now >= next_counts_) {
    next_counts_ = now + options_.counts_interval;
    for (const auto& each : sources_) each->read_counts_again();
  }
}

// After a drain nobody may come to remove what we leave behind, so a Redis that restarts just then
// is given some time. Else the others remove our entry later.
void Keeper::leave(bool drained) {
  // NOLINTNEXTLINE(clang-analyzer-deadcode.DeadStores): read when the heartbeat has thrown
  const TimePoint give_up_at = BootClock::now() + (drained ? kLongestGoodbye : milliseconds{0});
  while (true) {
    try {
      for (const auto& each : sources_) each->leave(drained);
      return;
    } catch (const ConnectionError&) {
    } catch (const ReplyError& error) {
      if (!error.transient()) return;
    } catch (const Error&) {
      return;
    }
    link_.drop();
    if (BootClock::now() >= give_up_at) return;
    wait_for(kGoodbyeAgain, {});
  }
}

}  // namespace wq::internal
