#include "wq_worker_options.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "cli/log.h"
#include "cli/options.h"
#include "cli/units.h"
#include "process/process_memory.h"

namespace wq::internal {

namespace {

// A result travels in one command with others; past this Redis would refuse it anyway.
constexpr std::uint64_t kMaxResultBytes = 256 * 1024 * 1024;

constexpr unsigned kMostInFlight = 100;  // as WorkerOptions::calls_per_slot

constexpr const char* kSummary =
    R"(Runs COMMAND once for every item of a queue, without a shell. What stands in braces is replaced
in each of its words, as GNU parallel does:

  {}    the item: dir/a.tar.gz            {/}   without its folder: a.tar.gz
  {.}   without extension: dir/a.tar      {/.}  without both: a.tar
  {//}  its folder: dir
  {#}   a number that no other try has    {%}   the slot, 1 to concurrency
        (WQ_FENCE)                              (WQ_SLOT + 1)

With none of the first five the item itself comes on standard input. The environment says the
rest: WQ_ITEM, WQ_ITEM_SHA224, WQ_QUEUE, WQ_ATTEMPT, WQ_FENCE, WQ_SESSION, WQ_SLOT (0 to
concurrency - 1), WQ_LEASE_SECONDS.

  COMMAND ends with   the item
  0                   is done
  99                  is released: it comes back after --release-delay, at no cost
  another code        has failed: it is tried again after a while, --max-attempts times in all
  a signal            has crashed: the same, but --max-crashes times in all; so has one that was
                      killed for its memory, also by the kernel. A signal of ours (--timeout, a
                      worker that leaves, a lost lease) is none. A shell that says 139 for its
                      child's end has failed: let it exec its last command

With --coprocess COMMAND is started once for each of --concurrency slots and stays, to load a model
once, say. It reads items and writes answers, each a line of JSON, in batches; docs/coprocess.md
has the messages, examples/coprocess.py is a whole one (both installed in share/doc/wq).
)";

constexpr const char* kExamples =
    R"(Examples:
  wq-worker --queue images -- convert {} -resize 50% {}.small.jpg
  wq-worker --queue shards --concurrency 8 --timeout 1h -- python3 train_stats.py
  wq-worker --queue urls --results -- curl -sf {}
  wq-worker --queue jobs -- sh -c 'gzip -c "$1" > "$1.gz"' _ {}
  wq-worker --queue texts --coprocess --batch 64 -- python3 model.py
)";

/// "2,64,65" as numbers.
std::vector<int> exit_codes(std::string_view text) {
  std::vector<int> codes;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    codes.push_back(static_cast<int>(cli::parse_number(text.substr(begin, end - begin), 1, 255)));
    begin = end + 1;
  }
  return codes;
}

void declare_command(cli::Options& options, CommandOptions& command, bool& pass_redis) {
  options.group("Command");
  options.add(
      "marker,I", cli::Value::text("STR"),
      "what is replaced by the item, in place of all that is in braces, which then stays as it "
      "is; '' for nothing",
      [&command](const std::string& text) { command.marker = text; }, command.marker);
  options.add("fatal-exit-codes", cli::Value::text("N,N,..."),
              "exit codes after which trying again is of no use",
              [&command](const std::string& text) { command.fatal_exit_codes = exit_codes(text); });
  options.not_with("coprocess");  // which says in its answers what is fatal
  options.add_switch("results", command.results,
                     "keep what COMMAND writes to standard output, see wqctl results; those that a "
                     "coprocess says in its answers are kept in any case");
  options.not_with("coprocess");
  options.add_size("results-max-bytes", command.results_max_bytes,
                   "a longer result makes its item a dead letter at once", kMaxResultBytes);
  options.add_choice<StderrMode>(
      "stderr", command.stderr_mode, {{"lines", StderrMode::lines}, {"raw", StderrMode::raw}},
      "what COMMAND writes to standard error goes out in whole lines, as JSON with --log-format "
      "json; or byte for byte as it comes");
  options.add_switch(
      "tag", command.tag,
      "put the item and a tab before each line that COMMAND writes to standard output and standard "
      "error (of a coprocess: the slot), as GNU parallel does; results stay as they are");
  options.add_switch("history-stderr", command.records_stderr,
                     "with --history: keep the end of what COMMAND wrote to standard error of "
                     "every try, done ones "
                     "too, see wqctl history --json");
  options.not_with("coprocess");  // whose stderr belongs to no item
  options.add_switch("pass-redis", pass_redis,
                     "let COMMAND log in to Redis, as one must that pushes items: WQ_REDIS and "
                     "REDISCLI_AUTH say how; else it is told no password");
  options.add(
      "memory-limit", cli::Value::size(),
      "what all commands may use together; past it the one that uses most is killed, which "
      "is a crash of its item (0: no limit) [default: 90 % of the cgroup's limit, if it has "
      "one]",
      [&command](const std::string& text) { command.memory_limit_bytes = cli::parse_size(text); });
}

void declare_coprocess(WorkerCommandLineReader& reader, WqWorkerCommandLine& line) {
  constexpr const char* kSwitch = "coprocess";
  cli::Options& options = reader.options();
  options.group("Coprocess");
  options.add_switch(kSwitch, line.is_coprocess,
                     "start COMMAND once for each slot, and tell it items on standard input");
  options.add_duration("start-timeout", line.command.start_timeout,
                       "how long a coprocess may take to be ready");
  options.only_with(kSwitch);
  options.add_number(
      "max-items-per-process", line.command.max_items_per_process,
      "replace a coprocess after so many items, against leaks; it is told (0: never)");
  options.only_with(kSwitch);
  options.add_number(
      "in-flight", line.in_flight,
      "batches that are with a coprocess at a time, so that the next one is there when it has done "
      "one; with 1 no item waits behind another that takes long",
      1, kMostInFlight);
  options.only_with(kSwitch);
  reader.declare_batches(kSwitch);
}

void refuse_contradictions(const WqWorkerCommandLine& line) {
  if (line.command.tag && line.command.stderr_mode == StderrMode::raw) {
    throw std::invalid_argument("--tag: --stderr raw passes on bytes as they come, not lines");
  }
  if (line.command.records_stderr && line.worker.worker.retry.history == 0) {
    throw std::invalid_argument("--history-stderr: there is no history without --history N");
  }
}

}  // namespace

bool read_wq_worker_command_line(cli::Process& process, int argc, const char* const* argv,
                                 WqWorkerCommandLine& line) {
  bool pass_redis = false;
  // The rest is for the worker itself, and for what is used up between two looks.
  line.command.memory_limit_bytes = cgroup_memory_limit().value_or(0) / 10 * 9;
  WorkerCommandLineReader reader({.name = process.name(),
                                  .behind_dashes = "COMMAND [ARGS...]",
                                  .runs_command = true,
                                  .summary = kSummary,
                                  .ending = kExamples},
                                 line.worker);
  declare_command(reader.options(), line.command, pass_redis);
  declare_coprocess(reader, line);
  if (!reader.read(process, argc, argv)) return false;
  refuse_contradictions(line);
  line.command.command = line.worker.arguments;
  line.command.log = cli::log;
  if (pass_redis) line.command.pass_redis = line.worker.redis;
  return true;
}

}  // namespace wq::internal
