#pragma once

#include <functional>
#include <string>
#include <vector>

#include "fault/injector.h"
#include "fault/plan.h"
#include "support/redis_client.h"

namespace wq::fault {

struct RoundReport {
  Tally tally;
  unsigned processes = 0;               ///< that were started
  std::vector<std::string> violations;  ///< of the guarantees; empty if there are none
  std::string history;                  ///< what happened, with the last words of each process
};

/// Called when a part of the items is done and others are still to be pushed, until it returns
/// true, to do harm that the checks must find.
using Sabotage = std::function<bool(test::RedisClient& redis)>;

/// Runs real producers and workers on a redis-server of the round's own, injects the plan's faults,
/// replaces what died, and checks when all have left: every item has exactly one result, the
/// counters add up, a worker that said drained was right, and neither a key nor a process is left.
/// One round at a time in a process, since it collects the processes that others leave behind.
[[nodiscard]] RoundReport run_round(const Plan& plan, const Sabotage& sabotage = {});

}  // namespace wq::fault
