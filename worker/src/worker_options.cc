#include "worker_options.h"

#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include <wq/lanes.h>

#include "base/host_name.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/redis_flags.h"
#include "cli/terminal.h"
#include "worker_progress.h"

namespace wq::internal {

namespace {

constexpr const char* kSummary =
    R"(Takes items from a queue, handles them, and exits with 0 when the queue is drained: when no item is
ready, delayed or in progress anywhere, and no producer holds it open. Run any number of workers,
anywhere. If one is killed, its items return to the queue when their leases expire.
)";

std::string worker_exit_codes() {
  using cli::ExitCode;
  return cli::exit_code_help({ExitCode::done, ExitCode::failure, ExitCode::usage,
                              ExitCode::dead_or_halted, ExitCode::no_redis, ExitCode::left_early,
                              ExitCode::never_opened, ExitCode::interrupted, ExitCode::terminated});
}

cli::ProgramText completed(cli::ProgramText text) {
  text.env_prefix = "WQ_WORKER_";
  text.needed_options = "--queue QUEUE";
  if (!text.summary.empty()) text.summary += text.summary.ends_with('\n') ? "\n" : "\n\n";
  text.summary += kSummary;
  text.ending =
      text.ending.empty() ? worker_exit_codes() : worker_exit_codes() + "\n" + text.ending;
  return text;
}

}  // namespace

QueueShare parse_queue_share(const std::string& text) {
  const std::size_t at = text.rfind('=');
  if (at == std::string::npos) return {.queue = text};
  const std::string weight = text.substr(at + 1);
  // A name may have this character. A weight that is wrong, such as 1.5, must not become a name.
  constexpr std::string_view kBeginOfNumber = "0123456789.,+- ";
  if (!weight.empty() && kBeginOfNumber.find(weight.front()) == std::string_view::npos) {
    return {.queue = text};
  }
  try {
    return {.queue = text.substr(0, at),
            .weight = static_cast<unsigned>(cli::parse_number(weight, 1, QueueShare::kMaxWeight))};
  } catch (const std::invalid_argument& error) {
    throw cli::UsageError(
        fmt::format("--queue '{}': the weight {}", cli::one_line(text), error.what()));
  }
}

std::string queues_text(const WorkerCommandLine& line) {
  if (line.queues.empty()) return line.group.pattern;
  if (line.queues.size() == 1) return line.queues.front().queue;
  std::string text;
  for (const auto& [queue, weight] : line.queues) {
    text += fmt::format("{}{}={}", text.empty() ? "" : ",", queue, weight);
  }
  return text;
}

WorkerCommandLineReader::WorkerCommandLineReader(cli::ProgramText text, WorkerCommandLine& line)
    : line_(line), options_(completed(std::move(text))) {
  options_.group("Work");
  options_.add_list(
      "queue", cli::Value::queue(), queues_,
      "name of the queue; required. Several: --queue a=6 --queue b=3 shares the slots "
      "by weight (1 if there is none) while both have items");
  options_.add_text("queues", cli::Value::text("PATTERN"), line_.group.pattern,
                    "instead: all queues whose names match, such as 'tenant-*', in turn, also "
                    "those that begin later; drained when all of them are");
  options_.not_with({"queue", "strict", "after", "follow-ups-to"});
  options_.add_number(
      "lanes", lanes_,
      "the queue has N lanes, as wq-push --lanes N has filled it: this worker takes "
      "items of its home lane, and of others when that is empty. --label chooses "
      "the home; without one, host and process do",
      1, kMostLanes);
  options_.not_with({"queues", "strict", "after", "follow-ups-to", "durable"});
}

void WorkerCommandLineReader::declare_batches(const std::string& only_with) {
  WorkerOptions& worker = line_.worker;
  const auto last_one = [this, &only_with] {
    if (!only_with.empty()) options_.only_with({only_with});
  };
  options_.add_number("batch", worker.batch, "largest number of items per batch", 1,
                      Queue::kMaxBatch);
  last_one();
  options_.add_duration("max-delay", worker.max_delay,
                        "longest wait for a full batch; a partial batch never waits when the "
                        "queue has no more items");
  last_one();
  options_.add(
      "max-batch-bytes", cli::Value::size(),
      "a batch is also full when one more item would exceed this size (0: no limit)",
      [&worker](const std::string& size) {
        worker.max_batch_bytes = static_cast<std::size_t>(cli::parse_size(size));
      },
      "0");
  last_one();
}

