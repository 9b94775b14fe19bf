#pragma once

#include <string>
#include <vector>

#include <prometheus/metric_family.h>

#include <wq/worker.h>

namespace wq::internal {

/// The statistics of a worker as Prometheus metrics, by queue.
[[nodiscard]] std::vector<prometheus::MetricFamily> worker_families(
    const std::vector<std::string>& queues, const std::vector<WorkerStats>& stats);

}  // namespace wq::internal
