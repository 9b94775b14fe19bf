#include "worker/keeper.h"

#include <algorithm>
#include <vector>

#include <wq/clock.h>
#include <wq/error.h>

#include "base/backoff.h"
#include "base/random.h"
#include "base/wait.h"

namespace wq::internal {
namespace {

using std::chrono::milliseconds;

// How long a drained worker tries to remove the signs of life.
constexpr std::chrono::seconds kLongestGoodbye{5};
constexpr milliseconds kGoodbyeAgain{50};

}  // namespace

Keeper::Keeper(const RedisOptions& redis, const WorkerOptions& options,
               const std::stop_token& abandon, Sources& sources,
               const std::unique_ptr<Intake>& intake)
    : options_(options),
      sources_(sources),
      intake_(intake),
      links_(for_keeper(redis, options.lease), abandon,
             [this](Connection& connection, const std::string& tag) {
               // Whichever thread is the first to meet a wrong server says what is wrong.
               intake_->check(connection, tag);
               mender_.ask(connection);
             }) {}

void Keeper::run(const std::stop_token& stop) {
  const milliseconds tick = std::clamp(options_.lease / 12, milliseconds{10}, Heartbeat::kInterval);
  next_counts_ = BootClock::now();
  std::uint64_t failures = 0;  // in a row
  while (!stop.stop_requested()) {
    broken_.clear();
    bool broke = false;
    try {
      keep(BootClock::now());
    } catch (const ConnectionError&) {
      links_.drop();
      broke = true;
    } catch (const ReplyError& error) {
      links_.drop();
      broke = true;
      if (!error.transient()) throw;
    }
    // If only some links broke, the leases of the others are to be renewed in time.
    const bool all_broke = broke || all_links_broke();
    failures = all_broke ? failures + 1 : 0;
    wait_for(failures == 0 ? tick : std::max(tick, spread_of_try(failures)), stop);
  }
}

bool Keeper::all_links_broke() const {
  const auto all = sources_.all();
  return !broken_.empty() && std::all_of(all.begin(), all.end(), [this](const auto& each) {
    return broken_.contains(&each->keeper_link());
  });
}

// The keeper of each other worker may have lost its connection at the same time. Two tries and the
// time since the last renewal must fit into a lease.
milliseconds Keeper::spread_of_try(std::uint64_t failures) const {
  milliseconds spread{0};
  for (const auto& each : sources_.all()) spread = std::max(spread, each->spread());
  return delay_in_spread(failures, std::min(spread, options_.lease / 8), random_fraction());
}

void Keeper::keep(TimePoint now) {
  renew(now);
  for (const auto& each : sources_.all()) {  // which take longer
    bearing(*each, [&] { each->renewer().send_checkpoints(); });
  }
  const std::vector<Sources::Source> all = sources_.all();
  const bool woken =
      std::any_of(all.begin(), all.end(), [](const auto& each) { return each->has_woken(); });
  if (now >= next_beat_ || woken) {
    next_beat_ = now + Heartbeat::kInterval;
    while (const auto each = sources_.take_replaced()) {
      bearing(*each, [&] { each->leave(false); });
    }
    for (const auto& each : sources_.all()) {
      bearing(*each, [&] { each->beat(); });
      renew(BootClock::now());  // of hundreds, the beats may take as long as a lease
    }
    if (all.size() == 1) next_beat_ = all.front()->next_beat(now);
  }
  const bool rests = all.size() == 1 && all.front()->rests();
  if (options_.counts_interval > milliseconds::zero() && now >= next_counts_ && !rests) {
    next_counts_ = now + options_.counts_interval;
    intake_->read_counts_again();
  }
}

void Keeper::renew(TimePoint now) {
  for (const auto& each : sources_.all()) {
    bearing(*each, [&] { each->renewer().renew(now); });
  }
}

template <typename Step>
void Keeper::bearing(QueueSource& source, Step step) {
  ReconnectingConnection& link = source.keeper_link();
  if (broken_.contains(&link)) return;
  const auto broke = [&] {
    link.drop();
    broken_.insert(&link);
  };
  try {
    step();
  } catch (const ConnectionError&) {
    broke();
  } catch (const ReplyError& refusal) {
    if (source.bears(refusal)) return;
    broke();
    if (!refusal.transient()) throw;
  }
}

// After a drain nobody may come to remove what we leave behind, so a Redis that restarts just then
// is given some time. Else the others remove our entry later.
void Keeper::leave(bool drained) {
  // NOLINTNEXTLINE(clang-analyzer-deadcode.DeadStores): read when the heartbeat has thrown
  const TimePoint give_up_at = BootClock::now() + (drained ? kLongestGoodbye : milliseconds{0});
  while (true) {
    broken_.clear();
    try {
      while (const auto each = sources_.take_replaced()) {
        bearing(*each, [&] { each->leave(false); });
      }
      for (const auto& each : sources_.all()) {
        bearing(*each, [&] { each->leave(drained); });
      }
    } catch (const Error&) {
      return;
    }
    if (broken_.empty() || BootClock::now() >= give_up_at) return;
    wait_for(kGoodbyeAgain, {});
  }
}

}  // namespace wq::internal
