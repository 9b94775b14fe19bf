#include <memory>
#include <string>

#include "wqctl/command.h"
#include "wqctl/results_reader.h"

namespace wq::ctl {

namespace {

constexpr const char* kResultsSummary =
    R"(Prints the results kept so far, oldest first, one JSON object a line: "id", "item", "result". A
value that is not valid UTF-8 stands in "item_base64" or "result_base64" instead, so no byte is
lost. A result that a coprocess gave as JSON, such as an object, stands there as JSON; any other is
a string. Each item has at most one result, whatever crashed. Results stay in Redis, also when
the queue is drained, until --trim, wqctl purge, or the workers' --results-ttl removes them.

--to writes the same lines to DIR/results-000001.jsonl, DIR/results-000002.jsonl and so on: a new
file each 64 MiB, of which only the last is ever written to; DIR/results-queue.json says whose they
are. Run again it goes on where it was, after kill -9 too: no result is there twice, none is
missing. Read them at any time; take away all but the last as you like.

--trim removes from Redis what was written, and not before it is on the disk, also behind a >. What
went into a pipe counts as written, whatever its reader made of it. Killed in between, it prints
some of it again the next time; with --to it does not. Only one may trim a queue at a time.
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
  options.add_switch("follow,f", reading.follow, "go on until the queue is drained");
  options.add_duration("wait-open", reading.wait_open,
                       "with --follow: how long to wait for the queue to begin");
  options.add_text("to", cli::Value::text("DIR"), folder,
                   "to files in this folder, which is made if need be");
  options.add_switch("trim", reading.trim, "remove from Redis what was written");
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
