#pragma once

#include <string>
#include <vector>

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <wq/worker.h>

namespace wq::internal {

/// The statistics of a worker as Prometheus metrics. Pure.
[[nodiscard]] std::vector<prometheus::MetricFamily> worker_families(const std::string& queue,
                                                                    const WorkerStats& stats);

/// Reads a worker, which must outlive it, for each scrape. Thread-safe.
class WorkerCollector : public prometheus::Collectable {
 public:
  WorkerCollector(const Worker& worker, std::string queue);

  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const Worker& worker_;
  const std::string queue_;
};

}  // namespace wq::internal