void WorkerCommandLineReader::declare_work() {
  WorkerOptions& worker = line_.worker;
  options_.group("Work");
  options_.add_number("concurrency", worker.concurrency,
                      "number of slots: items or batches handled in parallel", 1);
  options_.add_switch("strict", worker.strict,
                      "of several queues, serve the first that has items, in the order given");
  options_.add_duration("boost-after", worker.boost_after,
                        "serve a queue next that was not served for this time (0: never)");
  options_.only_with({"strict"});
  options_.add_duration("timeout", worker.timeout,
                        "time limit for an item; exceeding it is a failure (0: none)");
  options_.add_duration("lease", worker.lease,
                        "how long an item stays leased without renewal; a live worker renews its "
                        "leases, so a lease may be shorter than the work");
  options_.add_duration(
      "results-ttl", worker.retry.results_ttl,
      "keep results for at least this time: adding a result removes expired ones, "
      "and all expire if none is added for so long; use the same for all workers "
      "(0: until they are removed)");
  options_.add_number("durable", worker.durable_replicas,
                      "count an item as done only when N replicas have that, and where Redis has "
                      "WAITAOF (7.2) and an append-only file, on disk; without them, take no items "
                      "and exit after --redis-patience (0: no wait)");
  options_.add_duration("grace", worker.grace,
                        "time for handlers to finish after SIGINT or SIGTERM");
  options_.add_text("label", cli::Value::text("TEXT"), worker.label,
                    "name of this worker in wqctl and in failures [default: the host name]");
}

void WorkerCommandLineReader::declare_retries() {
  WorkerOptions& worker = line_.worker;
  RetryPolicy& retry = worker.retry;
  options_.group("Retries");
  options_.add_number("max-attempts", retry.max_attempts,
                      "number of failures after which an item is a dead letter", 1);
  options_.add_number("max-crashes", retry.max_crashes,
                      "number of crashes after which an item is a dead letter: the process was "
                      "killed, or the worker died and the lease expired",
                      1);
  options_.add(
      "backoff", cli::Value::text("MIN..MAX"),
      "delay before a retry: MIN first, doubled each time up to MAX",
      [&retry](const std::string& range_text) {
        const cli::DurationRange range = cli::parse_duration_range(range_text);
        retry.backoff_base = range.min;
        retry.backoff_max = range.max;
      },
      cli::duration_range_text({retry.backoff_base, retry.backoff_max}));
  options_.add_duration("release-delay", retry.release_delay,
                        "delay before a released item is retried");
  options_.add("halt", cli::Value::number(),
               fmt::format("exit after this many consecutive failures (0: "
                           "never) [default: {}, until the first success]",
                           worker.halt_after),
               [&worker](const std::string& number) {
                 worker.halt_after = static_cast<unsigned>(
                     cli::parse_number(number, 0, std::numeric_limits<unsigned>::max()));
                 worker.halt_only_at_start = false;
               });
}

void WorkerCommandLineReader::declare_end() {
  WorkerOptions& worker = line_.worker;
  options_.group("When to exit");
  options_.add_duration("wait-open", worker.wait_open,
                        "how long to wait for the first push to the queue");
  options_.add_list("after", cli::Value::queue(), worker.after,
                    "QUEUE feeds the queue of this worker, which is not drained before QUEUE is; "
                    "recorded in Redis. May be given several times");
  options_.add_list("follow-ups-to", cli::Value::queue(), worker.follow_ups_to,
                    "a queue that follow-ups may go to: items that are pushed when an item is "
                    "completed. It is not drained before this queue is. May be given several "
                    "times, also for this queue itself");
  options_.add_choice<OnDead>(
      "on-dead", line_.on_dead,
      {{"go-on", OnDead::go_on}, {"wait", OnDead::wait}, {"fail", OnDead::fail}},
      "if a queue of --after ends with dead letters: go on without them, wait until they are "
      "retried or dropped, or exit with 3 in the end");
  options_.add_duration("max-idle", worker.max_idle,
                        "exit after this time without an item (0: never)");
  options_.add_number("max-items", worker.max_items, "exit after this many items (0: never)");
  options_.add_switch("fail-on-dead", line_.fail_on_dead,
                      "exit with 3 instead of 0 if dead letters remain [default: on a terminal]");
  options_.add_switch("ignore-dead", ignore_dead_, "exit with 0 even if dead letters remain");
}

