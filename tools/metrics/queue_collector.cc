#include "metrics/queue_collector.h"

#include <utility>

#include <fmt/format.h>

#include <wq/error.h>

#include "cli/log.h"
#include "metrics/families.h"

namespace wq::metrics {

namespace {

using prometheus::MetricFamily;

struct Total {
  const char* name;
  const char* help;
  std::uint64_t Counts::*value;
};

constexpr Total kTotals[] = {
    {"wq_items_pushed_total", "Items pushed by wq programs, including follow-ups.",
     &Counts::pushed},
    {"wq_items_leased_total", "Leases taken; an item with two attempts counts twice.",
     &Counts::leased},
    {"wq_items_completed_total", "Items completed.", &Counts::completed},
    {"wq_items_failed_total", "Failures reported by handlers.", &Counts::failed},
    {"wq_items_crashed_total",
     "Crashes: expired leases of dead or disconnected workers, and processes that died while "
     "working on an item.",
     &Counts::crashed},
    {"wq_items_returned_total", "Unleased items returned to the queue.", &Counts::returned},
    {"wq_items_released_total", "Items released by their workers.", &Counts::released},
    {"wq_items_died_total", "Items that became dead letters.", &Counts::died},
    {"wq_items_dropped_total", "Items removed by an operator.", &Counts::dropped},
    {"wq_items_merged_total", "Equal items that became one among the delayed or the dead.",
     &Counts::merged},
    {"wq_items_recovered_total",
     "Items that Redis had confirmed and lost, and that their producers have pushed again.",
     &Counts::recovered},
    {"wq_foreign_leases_total", "Leases of RedisWQ clients seen.", &Counts::foreign},
};

struct State {
  const char* name;
  std::uint64_t Counts::*value;
};

constexpr State kStates[] = {{"ready", &Counts::ready},
                             {"processing", &Counts::processing},
                             {"delayed", &Counts::delayed},
                             {"dead", &Counts::dead}};

// Calls `each(labels, metrics)` for the queues that could be read.
template <typename Each>
void for_each_read(std::span<const QueueReading> readings, Each each) {
  for (const QueueReading& reading : readings) {
    if (reading.metrics) each(Labels{{"queue", label_text(reading.queue)}}, *reading.metrics);
  }
}

template <typename Value>
MetricFamily with_values(MetricFamily family, std::span<const QueueReading> readings, Value value) {
  for_each_read(readings, [&](Labels labels, const QueueMetrics& of) {
    add(family, std::move(labels), static_cast<double>(value(of)));
  });
  return family;
}

MetricFamily up(std::span<const QueueReading> readings) {
  MetricFamily family = gauge("wq_up", "1 if Redis could be read, else 0.");
  for (const QueueReading& reading : readings) {
    add(family, {{"queue", label_text(reading.queue)}}, reading.metrics ? 1 : 0);
  }
  return family;
}

MetricFamily lost(std::span<const QueueReading> readings) {
  return with_values(gauge("wq_items_lost",
                           "Items that Redis had confirmed and lost, as after a failover without "
                           "the last writes, and that nobody has pushed again."),
                     readings, [](const QueueMetrics& of) { return of.counts.lost; });
}

MetricFamily by_state(std::span<const QueueReading> readings) {
  MetricFamily family = gauge("wq_items", "Items that are ready, in processing, delayed or dead.");
  for_each_read(readings, [&](const Labels& labels, const QueueMetrics& of) {
    for (const State& state : kStates) {
      add(family, with(labels, "state", state.name), static_cast<double>(of.counts.*state.value));
    }
  });
  return family;
}

MetricFamily memory(std::span<const QueueReading> readings) {
  MetricFamily family =
      gauge("wq_key_memory_bytes",
            "Memory of each key of the queue in Redis, estimated; the leases are not among them.");
  for_each_read(readings, [&](const Labels& labels, const QueueMetrics& of) {
    for (const auto& [key, bytes] : of.memory_bytes) {
      add(family, with(labels, "key", key), static_cast<double>(bytes));
    }
  });
  return family;
}

MetricFamily oldest(std::span<const QueueReading> readings) {
  MetricFamily family =
      gauge("wq_oldest_lease_seconds", "Age of the oldest lease of a live worker; 0 without one.");
  for_each_read(readings, [&](Labels labels, const QueueMetrics& of) {
    const std::chrono::duration<double> age =
        of.oldest_lease.value_or(std::chrono::milliseconds{0});
    add(family, std::move(labels), age.count());
  });
  return family;
}

MetricFamily item_seconds(std::span<const QueueReading> readings) {
  MetricFamily family = gauge("wq_item_seconds",
                              "How long an item takes a slot, on average of the last minute of the "
                              "live workers; missing while none has done one.");
  for_each_read(readings, [&](Labels labels, const QueueMetrics& of) {
    if (!of.item_time) return;
    add(family, std::move(labels), std::chrono::duration<double>(*of.item_time).count());
  });
  return family;
}

}  // namespace

std::vector<MetricFamily> queue_families(std::span<const QueueReading> readings,
                                         std::optional<Deadline> deadline) {
  std::vector<MetricFamily> families{up(readings), by_state(readings), lost(readings)};
  for (const Total& total : kTotals) {
    families.push_back(with_values(counter(total.name, total.help), readings,
                                   [&](const QueueMetrics& of) { return of.counts.*total.value; }));
  }
  const auto add_gauge = [&](const char* name, const char* help, auto value) {
    families.push_back(with_values(gauge(name, help), readings, value));
  };
  add_gauge("wq_remaining_items", "Items that are ready, delayed or in processing.",
            [](const QueueMetrics& of) { return remaining_items(of.counts); });
  families.push_back(item_seconds(readings));
  if (deadline) {
    add_gauge("wq_workers_wanted",
              "Workers that finish the remaining items by the deadline, at the speed of the last "
              "minute; 1 while no item is measured.",
              [&](const QueueMetrics& of) { return workers_wanted(of, *deadline); });
  }
  add_gauge("wq_workers", "Workers with a heartbeat within the last 10 s.",
            [](const QueueMetrics& of) { return of.workers; });
  add_gauge("wq_producers", "Producers that hold the queue open.",
            [](const QueueMetrics& of) { return of.counts.producers; });
  add_gauge("wq_paused", "1 while the queue is paused.",
            [](const QueueMetrics& of) { return of.counts.paused ? 1 : 0; });
  add_gauge("wq_drained",
            "1 if every item is completed or dead, no producer holds the queue open, and it is not "
            "paused.",
            [](const QueueMetrics& of) { return of.counts.drained() ? 1 : 0; });
  families.push_back(oldest(readings));
  add_gauge("wq_fence", "The last fencing token issued.",
            [](const QueueMetrics& of) { return of.fence; });
  families.push_back(memory(readings));
  std::erase_if(families, [](const MetricFamily& family) { return family.metric.empty(); });
  return families;
}

QueueCollector::QueueCollector(std::vector<std::string> queues, const RedisOptions& redis,
                               std::optional<Deadline> deadline, std::stop_token stop)
    : queues_(std::move(queues)), deadline_(deadline), reader_(redis, stop) {
  for (const std::string& queue : queues_)
    static_cast<void>(Queue{queue, redis});  // looks at the name
}

std::vector<MetricFamily> QueueCollector::read() {
  std::vector<QueueReading> readings;
  const std::lock_guard lock(mutex_);
  for (const std::string& queue : queues_) readings.push_back({queue, reader_.read(queue)});
  return queue_families(readings, deadline_);
}

std::vector<MetricFamily> QueueCollector::scrape() {
  std::vector<QueueReading> readings;
  std::string trouble;
  bool away = false;
  const std::lock_guard lock(mutex_);
  for (const std::string& queue : queues_) {
    QueueReading reading{queue, std::nullopt};
    try {
      // If Redis does not answer for one queue, the others need not wait for that as well.
      if (!away) reading.metrics = reader_.read(queue);
    } catch (const ConnectionError& error) {
      away = true;
      trouble = error.what();
    } catch (const std::exception& error) {
      trouble = fmt::format("queue '{}': {}", queue, error.what());
    }
    readings.push_back(std::move(reading));
  }
  note(trouble);
  return queue_families(readings, deadline_);
}

void QueueCollector::note(const std::string& trouble) {
  if (trouble.empty() == trouble_.empty()) return;
  if (trouble.empty()) {
    cli::log(LogLevel::info, "metrics can be read again");
  } else {
    cli::log(LogLevel::warning, trouble + "; wq_up is 0 until that is over");
  }
  trouble_ = trouble;
}

}  // namespace wq::metrics
