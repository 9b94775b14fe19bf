#include "wq_worker_options.h"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

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
    R"(Runs COMMAND once for each item of a queue, without a shell. Placeholders in its words are replaced
as in GNU parallel:

  {}    the item: dir/a.tar.gz            {/}   without its folder: a.tar.gz
  {.}   without extension: dir/a.tar      {/.}  without both: a.tar
  {//}  its folder: dir
  {#}   the fencing token, unique         {%}   the slot, 1 to concurrency
        (WQ_FENCE)                              (WQ_SLOT + 1)

Without any of the first five, COMMAND reads the item from standard input. Its environment has
WQ_ITEM, WQ_ITEM_SHA224, WQ_QUEUE, WQ_ATTEMPT, WQ_FENCE, WQ_SESSION, WQ_SLOT (0 to
concurrency - 1), WQ_LEASE_SECONDS.

  COMMAND ends with   the item
  0                   is completed
  99                  is released: it is retried after --release-delay, at no cost
  another code        has failed: it is retried later, up to --max-attempts failures
  a signal            has crashed: it is retried later, up to --max-crashes crashes. A kill for
                      memory, also by the kernel, is a crash too. Signals that wq-worker sends
                      (--timeout, exit of the worker, a lost lease) do not count. A shell that
                      exits with 139 for its child has failed: let it exec its last command

With --follow-ups-to, COMMAND may write items to push into the file $WQ_FOLLOWUPS_FILE, each a line
{"item": ..., "queue": "name", "delay": "10s", "once": "key"}, of which only the item is needed. They
are pushed if and when the item is completed.

With --coprocess, COMMAND starts once per slot (--concurrency) and stays, for example to load a
model once. It reads items and writes answers in batches, each a line of JSON; docs/coprocess.md
describes the messages, examples/coprocess.py is an example (both installed in share/doc/wq).
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
      "replace STR by the item, and no placeholder in braces; '' replaces nothing",
      [&command](const std::string& text) { command.marker = text; }, command.marker);
  options.add("fatal-exit-codes", cli::Value::text("N,N,..."),
              "exit codes that make an item a dead letter at once",
              [&command](const std::string& text) { command.fatal_exit_codes = exit_codes(text); });
  options.not_with({"coprocess"});  // its answers have an outcome `fatal`
  options.add_switch("results", command.results,
                     "keep the standard output of COMMAND as the item's result, see wqctl results; "
                     "results in the answers of a coprocess are always kept");
  options.not_with({"coprocess"});
  options.add_switch("checkpoints", command.checkpoints,
                     "$WQ_CHECKPOINT_FILE names a file that COMMAND may replace to save how far it "
                     "has come; the next attempt, on whichever machine, finds it there");
  options.not_with({"coprocess"});  // which has them in its messages
  options.add_size("results-max-bytes", command.results_max_bytes,
                   "a longer result makes its item a dead letter at once", kMaxResultBytes);
  options.add_choice<std::optional<Reduction>>(
      "reduce", command.reduce,
      {{"count", Reduction::count},
       {"sum", Reduction::sum},
       {"min", Reduction::min},
       {"max", Reduction::max},
       {"distinct", Reduction::distinct}},
      "add lines KEY TAB NUMBER of the standard output of COMMAND to the totals of "
      "the queue when the item is completed, see wqctl totals; a coprocess has "
      "\"totals\" in its answers");
  options.add_choice<StderrMode>("stderr", command.stderr_mode,
                                 {{"lines", StderrMode::lines}, {"raw", StderrMode::raw}},
                                 "pass on the standard error of COMMAND in whole lines (JSON with "
                                 "--log-format json), or raw, byte by byte");
  options.add_switch(
      "tag", command.tag,
      "put the item and a tab (for a coprocess: the slot) before each line of standard output and "
      "standard error, as GNU parallel does; results are unchanged");
  options.add_switch("history-stderr", command.records_stderr,
                     "with --history: keep the end of the standard error of every attempt, "
                     "successful ones too, see wqctl history --json");
  options.not_with({"coprocess"});  // whose stderr belongs to no item
  options.add_switch("pass-redis", pass_redis,
                     "let COMMAND log in to Redis, to push items for example, with WQ_REDIS and "
                     "REDISCLI_AUTH; otherwise its environment has no password");
  options.add(
      "memory-limit", cli::Value::size(),
      "memory limit for all commands together; above it, the largest command is killed, which "
      "is a crash of its item (0: no limit) [default: 90 % of the cgroup's limit, if any]",
      [&command](const std::string& text) { command.memory_limit_bytes = cli::parse_size(text); });
}

void declare_coprocess(WorkerCommandLineReader& reader, WqWorkerCommandLine& line) {
  constexpr const char* kSwitch = "coprocess";
  cli::Options& options = reader.options();
  options.group("Coprocess");
  options.add_switch(kSwitch, line.is_coprocess,
                     "start COMMAND once per slot, and send it items on standard input");
  options.add_duration("start-timeout", line.command.start_timeout,
                       "time limit for a coprocess to become ready");
  options.only_with({kSwitch});
  options.add_number(
      "max-items-per-process", line.command.max_items_per_process,
      "replace a coprocess after N items, against memory leaks; the greeting has N (0: never)");
  options.only_with({kSwitch});
  options.add_number("in-flight", line.in_flight,
                     "batches in flight to a coprocess, so that the next one is ready when it has "
                     "finished one; with 1, no item waits behind a long one",
                     1, kMostInFlight);
  options.only_with({kSwitch});
  reader.declare_batches(kSwitch);
}

void refuse_contradictions(const WqWorkerCommandLine& line) {
  if (line.command.tag && line.command.stderr_mode == StderrMode::raw) {
    throw std::invalid_argument("--tag needs lines: it cannot be combined with --stderr raw");
  }
  if (line.command.records_stderr && line.worker.worker.retry.history == 0) {
    throw std::invalid_argument("--history-stderr needs --history N");
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
  line.command.follow_ups = !line.worker.worker.follow_ups_to.empty();
  if (pass_redis) line.command.pass_redis = line.worker.redis;
  return true;
}

}  // namespace wq::internal