void WorkerCommandLineReader::declare_watching() {
  line_.progress = WorkerProgress::kUsualInterval;
  options_.group("Progress");
  options_.add_duration(
      "progress", line_.progress,
      "interval of progress lines in the log; on a terminal, one line is updated in "
      "place instead (0: none)");
  options_.group("Records");
  options_.add_text(
      "joblog", cli::Value::file(), line_.joblog,
      "append a line to FILE for each finished attempt, in the columns of GNU parallel; "
      "workers on one machine may share it");
  options_.add_number("history", line_.worker.retry.history,
                      "keep the last N attempts of all items in Redis, see wqctl history; use the "
                      "same for all workers",
                      0, kMostHistory);
  options_.group("Metrics");
  options_.add("metrics-listen", cli::Value::text("ADDR:PORT"),
               "serve Prometheus metrics at GET /metrics: handler times, items by outcome, "
               "renewals, reconnects; :PORT listens on all addresses [default: off]",
               [this](const std::string& listen) {
                 line_.metrics_listen = metrics::parse_listen_address(listen);
               });
}

// Refuses arguments that the program does not take, and those on the wrong side of the dashes.
void WorkerCommandLineReader::check_arguments() const {
  const cli::ProgramText& text = options_.text();
  const auto& given = options_.arguments();
  const bool behind_dashes = !text.behind_dashes.empty();
  if (given.empty()) {
    if (!behind_dashes) return;
    throw cli::UsageError("the command after -- is missing; the form is: " + text.form());
  }
  if (!behind_dashes && text.arguments.empty()) {
    throw cli::UsageError(fmt::format("unexpected argument '{}'; see --help", given.front()));
  }
  if (behind_dashes && options_.arguments_before_dashes() != 0) {
    throw cli::UsageError(
        fmt::format("unexpected argument '{}'; the form is: {}", given.front(), text.form()));
  }
}

// The lanes as queues, the home first.
void WorkerCommandLineReader::use_lanes() {
  if (line_.queues.size() != 1 || queues_.front() != line_.queues.front().queue) {
    throw cli::UsageError("--lanes needs one --queue, without a weight");
  }
  line_.laned = queues_.front();
  const std::vector<std::string> names = lane_names(line_.laned, lanes_);
  const std::string& label = line_.worker.label;
  const std::string name = label.empty() ? fmt::format("{} {}", host_name(), getpid()) : label;
  line_.queues.clear();
  for (const std::size_t lane : lane_order(name, lanes_)) {
    line_.queues.push_back({.queue = names[lane]});
  }
  line_.worker.strict = true;
}

bool WorkerCommandLineReader::read(cli::Process& process, int argc, const char* const* argv) {
  line_.redis.client_name = process.name();
  declare_work();
  declare_retries();
  declare_end();
  declare_watching();
  cli::add_redis_options(options_, line_.redis);
  cli::add_log_options(options_, log_);

  if (!options_.parse(argc, argv)) return false;
  process.begin_log(log_, cli::LogStyle::service);
  for (const std::string& warning : options_.warnings()) cli::log(LogLevel::warning, warning);
  if (queues_.empty() && line_.group.pattern.empty()) {
    throw cli::UsageError(
        "the queue is missing: --queue QUEUE, $WQ_WORKER_QUEUE, or --queues PATTERN; see --help");
  }
  for (const std::string& each : queues_) line_.queues.push_back(parse_queue_share(each));
  if (lanes_ > 0) use_lanes();
  check_arguments();
  if (line_.fail_on_dead && ignore_dead_) {
    throw cli::UsageError("--fail-on-dead and --ignore-dead contradict each other");
  }
  line_.fail_on_dead |= !ignore_dead_ && cli::is_live_terminal(STDERR_FILENO);
  line_.worker.wait_for_dead = line_.on_dead == OnDead::wait;
  line_.worker.counts_interval = WorkerProgress::counts_interval(line_.progress);
  line_.arguments = options_.arguments();
  cli::check_redis_options(line_.redis);
  line_.redis.log = cli::log;
  line_.worker.log = cli::log;
  return true;
}

bool read_worker_command_line(cli::Process& process, int argc, const char* const* argv,
                              const WorkerProgram& program, WorkerCommandLine& line) {
  constexpr std::string_view kBehindDashes = "-- ";
  cli::ProgramText text{
      .name = process.name(), .summary = program.summary, .ending = program.examples};
  if (program.arguments.starts_with(kBehindDashes)) {
    text.behind_dashes = program.arguments.substr(kBehindDashes.size());
  } else if (!program.arguments.empty()) {
    text.arguments = {{cli::Value::text(program.arguments)}};
  }
  WorkerCommandLineReader reader(std::move(text), line);
  for (const WorkerOption& own : program.options) {
    const cli::Value value = own.argument.empty()     ? cli::Value{}
                             : own.argument == "FILE" ? cli::Value::file()
                                                      : cli::Value::text(own.argument);
    reader.options().add(own.name, value, own.help, own.set);
  }
  if (program.make_batch) reader.declare_batches();
  return reader.read(process, argc, argv);
}

}  // namespace wq::internal
