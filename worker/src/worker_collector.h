#pragma once

#include <string>
#include <vector>

#include <prometheus/metric_family.h>

#include <wq/worker.h>

namespace wq::internal {

/// The statistics of a worker as Prometheus metrics.
[[nodiscard]] std::vector<prometheus::MetricFamily> worker_families(const std::string& queue,
                                                                    const WorkerStats& stats);

}  // namespace wq::internal
