#include "worker_run.h"

#include <atomic>
#include <chrono>
#include <csignal>
#include <memory>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include <wq/error.h>
#include <wq/lanes.h>
#include <wq/version.h>

#include "base/host_name.h"
#include "base/name_in.h"
#include "base/wait.h"
#include "cli/exit_code.h"
#include "cli/log.h"
#include "cli/output.h"
#include "cli/redis_flags.h"
#include "cli/signals.h"
#include "cli/units.h"
#include "command/shell_words.h"
#include "crash_report.h"
#include "job_log.h"
#include "metrics/metrics_server.h"
#include "queue_hints.h"
#include "worker_collector.h"
#include "worker_progress.h"

namespace wq::internal {

namespace {

using cli::ExitCode;

// Longer than a handler's child is given between SIGTERM and SIGKILL.
constexpr std::chrono::seconds kStuckAfter{10};
constexpr const char* kStuck =
    "a handler did not return within 10 s; exiting without it: its item returns to the queue when "
    "the lease expires";

std::string_view name_of(WorkerEnd end) {
  return name_in<WorkerEnd, 6>(
      {"drained", "stopped", "halted", "max-items", "max-idle", "never-opened"}, end);
}

ExitCode code_for(const WorkerReport& report, const WorkerCommandLine& line, int signal) {
  const bool bad_end = (line.fail_on_dead && report.counts.dead > 0) ||
                       (line.on_dead == OnDead::fail && report.dead_before > 0);
  switch (report.end) {
    case WorkerEnd::drained:
      if (report.counts.lost > 0) return ExitCode::failure;
      return bad_end ? ExitCode::dead_or_halted : ExitCode::done;
    case WorkerEnd::stopped:
      return signal == 0 ? ExitCode::failure : cli::exit_code_for_signal(signal);
    case WorkerEnd::halted:
      return ExitCode::dead_or_halted;
    case WorkerEnd::max_items:
    case WorkerEnd::max_idle:
      return ExitCode::left_early;
    case WorkerEnd::never_opened:
      return ExitCode::never_opened;
  }
  return ExitCode::failure;
}

void log_start(const WorkerCommandLine& line, const Worker& worker) {
  cli::log(LogLevel::info,
           fmt::format("start: version={} session={} queue={} redis={} concurrency={} lease={}",
                       kVersion, worker.session(), queues_text(line),
                       cli::without_password(line.redis.url), line.worker.concurrency,
                       cli::duration_text(line.worker.lease)));
}

void log_end(const WorkerReport& report, bool is_one) {
  cli::log(LogLevel::info,
           fmt::format("end: {} completed={} failed={} released={} lost={} unknown={}; the {}: "
                       "ready={} processing={} delayed={} dead={}",
                       name_of(report.end), report.completed, report.failed, report.released,
                       report.lost, report.unknown, is_one ? "queue" : "queues together",
                       report.counts.ready, report.counts.processing, report.counts.delayed,
                       report.counts.dead));
}

/// Refuses another number of lanes than the producers'. At the end there must be one: whoever
/// filled the queue may have begun after this worker, with more lanes.
void check_number_of_lanes(const WorkerCommandLine& line, bool at_end) {
  if (line.laned.empty()) return;
  const auto recorded = recorded_lanes(line.laned, line.redis);
  if (recorded ? *recorded == line.queues.size() : !at_end) return;
  throw std::invalid_argument(fmt::format(
      "--lanes {}: {}", line.queues.size(),
      recorded ? fmt::format("the queue {} has {} lanes", cli::one_line(line.laned), *recorded)
               : fmt::format("no lanes are recorded for the queue {}; fill it with wq-push --lanes",
                             cli::one_line(line.laned))));
}

/// The items of one call of a handler.
std::span<const Lease> items_of(const Batch& batch) { return batch.leases; }
std::span<const Lease> items_of(const Job& job) { return {&job.lease, 1}; }

template <typename AnyHandler>
std::unique_ptr<Worker> make_worker(const WorkerCommandLine& line, const WorkerOptions& options,
                                    AnyHandler handler) {
  if (line.queues.empty()) {
    return std::make_unique<Worker>(line.group, line.redis, options, std::move(handler));
  }
  return std::make_unique<Worker>(line.queues, line.redis, options, std::move(handler));
}

/// Registers the items of a call for the report of a crash.
template <typename Argument, typename AnyHandler>
AnyHandler in_crash_context(AnyHandler handler) {
  return [handler = std::move(handler)](const Argument& argument) {
    const CrashContext context(items_of(argument));
    return handler(argument);
  };
}

}  // namespace

/// Brings SIGINT and SIGTERM to the worker, and ends the process when that does not help.
class Interruption {
 public:
  Interruption(cli::StopSignals& signals, std::chrono::milliseconds grace)
      : grace_(grace),
        signals_(signals, [this](int signal, int count) { on_signal(signal, count); }) {}

  /// From here on signals go to this worker, which must outlive this object; until then they end
  /// the process.
  void tell(Worker& worker) { worker_ = &worker; }

  [[nodiscard]] int first() const noexcept { return signals_.first(); }

 private:
  void on_signal(int signal, int count) {
    const std::string_view name = signal == SIGINT ? "SIGINT" : "SIGTERM";
    Worker* worker = worker_.load();
    if (worker == nullptr || count > 2) {
      leave(fmt::format("{}: exiting at once", name));
    } else if (count == 1) {
      worker->request_stop();
      cli::log(LogLevel::info, finishing_text(name, worker->stats().running));
    } else {
      worker->request_stop_now();
      cli::log(LogLevel::info, fmt::format("{} again: stopping all running items", name));
      watchdog_ = std::jthread([this](const std::stop_token& stop) { watch(stop); });
    }
  }

