#include <algorithm>
#include <utility>

#include <wq/admin.h>
#include <wq/queue_metrics.h>

#include "admin/records.h"
#include "base/keys.h"
#include "queue/operations.h"
#include "redis/reconnecting_connection.h"
#include "script/script.h"

namespace wq {
namespace {

using internal::CommandBuffer;
using internal::Connection;
using internal::Key;
using internal::Keys;
using internal::Reply;

std::string label_of(std::size_t key) {
  const std::string_view suffix = internal::kKeyKinds.at(key).suffix;
  return suffix.empty() ? "ready" : std::string(suffix.substr(1));
}

void read_metric_keys(Connection& redis, const Keys& keys, QueueMetrics& metrics) {
  CommandBuffer ask;
  ask.command({"GET", keys[Key::fence]});
  for (std::size_t i = 0; i < internal::kKeyCount; ++i) {
    ask.command({"MEMORY", "USAGE", keys[static_cast<Key>(i)], "SAMPLES", "5"});
  }
  redis.send(ask);
  const Reply fence = redis.receive();
  std::vector<Reply> usage;
  for (std::size_t i = 0; i < internal::kKeyCount; ++i) usage.push_back(redis.receive());
  if (!fence.checked().value().is_nil()) {
    metrics.fence = static_cast<std::uint64_t>(std::max<std::int64_t>(0, fence.value().integer()));
  }
  for (std::size_t i = 0; i < usage.size(); ++i) {
    // Managed servers may not have the command.
    if (usage[i].value().is_error() || usage[i].value().is_nil()) continue;
    metrics.memory_bytes[label_of(i)] =
        static_cast<std::uint64_t>(std::max<std::int64_t>(0, usage[i].value().integer()));
  }
}

}  // namespace

MetricsReader::MetricsReader(RedisOptions options, std::stop_token stop)
    : link_(std::make_unique<internal::ReconnectingConnection>(std::move(options),
                                                               std::move(stop))) {}
MetricsReader::~MetricsReader() = default;
MetricsReader::MetricsReader(MetricsReader&&) noexcept = default;
MetricsReader& MetricsReader::operator=(MetricsReader&&) noexcept = default;

QueueMetrics MetricsReader::read(const std::string& queue) {
  const Keys keys(queue);
  return link_->run([&](Connection& redis) {
    QueueMetrics metrics;
    metrics.counts = internal::read_counts(
        internal::run_script(redis, internal::scripts::counts, keys, {}).value());
    read_metric_keys(redis, keys, metrics);
    const std::vector<WorkerInfo> workers = internal::read_workers(redis, keys);
    metrics.workers = static_cast<std::uint64_t>(
        std::count_if(workers.begin(), workers.end(),
                      [](const WorkerInfo& worker) { return !worker.overdue(); }));
    // Heartbeats may be two seconds old.
    if (metrics.counts.processing > 0) metrics.oldest_lease = oldest_lease(workers);
    return metrics;
  });
}

}  // namespace wq
