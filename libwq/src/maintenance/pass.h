#pragma once

#include <cstdint>

#include <wq/clock.h>
#include <wq/reclaimer.h>

#include "base/keys.h"
#include "redis/connection.h"

namespace wq::internal {

/// One look at everything that a queue holds, as its steps see it: `promote`, `ReclaimItems`,
/// `SweepProducers`, `SweepWorkers`. A step keeps from one pass to the next what it must remember,
/// and drops it in `reconnected`: idle times are measured with the local clock, and over one
/// connection only, so that an outage of Redis does not look like the death of a worker.
struct Pass {
  Connection& redis;
  const Keys& keys;
  TimePoint now;
  bool early = false;  ///< so soon after the connection that live workers may not have renewed
  std::int64_t server_ms = 0;  ///< the server's clock, from `SweepProducers` on
  ReclaimReport report{};
};

}  // namespace wq::internal
