#include "exec_command_line.h"

#include <string>
#include <string_view>

#include "cli/units.h"

namespace wq::internal {

namespace {

// A result travels in one command with others; past this Redis would refuse it anyway.
constexpr std::uint64_t kMaxResultBytes = 256 * 1024 * 1024;

constexpr const char* kSummary =
    R"(Runs COMMAND once for every item of a queue, without a shell. {} anywhere in its arguments is
replaced by the item; without {} the item comes on standard input. The environment says the rest:
WQ_ITEM, WQ_ITEM_SHA224, WQ_QUEUE, WQ_ATTEMPT, WQ_FENCE, WQ_SESSION, WQ_SLOT (0 to concurrency - 1),
WQ_LEASE_SECONDS.

  COMMAND ends with   the item
  0                   is done
  99                  is released: it comes back after --release-delay, at no cost
  another code        has failed: it is tried again after a while, --max-attempts times in all
  a signal            the same
)";

constexpr const char* kExamples =
    R"(Examples:
  wq-worker --queue images -- convert {} -resize 50% {}.small.jpg
  wq-worker --queue shards --concurrency 8 --timeout 1h -- python3 train_stats.py
  wq-worker --queue urls --results -- curl -sf {}
  wq-worker --queue jobs -- sh -c 'gzip -c "$1" > "$1.gz"' _ {}
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

}  // namespace

WorkerProgram exec_program(ExecOptions& exec) {
  WorkerProgram program;
  program.summary = kSummary;
  program.arguments = "-- COMMAND [ARGS...]";
  program.examples = kExamples;
  program.options = {
      {"marker,I", "STR", "what is replaced by the item; '' for nothing [default: {}]",
       [&exec](const std::string& text) { exec.marker = text; }},
      {"fatal-exit-codes", "N,N,...", "exit codes after which trying again is of no use",
       [&exec](const std::string& text) { exec.fatal_exit_codes = exit_codes(text); }},
      {"results", "", "keep what COMMAND writes to standard output, see wqctl results",
       [&exec](const std::string& text) { exec.results = text == "true"; }},
      {"results-max-bytes", "SIZE",
       "a longer result is a failure [default: " + cli::size_text(exec.results_max_bytes) + "]",
       [&exec](const std::string& text) {
         const std::uint64_t size = cli::parse_size(text);
         if (size > kMaxResultBytes) {
           throw std::invalid_argument("'" + text + "' is too large: at most " +
                                       cli::size_text(kMaxResultBytes));
         }
         exec.results_max_bytes = size;
       }},
      {"memory-limit", "SIZE",
       "what all commands may use together; past it the one that uses most is killed, which is a "
       "failure of its item (0: no limit) [default: 90 % of the cgroup's limit, if it has one]",
       [&exec](const std::string& text) { exec.memory_limit_bytes = cli::parse_size(text); }},
  };
  return program;
}

}  // namespace wq::internal
