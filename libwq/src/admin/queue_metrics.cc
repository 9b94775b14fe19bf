#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>
#include <vector>

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
  ask.command({"TIME"});
  ask.command({"GET", keys[Key::fence]});
  for (std::size_t i = 0; i < internal::kKeyCount; ++i) {
    ask.command({"MEMORY", "USAGE", keys[static_cast<Key>(i)], "SAMPLES", "5"});
  }
  redis.send(ask);
  const Reply time = redis.receive();
  const Reply fence = redis.receive();
  std::vector<Reply> usage;
  for (std::size_t i = 0; i < internal::kKeyCount; ++i) usage.push_back(redis.receive());
  metrics.read_at = ServerTime{std::chrono::milliseconds{time.checked().value().time_ms()}};
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

// The speeds of the slots are averaged, not the durations: the slow ones do fewer of the items.
void count_workers(const std::vector<WorkerInfo>& workers, QueueMetrics& metrics) {
  double per_us = 0;
  double measured = 0;
  for (const WorkerInfo& worker : workers) {
    if (worker.overdue()) continue;
    ++metrics.workers;
    metrics.slots += worker.slots;
    if (worker.item_time.count() == 0) continue;
    const auto weight = static_cast<double>(worker.slots);
    per_us += weight / static_cast<double>(worker.item_time.count());
    measured += weight;
  }
  if (per_us > 0) {
    metrics.item_time = std::chrono::microseconds{std::llround(measured / per_us)};
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
    count_workers(workers, metrics);
    // Heartbeats may be two seconds old.
    if (metrics.counts.processing > 0) metrics.oldest_lease = oldest_lease(workers);
    return metrics;
  });
}

}  // namespace wq
