#include "worker/isolation.h"

#include <algorithm>
#include <array>
#include <utility>

#include <wq/clock.h>

namespace wq::internal {

Isolation::Isolation(Executor& executor, RetryPolicy policy, Mark mark)
    : executor_(executor), policy_(policy), mark_(std::move(mark)) {}

bool Isolation::take_in(QueueIndex queue, std::vector<Lease>& leased) {
  const auto found = std::find_if(leased.begin(), leased.end(),
                                  [this](const Lease& lease) { return at_risk(lease, policy_); });
  expects_another_ = found != leased.end();
  if (expects_another_ && !active()) {
    executor_.set_aside({queue, std::move(*found)});
    leased.erase(found);
    phase_ = Phase::waiting;
  }
  return active();
}

void Isolation::advance(std::uint64_t holding, bool quiet) {
  if (holding == 0 && quiet) {
    // The fence may be that of another item by now: where a place goes from queue to queue.
    phase_ = Phase::none;
    fence_ = 0;
    return;
  }
  if (!active() || !quiet) return;
  if (phase_ != Phase::waiting) return;
  const std::optional<QueueLease> aside = executor_.aside();
  if (!aside) {
    phase_ = Phase::none;  // it was lost; what else is held goes on
  } else if (holding == 1) {
    if (mark_(*aside)) {
      queue_ = aside->queue;
      fence_ = aside->lease.fence;
      executor_.give_aside(BootClock::now());
    } else {
      executor_.lose(aside->queue, std::array{aside->lease.fence});
    }
    phase_ = Phase::running;
  }
}

std::optional<QueueLease> Isolation::give_up() { return executor_.take_aside(); }

void Isolation::correct(QueueIndex queue, Lease& lease) const noexcept {
  lease.alone = lease.alone || (fence_ != 0 && queue == queue_ && lease.fence == fence_);
}

}  // namespace wq::internal
