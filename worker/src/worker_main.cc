#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include <wq/error.h>
#include <wq/version.h>
#include <wq/worker_main.h>

#include "base/host_name.h"
#include "cli/exit_code.h"
#include "cli/log.h"
#include "cli/redis_flags.h"
#include "cli/run_main.h"
#include "cli/signals.h"
#include "cli/units.h"
#include "crash_report.h"
#include "job_log.h"
#include "metrics/metrics_server.h"
#include "queue_hints.h"
#include "shell_words.h"
#include "worker_collector.h"
#include "worker_options.h"
#include "worker_progress.h"

namespace wq {

namespace {

using cli::ExitCode;

// Longer than a handler's child is given between SIGTERM and SIGKILL.
constexpr std::chrono::seconds kStuckAfter{10};
constexpr const char* kStuck =
    "a handler did not return within 10 s; leaving without it: its item comes back when the lease "
    "ends";

/// Brings SIGINT and SIGTERM to the worker, and ends the process when that does not help.
class Interruption {
 public:
  explicit Interruption(std::chrono::milliseconds grace)
      : grace_(grace), signals_([this](int signal, int count) { on_signal(signal, count); }) {}

  /// From here on signals go to this worker, which must outlive this object; until then they end
  /// the process.
  void tell(Worker& worker) { worker_ = &worker; }

  [[nodiscard]] int first() const noexcept { return signals_.first(); }

 private:
  void on_signal(int signal, int count) {
    const std::string_view name = signal == SIGINT ? "SIGINT" : "SIGTERM";
    Worker* worker = worker_.load();
    if (worker == nullptr || count > 2) {
      leave(fmt::format("{}: leaving at once", name));
    } else if (count == 1) {
      worker->request_stop();
      cli::log(LogLevel::info, finishing_text(name, worker->figures().running));
    } else {
      worker->request_stop_now();
      cli::log(LogLevel::info, fmt::format("{} again: stopping what is in work", name));
      watchdog_ = std::jthread([this](const std::stop_token& stop) { watch(stop); });
    }
  }

  [[nodiscard]] std::string finishing_text(std::string_view name, std::uint64_t running) const {
    if (running == 0) return fmt::format("{}: nothing is in work", name);
    return fmt::format(
        "{}: finishing what is in work, {}, for {} at most (--grace); a second one stops it at "
        "once",
        name, cli::plural(running, "item"), cli::duration_text(grace_));
  }

