#include <algorithm>
#include <chrono>
#include <optional>

#include <fmt/format.h>
#include <prometheus/text_serializer.h>

#include "cli/log.h"
#include "cli/output.h"
#include "cli/signals.h"
#include "metrics/deadline.h"
#include "metrics/metrics_server.h"
#include "metrics/queue_collector.h"
#include "wqctl/command.h"

namespace wq::ctl {

namespace {

// The default timeout of a scrape is 10 s; the reply must be earlier.
constexpr std::chrono::milliseconds kScrapePatience{1'000};
constexpr std::chrono::milliseconds kScrapeTimeout{2'000};

constexpr const char* kMetricsSummary =
    "Prints the metrics of the queue in the text format of Prometheus: items by state,\n"
    "totals, workers, producers, the age of the oldest lease, memory. Costs Redis a\n"
    "few commands, whatever the number of items.\n";

constexpr const char* kServeSummary =
    "Serves the output of 'wqctl metrics' at GET /metrics for one or more queues, read\n"
    "for each request. While Redis is unreachable, wq_up is 0. Exits with 0 on SIGTERM\n"
    "or SIGINT.\n";

std::vector<cli::Argument> queues_argument() {
  return {{cli::Value::queue()}, {.value = cli::Value::queue(), .optional = true, .many = true}};
}

void add_deadline(cli::Options& options, std::optional<metrics::Deadline>& deadline) {
  options.add("deadline", cli::Value::text("TIME"),
              "when the queues are to be drained, in UTC, as 2026-12-01T06:00:00Z; adds "
              "wq_workers_wanted, the number of workers that it takes",
              [&deadline](const std::string& text) { deadline = metrics::parse_deadline(text); });
}

}  // namespace

cli::ExitCode run_metrics(cli::Process& process, int argc, const char* const* argv) {
  cli::Options options{command_text("metrics", kMetricsSummary,
                                    "Examples:\n"
                                    "  wqctl metrics shards | promtool check metrics\n"
                                    "  wqctl metrics shards > /var/lib/node_exporter/wq.prom\n",
                                    queues_argument())};
  std::optional<metrics::Deadline> deadline;
  options.group("Metrics");
  add_deadline(options, deadline);
  Target target;
  if (!read_target(process, options, argc, argv, target)) return cli::ExitCode::done;
  only_look(target);
  metrics::QueueCollector collector{queues_of(target), target.redis, deadline};
  cli::write_out(prometheus::TextSerializer{}.Serialize(collector.read()));
  return cli::ExitCode::done;
}

cli::ExitCode run_serve_metrics(cli::Process& process, int argc, const char* const* argv) {
  cli::Options options{command_text("serve-metrics", kServeSummary,
                                    "Examples:\n"
                                    "  wqctl serve-metrics shards --listen :9188\n"
                                    "  wqctl serve-metrics a b c --listen 127.0.0.1:9188\n",
                                    queues_argument())};
  std::optional<metrics::ListenAddress> address;
  options.group("Metrics");
  options.add(
      "listen", cli::Value::text("ADDR:PORT"),
      "address to listen on; required. :PORT is all addresses",
      [&address](const std::string& text) { address = metrics::parse_listen_address(text); });
  std::optional<metrics::Deadline> deadline;
  add_deadline(options, deadline);
  Target target;
  if (!read_target(process, options, argc, argv, target)) return cli::ExitCode::done;
  if (!address) {
    throw cli::UsageError("--listen ADDR:PORT is missing, such as --listen 127.0.0.1:9188");
  }
  target.redis.patience = std::min(target.redis.patience, kScrapePatience);
  target.redis.connect_timeout = std::min(target.redis.connect_timeout, kScrapeTimeout);
  target.redis.command_timeout = std::min(target.redis.command_timeout, kScrapeTimeout);
  target.redis.log = no_log;  // the collector says it once

  const cli::StopRequest stop{process.signals()};
  metrics::QueueCollector collector{queues_of(target), target.redis, deadline, stop.token()};
  const metrics::MetricsServer server{*address, [&collector] { return collector.scrape(); }};
  cli::log(LogLevel::info, fmt::format("serving {}", server.url()));
  while (!stop.is_made()) stop.wait_for(std::chrono::hours{1});
  return cli::ExitCode::done;
}

}  // namespace wq::ctl
