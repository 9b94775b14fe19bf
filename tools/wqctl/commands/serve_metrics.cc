#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>

#include <fmt/format.h>
#include <unistd.h>

#include "cli/log.h"
#include "cli/signals.h"
#include "metrics/metrics_server.h"
#include "metrics/queue_collector.h"
#include "wqctl/command.h"

namespace wq::ctl {

namespace {

// The default timeout of a scrape is 10 s; the reply must be earlier.
constexpr std::chrono::milliseconds kScrapePatience{1'000};
constexpr std::chrono::milliseconds kScrapeTimeout{2'000};

constexpr const char* kServeSummary =
    "Serves the output of 'wqctl metrics' at GET /metrics for one or more queues, read\n"
    "for each request. While Redis is unreachable, wq_up is 0. Exits with 0 on SIGTERM\n"
    "or SIGINT.\n";

}  // namespace

cli::ExitCode run_serve_metrics(cli::Process& process, int argc, const char* const* argv) {
  cli::Options options{command_text(
      "serve-metrics", kServeSummary,
      "Examples:\n"
      "  wqctl serve-metrics shards --listen :9188\n"
      "  wqctl serve-metrics a b c --listen 127.0.0.1:9188\n",
      {{cli::Value::queue()}, {.value = cli::Value::queue(), .optional = true, .many = true}})};
  std::optional<metrics::ListenAddress> address;
  options.group("Metrics");
  options.add(
      "listen", cli::Value::text("ADDR:PORT"),
      "address to listen on; required. :PORT is all addresses",
      [&address](const std::string& text) { address = metrics::parse_listen_address(text); });
  Target target;
  if (!read_target(process, options, argc, argv, target)) return cli::ExitCode::done;
  if (!address) {
    throw cli::UsageError("--listen ADDR:PORT is missing, such as --listen 127.0.0.1:9188");
  }
  target.redis.patience = std::min(target.redis.patience, kScrapePatience);
  target.redis.connect_timeout = std::min(target.redis.connect_timeout, kScrapeTimeout);
  target.redis.command_timeout = std::min(target.redis.command_timeout, kScrapeTimeout);
  target.redis.log = no_log;  // the collector says it once

  std::stop_source stop;
  const cli::SignalWatcher signals{process.signals(), [&stop](int signal, int count) {
                                     stop.request_stop();
                                     if (count > 1)
                                       _exit(static_cast<int>(cli::exit_code_for_signal(signal)));
                                   }};
  const auto collector =
      std::make_shared<metrics::QueueCollector>(queues_of(target), target.redis, stop.get_token());
  const metrics::MetricsServer server{*address, collector};
  cli::log(LogLevel::info, fmt::format("serving {}", server.url()));
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  stopped.wait(lock, stop.get_token(), [] { return false; });
  return cli::ExitCode::done;
}

}  // namespace wq::ctl