  void watch(const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    never.wait_for(lock, stop, kStuckAfter, [] { return false; });
    if (stop.stop_requested()) return;
    leave(kStuck);
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

std::string_view name_of(WorkerEnd end) {
  switch (end) {
    case WorkerEnd::drained:
      return "drained";
    case WorkerEnd::stopped:
      return "stopped";
    case WorkerEnd::halted:
      return "halted";
    case WorkerEnd::max_items:
      return "max-items";
    case WorkerEnd::max_idle:
      return "max-idle";
    case WorkerEnd::never_opened:
      return "never-opened";
  }
  return "";
}

ExitCode code_for(const WorkerReport& report, bool fail_on_dead, int signal) {
  switch (report.end) {
    case WorkerEnd::drained:
      return fail_on_dead && report.counts.dead > 0 ? ExitCode::dead_or_halted : ExitCode::done;
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

void log_start(const internal::WorkerCommandLine& line, const Worker& worker) {
  cli::log(
      LogLevel::info,
      fmt::format("start: version={} session={} queue={} redis={} concurrency={} lease={}",
                  kVersion, worker.session(), line.queue, cli::without_password(line.redis.url),
                  line.worker.concurrency, cli::duration_text(line.worker.lease)));
}

void log_end(const WorkerReport& report) {
  cli::log(LogLevel::info,
           fmt::format("end: {} completed={} failed={} released={} lost={} unknown={}; the queue: "
                       "ready={} processing={} delayed={} dead={}",
                       name_of(report.end), report.completed, report.failed, report.released,
                       report.lost, report.unknown, report.counts.ready, report.counts.processing,
                       report.counts.delayed, report.counts.dead));
}

/// The items of one call of a handler.
std::span<const Lease> items_of(const Batch& batch) { return batch.leases; }
std::span<const Lease> items_of(const Job& job) { return {&job.lease, 1}; }

WorkerReport run_with_progress(Worker& worker, std::chrono::milliseconds interval) {
  const internal::WorkerProgress progress(worker, interval);
  return worker.run();
}

/// What `--joblog` asks for. `worker` may be made later.
class JobLogging {
 public:
  JobLogging(const internal::WorkerCommandLine& line, const WorkerProgram& program,
             const std::unique_ptr<Worker>& worker)
      : log_(line.joblog, line.worker.label.empty() ? internal::host_name() : line.worker.label),
        command_line_(program.command_line),
        name_(internal::shell_word(line.program)),
        worker_(worker) {}

  void add(const Settlement& settlement) {
    if (failed_) return;
    try {
      log_.add(settlement, command_line_ ? command_line_(settlement)
                                         : internal::with_item(name_, settlement.lease.item));
    } catch (const std::system_error& error) {
      failed_ = true;
      cli::log(LogLevel::error, fmt::format("--joblog: cannot write: {}; the worker leaves",
                                            error.code().message()));
      worker_->request_stop();
    }
  }

 private:
  internal::JobLog log_;
  const std::function<std::string(const Settlement&)>& command_line_;
  const std::string name_;
  const std::unique_ptr<Worker>& worker_;
  bool failed_ = false;
};

/// The worker, with a handler that is made only after it, since the handler may ask for its name.
template <typename AnyHandler, typename Argument, typename Make>
ExitCode run_worker(const internal::WorkerCommandLine& line, const WorkerProgram& program,
                    const Make& make) {
  AnyHandler handler;
  WorkerOptions options = line.worker;
  // Outlives the interruption that speaks to it, but is made after it: with signals blocked.
  std::unique_ptr<Worker> worker;
  Interruption interruption{line.worker.grace};
  std::optional<JobLogging> joblog;
  if (!line.joblog.empty()) {
    joblog.emplace(line, program, worker);
    options.settled = [&joblog](const Settlement& settlement) { joblog->add(settlement); };
  }
  worker = std::make_unique<Worker>(line.queue, line.redis, options,
                                    AnyHandler{[&handler](const Argument& argument) {
                                      const internal::CrashContext context(items_of(argument));
                                      return handler(argument);
                                    }});
  std::unique_ptr<metrics::MetricsServer> server;  // before a model is loaded, so that a port that
  if (line.metrics_listen) {                       // is taken is known at once
    server = std::make_unique<metrics::MetricsServer>(
        *line.metrics_listen, std::make_shared<internal::WorkerCollector>(*worker, line.queue));
    cli::log(LogLevel::info, fmt::format("serving {}", server->url()));
  }
  handler =
      make(WorkerContext{line.queue, worker->session(), line.worker, line.arguments, line.redis});
  log_start(line, *worker);
  interruption.tell(*worker);
  try {
    const WorkerReport report = run_with_progress(*worker, line.progress);
    log_end(report);
    if (report.end == WorkerEnd::drained) internal::log_dead(line.queue, line.redis, report.counts);
    return code_for(report, line.fail_on_dead, interruption.first());
  } catch (const ConnectionError& error) {
    // Told to leave while Redis was away: there was nobody to give the items back to.
    if (interruption.first() == 0) throw;
    cli::log(LogLevel::warning, error.what());
    return cli::exit_code_for_signal(interruption.first());
  }
}

}  // namespace

int worker_main(int argc, char** argv, const WorkerProgram& program) {
  const std::string name = cli::program_name(argc > 0 ? argv[0] : "wq-worker");
  return cli::run_main(name, [&] {
    const cli::CommandLine words(argc, argv);
    internal::WorkerCommandLine line;
    if (!internal::read_worker_command_line(words.size(), words.words(), program, line)) {
      return ExitCode::done;
    }
    internal::report_crashes(line.program, cli::log_is_json());
    line.worker.other_queues = [&line] { return internal::other_queues(line.queue, line.redis); };
    if (program.adjust) program.adjust(line.worker);
    if (program.make_batch)
      return run_worker<BatchHandler, Batch>(line, program, program.make_batch);
    return run_worker<Handler, Job>(line, program, program.make);
  });
}

int worker_main(int argc, char** argv, Handler handler) {
  WorkerProgram program;
  program.make = [&handler](const WorkerContext&) { return std::move(handler); };
  return worker_main(argc, argv, program);
}

int worker_main(int argc, char** argv, BatchHandler handler) {
  WorkerProgram program;
  program.make_batch = [&handler](const WorkerContext&) { return std::move(handler); };
  return worker_main(argc, argv, program);
}

}  // namespace wq
