#include "worker_options.h"

#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "cli/exit_code.h"
#include "cli/options.h"
#include "cli/redis_flags.h"
#include "cli/run_main.h"
#include "cli/terminal.h"
#include "worker_progress.h"

namespace wq::internal {

namespace {

constexpr const char* kSummary =
    R"(Takes items from a queue, handles them, and leaves with 0 when the queue is drained: when nothing
is ready, delayed or in work anywhere, and nobody is filling it. Run as many as you like, anywhere;
kill any of them: what it held comes back when the lease ends.
)";

std::string exit_codes() {
  using cli::ExitCode;
  return cli::exit_code_help({ExitCode::done, ExitCode::failure, ExitCode::usage,
                              ExitCode::dead_or_halted, ExitCode::no_redis, ExitCode::left_early,
                              ExitCode::never_opened, ExitCode::interrupted, ExitCode::terminated});
}

cli::ProgramText text(const std::string& name, const WorkerProgram& program) {
  std::string usage = name + " --queue QUEUE [OPTIONS]";
  if (!program.arguments.empty()) usage += " " + program.arguments;
  std::string summary = program.summary;
  if (!summary.empty() && !summary.ends_with('\n')) summary += '\n';
  summary += (summary.empty() ? "" : "\n") + std::string(kSummary);
  std::string ending = exit_codes();
  if (!program.examples.empty()) ending += "\n" + program.examples;
  return {name, "WQ_WORKER_", std::move(usage), std::move(summary), std::move(ending)};
}

// What becomes of a drained queue in which dead letters remain.
struct DeadLetters {
  bool fail = false;
  bool ignore = false;
};

void declare_work(cli::Options& options, WorkerOptions& worker, bool batches) {
  options.add_number("concurrency", worker.concurrency, "items handled at a time", 1);
  if (batches) {
    options.add_number("batch", worker.batch, "items handed to the handler at once, at most", 1,
                       Queue::kMaxBatch);
    options.add_duration("max-delay", worker.max_delay,
                         "how long an item may wait for its batch to be full; never when the queue "
                         "has nothing more to give");
    options.add("max-batch-bytes", "SIZE",
                "a batch is full, too, when one more item would make it larger (0: no limit) "
                "[default: 0]",
                [&worker](const std::string& size) {
                  worker.max_batch_bytes = static_cast<std::size_t>(cli::parse_size(size));
                });
  }
  options.add_duration("timeout", worker.timeout,
                       "how long an item may take; longer is a failure (0: as long as it likes)");
  options.add_duration("lease", worker.lease,
                       "how long an item stays ours when we are not heard of; renewed by itself "
                       "while we are alive, so it need not be as long as the work");
  options.add_duration("results-ttl", worker.retry.results_ttl,
                       "how long results are kept at least, if the handler gives any: older ones "
                       "go with the next that comes, all when none has come for so long; the same "
                       "for all workers (0: until they are removed)");
  options.add_duration("grace", worker.grace,
                       "how long handlers may go on after SIGINT or SIGTERM");
  options.add_text("label", "TEXT", worker.label,
                   "who this worker is, for people [default: the host's name]");
}

void declare_retries(cli::Options& options, WorkerOptions& worker) {
  RetryPolicy& retry = worker.retry;
  options.group("Items that fail");
  options.add_number("max-attempts", retry.max_attempts, "failures that make an item a dead letter",
                     1);
  options.add_number("max-crashes", retry.max_crashes,
                     "crashes that make an item a dead letter: what did the work was killed, or "
                     "the worker died, so that the lease ran out",
                     1);
  options.add(
      "backoff", "MIN..MAX", "how long a failed item waits: MIN first, doubled each time up to MAX",
      [&retry](const std::string& range_text) {
        const cli::DurationRange range = cli::parse_duration_range(range_text);
        retry.backoff_base = range.min;
        retry.backoff_max = range.max;
      },
      cli::duration_range_text({retry.backoff_base, retry.backoff_max}));
  options.add_duration("release-delay", retry.release_delay,
                       "how long an item waits that a handler gave back for later");
  options.add("halt", "N",
              fmt::format("leave after this many failures in a row without a success (0: "
                          "never) [default: {}, until the first success]",
                          worker.halt_after),
              [&worker](const std::string& number) {
                worker.halt_after = static_cast<unsigned>(
                    cli::parse_number(number, 0, std::numeric_limits<unsigned>::max()));
                worker.halt_only_at_start = false;
              });
}

void declare_end(cli::Options& options, WorkerOptions& worker, DeadLetters& dead) {
  options.group("When to leave");
  options.add_duration("wait-open", worker.wait_open, "how long to wait for the queue to begin");
  options.add_duration("max-idle", worker.max_idle,
                       "leave after waiting for an item this long (0: never)");
  options.add_number("max-items", worker.max_items, "leave after this many items (0: never)");
  options.add_switch("fail-on-dead", dead.fail,
                     "leave with 3 instead of 0 if dead letters remain [default: on a terminal]");
  options.add_switch("ignore-dead", dead.ignore, "leave with 0 though dead letters remain");
}

/// Refuses arguments that the program does not take, or not there.
void check_arguments(const cli::Options& options, const WorkerProgram& program,
                     const std::string& name) {
  const bool behind_dashes = program.arguments.starts_with("-- ");
  const std::string form = fmt::format("the form is: {} --queue QUEUE {}", name, program.arguments);
  if (options.arguments().empty()) {
    if (behind_dashes) throw cli::UsageError("-- and what follows it are missing; " + form);
    return;
  }
  const std::string& first = options.arguments().front();
  if (program.arguments.empty()) {
    throw cli::UsageError(fmt::format("unexpected argument '{}'; --help says more", first));
  }
  if (behind_dashes && options.arguments_before_dashes() != 0) {
    throw cli::UsageError(fmt::format("unexpected argument '{}'; {}", first, form));
  }
}

}  // namespace

