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

struct OfQueue {
  Labels labels;
  const WorkerStats& stats;
};

MetricFamily handler_seconds(const std::vector<OfQueue>& queues) {
  using Seconds = std::chrono::duration<double>;
  MetricFamily family{"wq_worker_handler_seconds",
                      "Duration of handler calls, whatever the outcome.",
                      prometheus::MetricType::Histogram,
                      {}};
  for (const auto& [labels, stats] : queues) {
    prometheus::ClientMetric& metric = family.metric.emplace_back();
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
  }
  return family;
}

MetricFamily items(const std::vector<OfQueue>& queues) {
  MetricFamily family = counter("wq_worker_items_total", "Items by outcome.");
  for (const auto& [labels, stats] : queues) {
    const std::pair<const char*, std::uint64_t> outcomes[] = {{"completed", stats.completed},
                                                              {"failed", stats.failed},
                                                              {"released", stats.released},
                                                              {"lost", stats.lost},
                                                              {"unknown", stats.unknown}};
    for (const auto& [outcome, number] : outcomes) {
      add(family, metrics::with(labels, "outcome", outcome), static_cast<double>(number));
    }
  }
  return family;
}

MetricFamily of_each(MetricFamily family, const std::vector<OfQueue>& queues,
                     std::uint64_t WorkerStats::*value) {
  for (const auto& [labels, stats] : queues) {
    add(family, labels, static_cast<double>(stats.*value));
  }
  return family;
}

}  // namespace

std::vector<MetricFamily> worker_families(const std::vector<std::string>& queues,
                                          const std::vector<WorkerStats>& stats) {
  std::vector<OfQueue> all;
  for (std::size_t i = 0; i < queues.size(); ++i) {
    all.push_back({Labels{{"queue", metrics::label_text(queues[i])}}, stats[i]});
  }
  return {
      handler_seconds(all),
      items(all),
      of_each(
          gauge("wq_worker_holding", "Items held, including items taken ahead of the handlers."),
          all, &WorkerStats::holding),
      of_each(gauge("wq_worker_unconfirmed",
                    "Settlements not counted yet, since replicas have not confirmed them "
                    "(--durable)."),
              all, &WorkerStats::unconfirmed),
      of_each(counter("wq_worker_lease_renewals_total", "Lease renewals."), all,
              &WorkerStats::renewals),
      of_each(counter("wq_worker_reconnects_total", "Reconnects to Redis after a lost connection."),
              all, &WorkerStats::reconnects)};
}

}  // namespace wq::internal
