#include "worker/sums.h"

#include <cstddef>

namespace wq::internal {

void add(WorkerStats& sum, const WorkerStats& each) {
  for (const auto number :
       {&WorkerStats::completed, &WorkerStats::failed, &WorkerStats::released, &WorkerStats::lost,
        &WorkerStats::unknown, &WorkerStats::holding, &WorkerStats::unconfirmed,
        &WorkerStats::running, &WorkerStats::renewals, &WorkerStats::reconnects}) {
    sum.*number += each.*number;
  }
  if (each.longest_time > sum.longest_time) {
    sum.longest_item = each.longest_item;
    sum.longest_time = each.longest_time;
  }
  for (std::size_t i = 0; i < sum.handler_calls.size(); ++i) {
    sum.handler_calls[i] += each.handler_calls[i];
  }
  sum.handler_time += each.handler_time;
}

WorkerStats sum_of(const std::vector<WorkerStats>& queues) {
  WorkerStats sum;
  for (const WorkerStats& each : queues) add(sum, each);
  return sum;
}

Counts sum_of(const std::vector<Counts>& queues) {
  Counts sum;
  sum.paused = true;
  for (const Counts& each : queues) {
    if (sum.id.empty()) sum.id = each.id;
    sum.paused = sum.paused && each.paused;
    for (const auto count :
         {&Counts::ready, &Counts::processing, &Counts::delayed, &Counts::dead, &Counts::producers,
          &Counts::pushed, &Counts::leased, &Counts::completed, &Counts::failed, &Counts::crashed,
          &Counts::returned, &Counts::released, &Counts::died, &Counts::dropped, &Counts::merged,
          &Counts::foreign, &Counts::lost, &Counts::recovered}) {
      sum.*count += each.*count;
    }
  }
  return sum;
}

}  // namespace wq::internal
