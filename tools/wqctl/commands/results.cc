#include <memory>
#include <string>

#include "wqctl/command.h"
#include "wqctl/results_reader.h"

namespace wq::ctl {

namespace {

constexpr const char* kResultsSummary =
    R"(Prints the results so far, oldest first, one JSON object per line: "id", "item", "result". A value
that is not valid UTF-8 is in "item_base64" or "result_base64" instead, so no byte is lost. A result
that a coprocess returned as JSON is JSON; any other result is a string. Each item has at most one
result, whatever crashed. Results stay in Redis, also after the queue is drained, until --trim,
wqctl purge, or the workers' --results-ttl removes them.

--to writes the same lines to DIR/results-000001.jsonl, DIR/results-000002.jsonl and so on: a new
file every 64 MiB, and only the last file is ever written; DIR/results-queue.json names the queue.
The next run resumes, also after kill -9, without duplicate or missing results. Read the files at
any time; move or delete all but the last.

--trim removes written results from Redis, only after they are safe on disk if the output is a
file. Output to a pipe counts as written, whatever the reader does. If killed in between, the next
run prints some results again; with --to it does not. Only one process may trim a queue at a time.
)";

constexpr const char* kResultsExamples =
    R"(Examples:
  wqctl results shards > results.jsonl
  wqctl results shards | jq -r .result
  wqctl results shards --follow --to results
  wqctl results shards --follow --to results --trim
  grep -hF '"item":"shard-007.tar"' results/*.jsonl | jq -r .result
)";

cli::ProgramText results_text() {
  using cli::ExitCode;
  cli::ProgramText text = command_text("results", kResultsSummary, "");
  text.ending =
      cli::exit_code_help({ExitCode::done, ExitCode::failure, ExitCode::usage, ExitCode::no_redis,
                           ExitCode::never_opened, ExitCode::interrupted, ExitCode::terminated}) +
      "\n" + kResultsExamples;
  return text;
}

}  // namespace

cli::ExitCode run_results(cli::Process& process, int argc, const char* const* argv) {
  cli::Options options{results_text()};
  ResultsOptions reading;
  std::string folder;
  options.group("Results");
  options.add_switch("follow,f", reading.follow, "continue until the queue is drained");
  options.add_duration("wait-open", reading.wait_open,
                       "with --follow: how long to wait for the queue to begin");
  options.add_text("to", cli::Value::text("DIR"), folder,
                   "write to files in this folder, which is created if missing");
  options.add_switch("trim", reading.trim, "remove written results from Redis");
  Target target;
  if (!read_target(process, options, argc, argv, target)) return cli::ExitCode::done;
  if (!reading.follow && !reading.trim) only_look(target);

  std::unique_ptr<ResultsOutput> output;
  if (folder.empty()) {
    output = std::make_unique<ResultsStream>(reading.trim);
  } else {
    output = std::make_unique<ResultsFolder>(folder);
  }
  return read_results(process, target, reading, *output);
}

}  // namespace wq::ctl
