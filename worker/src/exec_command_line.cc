#include "exec_command_line.h"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "cli/units.h"

namespace wq::internal {

namespace {

// A result travels in one command with others; past this Redis would refuse it anyway.
constexpr std::uint64_t kMaxResultBytes = 256 * 1024 * 1024;

// The next batch is with a coprocess while it computes one.
constexpr unsigned kDefaultInFlight = 2;
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

StderrMode stderr_mode(std::string_view text) {
  if (text == "lines") return StderrMode::lines;
  if (text == "raw") return StderrMode::raw;
  throw std::invalid_argument(fmt::format("'{}' is neither lines nor raw", text));
}

/// What makes no sense together is refused; the rest is for coprocesses.
void adjust(CommandOptions& command, WorkerOptions& worker) {
  if (command.exec.tag && command.exec.stderr_mode == StderrMode::raw) {
    throw std::invalid_argument("--tag: --stderr raw passes on bytes as they come, not lines");
  }
  if (command.exec.records_stderr && worker.retry.history == 0) {
    throw std::invalid_argument("--history-stderr: there is no history without --history N");
  }
  if (command.exec.records_stderr && command.is_coprocess) {
    throw std::invalid_argument(
        "--history-stderr: a coprocess has many items, and its stderr belongs to none of them");
  }
  if (!command.is_coprocess) {
    if (command.coprocess.hello.max_items > 0) {
      throw std::invalid_argument(
          "--max-items-per-process: without --coprocess each process has one item anyway");
    }
    if (worker.batch > 1) {
      throw std::invalid_argument(
          "--batch: a process for each item takes one at a time; with --coprocess it takes many");
    }
    if (command.in_flight) {
      throw std::invalid_argument(
          "--in-flight: without --coprocess each process has one item anyway");
    }
    return;
  }
  if (command.exec.results) {
    throw std::invalid_argument(
        "--results: a coprocess says results in its answers, which are kept in any case");
  }
  if (!command.exec.fatal_exit_codes.empty()) {
    throw std::invalid_argument(
        "--fatal-exit-codes: a coprocess says in its answers what is fatal");
  }
  if (const std::uint64_t most = command.coprocess.hello.max_items; most > 0) {
    worker.batch = static_cast<std::size_t>(std::min<std::uint64_t>(worker.batch, most));
  }
  worker.calls_per_slot = command.in_flight.value_or(kDefaultInFlight);
  // It may load its model first, or work on the batch before: only who speaks with it knows.
  command.coprocess.timeout = std::exchange(worker.timeout, {});
}

}  // namespace

WorkerProgram exec_program(CommandOptions& command) {
  ExecOptions& exec = command.exec;
  WorkerProgram program;
  program.summary = kSummary;
  program.arguments = "-- COMMAND [ARGS...]";
  program.examples = kExamples;
  program.adjust = [&command](WorkerOptions& worker) { adjust(command, worker); };
  program.options = {
      {"coprocess", "", "start COMMAND once for each slot, and tell it items on standard input",
       [&command](const std::string& text) { command.is_coprocess = text == "true"; }},
      {"start-timeout", "TIME",
       "how long a coprocess may take to be ready [default: " +
           cli::duration_text(command.coprocess.start_timeout) + "]",
       [&command](const std::string& text) {
         command.coprocess.start_timeout = cli::parse_duration(text);
       }},
      {"max-items-per-process", "N",
       "replace a coprocess after so many items, against leaks; it is told (0: never) [default: 0]",
       [&command](const std::string& text) {
         command.coprocess.hello.max_items =
             cli::parse_number(text, 0, std::numeric_limits<std::uint64_t>::max());
       }},
      {"in-flight", "N",
       "batches that are with a coprocess at a time, so that the next one is there when it has "
       "done one; with 1 no item waits behind another that takes long [default: " +
           std::to_string(kDefaultInFlight) + "]",
       [&command](const std::string& text) {
         command.in_flight = static_cast<unsigned>(cli::parse_number(text, 1, kMostInFlight));
       }},
      {"marker,I", "STR",
       "what is replaced by the item, in place of all that is in braces, which then stays as it "
       "is; '' for nothing [default: {}]",
       [&exec](const std::string& text) { exec.marker = text; }},
      {"fatal-exit-codes", "N,N,...", "exit codes after which trying again is of no use",
       [&exec](const std::string& text) { exec.fatal_exit_codes = exit_codes(text); }},
      {"results", "", "keep what COMMAND writes to standard output, see wqctl results",
       [&exec](const std::string& text) { exec.results = text == "true"; }},
      {"results-max-bytes", "SIZE",
       "a longer result makes its item a dead letter at once [default: " +
           cli::size_text(exec.results_max_bytes) + "]",
       [&exec](const std::string& text) {
         const std::uint64_t size = cli::parse_size(text);
         if (size > kMaxResultBytes) {
           throw std::invalid_argument("'" + text + "' is too large: at most " +
                                       cli::size_text(kMaxResultBytes));
         }
         exec.results_max_bytes = size;
       }},
      {"stderr", "lines|raw",
       "what COMMAND writes to standard error goes out in whole lines, as JSON with --log-format "
       "json; or byte for byte as it comes [default: lines]",
       [&command](const std::string& text) {
         command.exec.stderr_mode = command.coprocess.stderr_mode = stderr_mode(text);
       }},
      {"tag", "",
       "put the item and a tab before each line that COMMAND writes to standard output and "
       "standard "
       "error (of a coprocess: the slot), as GNU parallel does; results stay as they are",
       [&command](const std::string& text) {
         command.exec.tag = command.coprocess.tag = text == "true";
       }},
      {"history-stderr", "",
       "with --history: keep the end of what COMMAND wrote to standard error of every try, done "
       "ones "
       "too, see wqctl history --json",
       [&exec](const std::string& text) { exec.records_stderr = text == "true"; }},
      {"pass-redis", "",
       "let COMMAND log in to Redis, as one must that pushes items: WQ_REDIS and REDISCLI_AUTH say "
       "how; else it is told no password",
       [&command](const std::string& text) { command.pass_redis = text == "true"; }},
      {"memory-limit", "SIZE",
       "what all commands may use together; past it the one that uses most is killed, which is a "
       "crash of its item (0: no limit) [default: 90 % of the cgroup's limit, if it has one]",
       [&exec](const std::string& text) { exec.memory_limit_bytes = cli::parse_size(text); }},
  };
  return program;
}

}  // namespace wq::internal
