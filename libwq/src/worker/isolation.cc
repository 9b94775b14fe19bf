#include "worker/isolation.h"

#include <algorithm>
#include <array>
#include <utility>

#include <wq/clock.h>

namespace wq::internal {

Isolation::Isolation(Executor& executor, RetryPolicy policy, Mark mark)
    : executor_(executor), policy_(policy), mark_(std::move(mark)) {}

bool Isolation::take_in(std::vector<Lease>& leased) {
  const auto found = std::find_if(leased.begin(), leased.end(),
                                  [this](const Lease& lease) { return at_risk(lease, policy_); });
  expects_another_ = found != leased.end();
  if (expects_another_ && !active()) {
    executor_.set_aside(std::move(*found));
    leased.erase(found);
    phase_ = Phase::waiting;
  }
  return active();
}

void Isolation::advance(std::uint64_t holding, bool quiet) {
  if (!active() || !quiet) return;
  if (holding == 0) {
    phase_ = Phase::none;
    return;
  }
  if (phase_ != Phase::waiting) return;
  const std::optional<Lease> aside = executor_.aside();
  if (!aside) {
    phase_ = Phase::none;  // it was lost; what else is held goes on
  } else if (holding == 1) {
    if (mark_(*aside)) {
      fence_ = aside->fence;
      executor_.give_aside(BootClock::now());
    } else {
      executor_.lose(std::array{aside->fence});
    }
    phase_ = Phase::running;
  }
}

void Isolation::correct(Lease& lease) const noexcept {
  lease.alone = lease.alone || (fence_ != 0 && lease.fence == fence_);
}

}  // namespace wq::internal