bool read_worker_command_line(int argc, const char* const* argv, const WorkerProgram& program,
                              WorkerCommandLine& line) {
  line.program = cli::program_name(argc > 0 ? argv[0] : "wq-worker");
  line.redis.client_name = line.program;

  cli::Options options{text(line.program, program)};
  options.group("Work");
  options.add_text("queue", "QUEUE", line.queue, "the queue's name; needed");
  for (const WorkerOption& own : program.options) {
    options.add(own.name, own.argument, own.help, own.set);
  }
  declare_work(options, line.worker, static_cast<bool>(program.make_batch));
  declare_retries(options, line.worker);
  DeadLetters dead;
  declare_end(options, line.worker, dead);
  line.progress = WorkerProgress::kUsualInterval;
  options.group("Progress");
  options.add_duration(
      "progress", line.progress,
      "how often a line in the log says how far the work is; on a terminal there is "
      "one line in place instead (0: neither)");
  options.group("Records");
  options.add_text("joblog", "FILE", line.joblog,
                   "add a line to FILE for each try that ended, in the columns of GNU parallel; "
                   "workers of one machine may share it");
  options.add_number("history", line.worker.retry.history,
                     "keep the last N tries of all items in Redis, see wqctl history; the same for "
                     "all workers",
                     0, kMostHistory);
  options.group("Metrics");
  options.add("metrics-listen", "ADDR:PORT",
              "answer GET /metrics here, for Prometheus: handler times, items by outcome, "
              "renewals, reconnects; :PORT is all addresses [default: off]",
              [&line](const std::string& listen) {
                line.metrics_listen = metrics::parse_listen_address(listen);
              });
  cli::add_redis_options(options, line.redis);
  cli::add_log_options(options, line.log);

  if (!options.parse(argc, argv)) return false;
  cli::start_log(line.program, line.log, cli::LogStyle::service);
  for (const std::string& warning : options.warnings()) cli::log(LogLevel::warning, warning);
  if (line.queue.empty()) {
    throw cli::UsageError("which queue? --queue QUEUE or $WQ_WORKER_QUEUE; --help says more");
  }
  check_arguments(options, program, line.program);
  if (dead.fail && dead.ignore) {
    throw cli::UsageError("--fail-on-dead and --ignore-dead contradict each other");
  }
  line.fail_on_dead = dead.fail || (!dead.ignore && cli::is_live_terminal(STDERR_FILENO));
  line.worker.counts_interval = WorkerProgress::counts_interval(line.progress);
  line.arguments = options.arguments();
  cli::check_redis_options(line.redis);
  line.redis.log = cli::log;
  line.worker.log = cli::log;
  return true;
}

}  // namespace wq::internal
