#pragma once

#include <vector>

#include <wq/queue.h>
#include <wq/worker.h>

namespace wq::internal {

/// Adds the numbers of one queue to those of others.
void add(WorkerStats& sum, const WorkerStats& each);
[[nodiscard]] WorkerStats sum_of(const std::vector<WorkerStats>& queues);

/// The sum of all counts, with the id of the first queue that has begun; paused if all are.
[[nodiscard]] Counts sum_of(const std::vector<Counts>& queues);

}  // namespace wq::internal
