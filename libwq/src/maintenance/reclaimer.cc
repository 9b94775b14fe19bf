#include <utility>

#include <wq/error.h>
#include <wq/reclaimer.h>

#include "base/wait.h"
#include "maintenance/reclaim_pass.h"

namespace wq {
namespace {

constexpr std::chrono::milliseconds kBetweenPasses{500};

}  // namespace

ReclaimReport& ReclaimReport::operator+=(const ReclaimReport& other) noexcept {
  reclaimed += other.reclaimed;
  died += other.died;
  returned += other.returned;
  promoted += other.promoted;
  holds += other.holds;
  foreign += other.foreign;
  return *this;
}

Reclaimer::Reclaimer(std::string queue, RedisOptions redis, ReclaimerOptions options,
                     std::stop_token stop)
    : pass_(std::make_unique<internal::ReclaimPass>(std::move(queue), std::move(redis), options,
                                                    stop)),
      stop_(std::move(stop)) {}
Reclaimer::~Reclaimer() = default;

ReclaimReport Reclaimer::pass(TimePoint now) { return pass_->run(now); }

ReclaimReport Reclaimer::run() {
  ReclaimReport total;
  while (!stop_.stop_requested()) {
    const ReclaimReport report = pass();
    total += report;
    if (!report.did_something() && !pass_->pending()) break;
    internal::wait_for(kBetweenPasses, stop_);
  }
  return total;
}

}  // namespace wq
