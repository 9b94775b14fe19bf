#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>

#include <fmt/format.h>
#include <prometheus/text_serializer.h>
#include <unistd.h>

#include "cli/log.h"
#include "cli/output.h"
#include "cli/signals.h"
#include "metrics/metrics_server.h"
#include "wqctl/command.h"
#include "wqctl/commands.h"
#include "wqctl/commands/queue_collector.h"

namespace wq::ctl {

namespace {

// A scrape gives up after 10 s, unless it is told otherwise; the answer must come before.
constexpr std::chrono::milliseconds kScrapePatience{1'000};
constexpr std::chrono::milliseconds kScrapeTimeout{2'000};

constexpr MoreArguments kMoreQueues{"[QUEUE...]", 0, kAnyNumber};

constexpr const char* kMetricsSummary =
    "Prints what Prometheus reads of the queue, in its text format: items by state,\n"
    "totals, workers, producers, the age of the oldest lease, memory. Costs Redis a\n"
    "few commands, however many items there are.\n";

constexpr const char* kServeSummary =
    "Answers GET /metrics with what 'wqctl metrics' prints, read anew each time, for\n"
    "one queue or several. While Redis cannot be asked, wq_up is 0. Ends with 0 at\n"
    "SIGTERM or SIGINT.\n";

std::vector<std::string> queues_of(const Target& target) {
  std::vector<std::string> queues{target.queue};
  for (const std::string& queue : target.more) {
    // Prometheus refuses an answer that has the same value twice.
    if (std::find(queues.begin(), queues.end(), queue) != queues.end()) {
      throw cli::UsageError(fmt::format("queue '{}' is named twice", cli::one_line(queue)));
    }
    queues.push_back(queue);
  }
  return queues;
}

}  // namespace

cli::ExitCode run_metrics(int argc, const char* const* argv) {
  cli::Options options{command_text("metrics", kMetricsSummary,
                                    "Examples:\n"
                                    "  wqctl metrics shards | promtool check metrics\n"
                                    "  wqctl metrics shards > /var/lib/node_exporter/wq.prom\n",
                                    kMoreQueues)};
  Target target;
  if (!read_target(options, argc, argv, target, kMoreQueues)) return cli::ExitCode::done;
  only_look(target);
  const QueueCollector collector{queues_of(target), target.redis};
  cli::write_out(prometheus::TextSerializer{}.Serialize(collector.read()));
  return cli::ExitCode::done;
}

cli::ExitCode run_serve_metrics(int argc, const char* const* argv) {
  cli::Options options{command_text("serve-metrics", kServeSummary,
                                    "Examples:\n"
                                    "  wqctl serve-metrics shards --listen :9188\n"
                                    "  wqctl serve-metrics a b c --listen 127.0.0.1:9188\n",
                                    kMoreQueues)};
  std::optional<metrics::ListenAddress> address;
  options.group("Metrics");
  options.add(
      "listen", "ADDR:PORT", "where to listen; needed. :PORT is all addresses",
      [&address](const std::string& text) { address = metrics::parse_listen_address(text); });
  Target target;
  if (!read_target(options, argc, argv, target, kMoreQueues)) return cli::ExitCode::done;
  if (!address) {
    throw cli::UsageError("--listen ADDR:PORT is missing, such as --listen 127.0.0.1:9188");
  }
  target.redis.patience = std::min(target.redis.patience, kScrapePatience);
  target.redis.connect_timeout = std::min(target.redis.connect_timeout, kScrapeTimeout);
  target.redis.command_timeout = std::min(target.redis.command_timeout, kScrapeTimeout);
  target.redis.log = no_log;  // the collector says it once

  std::stop_source stop;
  const cli::SignalWatcher signals{[&stop](int signal, int count) {
    stop.request_stop();
    if (count > 1) _exit(static_cast<int>(cli::exit_code_for_signal(signal)));
  }};
  const auto collector =
      std::make_shared<QueueCollector>(queues_of(target), target.redis, stop.get_token());
  const metrics::MetricsServer server{*address, collector};
  cli::log(LogLevel::info, fmt::format("serving {}", server.url()));
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  stopped.wait(lock, stop.get_token(), [] { return false; });
  return cli::ExitCode::done;
}

}  // namespace wq::ctl
