#pragma once

#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include <prometheus/metric_family.h>

#include <wq/queue_metrics.h>

#include "metrics/deadline.h"

namespace wq::metrics {

/// A queue and what was read of it; nothing if it could not be read.
struct QueueReading {
  std::string queue;
  std::optional<QueueMetrics> metrics;
};

/// The metrics of queues as Prometheus has them, in a fixed order. Pure. A family without a value
/// is left out, and without a deadline the workers wanted by it.
[[nodiscard]] std::vector<prometheus::MetricFamily> queue_families(
    std::span<const QueueReading> readings, std::optional<Deadline> deadline = std::nullopt);

/// Reads queues. Thread-safe.
class QueueCollector {
 public:
  /// Throws `std::invalid_argument` for a bad name or URL. A requested `stop` ends the waiting.
  QueueCollector(std::vector<std::string> queues, const RedisOptions& redis,
                 std::optional<Deadline> deadline, std::stop_token stop = {});

  /// Throws when a queue cannot be read, as `MetricsReader` does.
  [[nodiscard]] std::vector<prometheus::MetricFamily> read();

  /// For a scrape: a queue that cannot be read has `wq_up` 0 and nothing else. Logs when that
  /// changes.
  [[nodiscard]] std::vector<prometheus::MetricFamily> scrape();

 private:
  void note(const std::string& trouble);

  const std::vector<std::string> queues_;
  const std::optional<Deadline> deadline_;
  std::mutex mutex_;
  MetricsReader reader_;
  std::string trouble_;  // the last logged error; empty: none
};

}  // namespace wq::metrics