  [[nodiscard]] std::string finishing_text(std::string_view name, std::uint64_t running) const {
    if (running == 0) return fmt::format("{}: no item is running", name);
    return fmt::format(
        "{}: finishing {}, for at most {} (--grace); a second signal stops at "
        "once",
        name, cli::plural(running, "item"), cli::duration_text(grace_));
  }

  void watch(const std::stop_token& stop) {
    wait_for(kStuckAfter, stop);
    if (!stop.stop_requested()) leave(kStuck);
  }

  [[noreturn]] void leave(std::string_view why) noexcept {
    cli::log(LogLevel::warning, why);
    _exit(static_cast<int>(cli::exit_code_for_signal(signals_.first())));
  }

  const std::chrono::milliseconds grace_;
  std::atomic<Worker*> worker_{nullptr};
  std::jthread watchdog_;
  cli::SignalWatcher signals_;
};

/// Writes the file of `--joblog`. `worker` may be made later.
class JobLogging {
 public:
  JobLogging(const std::string& program, const WorkerCommandLine& line, AttemptText attempt_text,
             const std::unique_ptr<Worker>& worker)
      : log_(line.joblog, line.worker.label.empty() ? host_name() : line.worker.label),
        attempt_text_(std::move(attempt_text)),
        name_(shell_word(program)),
        worker_(worker) {}

  void add(const Settlement& settlement) {
    if (failed_) return;
    try {
      log_.add(settlement,
               attempt_text_ ? attempt_text_(settlement) : with_item(name_, settlement.lease.item));
    } catch (const std::system_error& error) {
      failed_ = true;
      cli::log(LogLevel::error,
               fmt::format("--joblog: cannot write: {}; the worker exits", error.code().message()));
      worker_->request_stop();
    }
  }

 private:
  JobLog log_;
  const AttemptText attempt_text_;
  const std::string name_;
  const std::unique_ptr<Worker>& worker_;
  bool failed_ = false;
};

template <typename Make>
WorkerRun::WorkerRun(cli::Process& process, const WorkerCommandLine& line, AttemptText attempt_text,
                     const Make& make)
    : line_(line),
      interruption_(std::make_unique<Interruption>(process.signals(), line.worker.grace)) {
  report_crashes(process.name(), cli::log_is_json());
  WorkerOptions options = line.worker;
  options.other_queues = [&line](const std::string& queue) {
    return other_queues(queue, line.redis);
  };
  if (!line.joblog.empty()) {
    joblog_ = std::make_unique<JobLogging>(process.name(), line, std::move(attempt_text), worker_);
    options.settled = [this](const Settlement& settlement) { joblog_->add(settlement); };
  }
  worker_ = make(options);
  if (!line.metrics_listen) return;
  // Before a model is loaded, so that a port that is taken is known at once.
  std::vector<std::string> queues;
  for (const QueueShare& each : line.queues) queues.push_back(each.queue);
  if (queues.empty()) queues.push_back(line.group.pattern);
  server_ = std::make_unique<metrics::MetricsServer>(
      *line.metrics_listen, [this, queues = std::move(queues)] {
        return worker_families(queues, worker_->queue_stats());
      });
  cli::log(LogLevel::info, fmt::format("serving {}", server_->url()));
}

WorkerRun::WorkerRun(cli::Process& process, const WorkerCommandLine& line, Handler handler,
                     AttemptText attempt_text)
    : WorkerRun(process, line, std::move(attempt_text), [&](const WorkerOptions& options) {
        return make_worker(line, options, in_crash_context<Job>(std::move(handler)));
      }) {}

WorkerRun::WorkerRun(cli::Process& process, const WorkerCommandLine& line, BatchHandler handler,
                     AttemptText attempt_text)
    : WorkerRun(process, line, std::move(attempt_text), [&](const WorkerOptions& options) {
        return make_worker(line, options, in_crash_context<Batch>(std::move(handler)));
      }) {}

WorkerRun::~WorkerRun() = default;

ExitCode WorkerRun::run() {
  check_number_of_lanes(line_, false);
  log_start(line_, *worker_);
  interruption_->tell(*worker_);
  try {
    const WorkerReport report = [this] {
      const WorkerProgress progress(*worker_, line_.progress);
      return worker_->run();
    }();
    log_end(report, line_.queues.size() == 1);
    if (report.end == WorkerEnd::drained) log_dead_of(report);
    if (report.counts.lost > 0) {
      cli::log(LogLevel::error,
               fmt::format("Redis has lost {} that it had confirmed: push them again; wqctl verify "
                           "--repair takes them out of the count",
                           cli::plural(report.counts.lost, "item")));
    }
    if (report.end == WorkerEnd::drained && report.dead_before > 0) {
      cli::log(LogLevel::warning,
               fmt::format("the stages before have {}: their items are missing here",
                           cli::plural(report.dead_before, "dead letter")));
    }
    if (report.end == WorkerEnd::drained || report.end == WorkerEnd::never_opened) {
      check_number_of_lanes(line_, report.end == WorkerEnd::drained);
    }
    return code_for(report, line_, interruption_->first());
  } catch (const ConnectionError& error) {
    // Asked to stop while Redis was unreachable: the items could not be returned.
    if (interruption_->first() == 0) throw;
    cli::log(LogLevel::warning, error.what());
    return cli::exit_code_for_signal(interruption_->first());
  }
}

void WorkerRun::log_dead_of(const WorkerReport& report) const {
  if (line_.queues.empty()) {
    log_dead_of_group(line_.group.pattern, report.counts);
    return;
  }
  for (std::size_t i = 0; i < report.queues.size(); ++i) {
    log_dead(line_.queues[i].queue, line_.redis, report.queues[i]);
  }
}

}  // namespace wq::internal
