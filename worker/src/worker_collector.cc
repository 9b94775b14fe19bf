#include "worker_collector.h"

#include <limits>
#include <utility>

#include "metrics/families.h"

namespace wq::internal {

namespace {

using metrics::add;
using metrics::counter;
using metrics::gauge;
using metrics::Labels;
using prometheus::MetricFamily;

MetricFamily handler_seconds(const Labels& labels, const WorkerStats& stats) {
  using Seconds = std::chrono::duration<double>;
  prometheus::ClientMetric metric;
  metric.label = labels;
  prometheus::ClientMetric::Histogram& histogram = metric.histogram;
  for (std::size_t i = 0; i < stats.handler_calls.size(); ++i) {
    histogram.sample_count += stats.handler_calls[i];
    const bool last = i == WorkerStats::kHandlerBounds.size();
    histogram.bucket.push_back(
        {histogram.sample_count, last ? std::numeric_limits<double>::infinity()
                                      : Seconds(WorkerStats::kHandlerBounds[i]).count()});
  }
  histogram.sample_sum = Seconds(stats.handler_time).count();
  return {"wq_worker_handler_seconds",
          "Duration of handler calls, whatever the outcome.",
          prometheus::MetricType::Histogram,
          {std::move(metric)}};
}

MetricFamily items(const Labels& labels, const WorkerStats& stats) {
  MetricFamily family = counter("wq_worker_items_total", "Items by outcome.");
  const std::pair<const char*, std::uint64_t> outcomes[] = {{"completed", stats.completed},
                                                            {"failed", stats.failed},
                                                            {"released", stats.released},
                                                            {"lost", stats.lost},
                                                            {"unknown", stats.unknown}};
  for (const auto& [outcome, number] : outcomes) {
    add(family, metrics::with(labels, "outcome", outcome), static_cast<double>(number));
  }
  return family;
}

MetricFamily one(MetricFamily family, const Labels& labels, std::uint64_t value) {
  add(family, labels, static_cast<double>(value));
  return family;
}

}  // namespace

std::vector<MetricFamily> worker_families(const std::string& queue, const WorkerStats& stats) {
  const Labels labels{{"queue", metrics::label_text(queue)}};
  return {
      handler_seconds(labels, stats), items(labels, stats),
      one(gauge("wq_worker_holding", "Items held, including items taken ahead of the handlers."),
          labels, stats.holding),
      one(counter("wq_worker_lease_renewals_total", "Lease renewals."), labels, stats.renewals),
      one(counter("wq_worker_reconnects_total", "Reconnects to Redis after a lost connection."),
          labels, stats.reconnects)};
}

}  // namespace wq::internal
