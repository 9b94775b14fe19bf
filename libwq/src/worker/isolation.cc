#include "worker/isolation.h"

#include <algorithm>
#include <array>
#include <utility>

#include <wq/clock.h>

namespace wq::internal {

Isolation::Isolation(Slots& slots, LeaseRenewer& renewer, RetryPolicy policy, Mark mark)
    : slots_(slots), renewer_(renewer), policy_(policy), mark_(std::move(mark)) {}

bool Isolation::take_in(std::vector<Lease>& leased) {
  const auto found = std::find_if(leased.begin(), leased.end(),
                                  [this](const Lease& lease) { return at_risk(lease, policy_); });
  expects_another_ = found != leased.end();
  if (expects_another_ && !active()) {
    slots_.set_aside(std::move(*found));
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
  const std::optional<Lease> lease = slots_.aside();
  if (!lease) {
    phase_ = Phase::none;  // it was lost; what else is held goes on
  } else if (holding == 1) {
    if (renewer_.isolate(lease->fence, [&] { return mark_(*lease); })) {
      fence_ = lease->fence;
      slots_.give_aside(BootClock::now());
    } else {
      slots_.lose(std::array{lease->fence});
    }
    phase_ = Phase::running;
  }
}

std::optional<Lease> Isolation::give_up() { return slots_.take_aside(); }

void Isolation::correct(Lease& lease) const noexcept {
  lease.alone = lease.alone || (fence_ != 0 && lease.fence == fence_);
}

}  // namespace wq::internal
