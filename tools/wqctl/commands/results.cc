#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <wq/clock.h>
#include <wq/error.h>
#include <wq/queue.h>

#include "cli/exit_code.h"
#include "cli/log.h"
#include "cli/output.h"
#include "cli/signals.h"
#include "cli/units.h"
#include "wqctl/command.h"
#include "wqctl/results_folder.h"
#include "wqctl/view/listing.h"

namespace wq::ctl {

namespace {

struct ResultsOptions {
  bool follow = false;  ///< until the queue is drained
  bool trim = false;    ///< remove from Redis what the output has synced
  std::chrono::milliseconds wait_open{std::chrono::minutes{10}};  ///< with `follow`
};

using std::chrono::milliseconds;

// Results may be a megabyte each. A page grows slowly, to what fits if all were as large as the
// largest of the page before.
constexpr std::size_t kFirstPage = 8;
constexpr std::size_t kMaxPage = 256;
constexpr std::size_t kPageBytes = std::size_t{4} << 20U;

constexpr milliseconds kLookInterval{250};
// Making sure that it is on the disk takes a while, and so does removing.
constexpr milliseconds kSyncInterval{1'000};

/// Hands the results to `output`, oldest first, each once. Throws as `Queue` and the output do, and
/// `ProtocolError` when the queue's data was lost: the results read by then are in the output.
class ResultsReader {
 public:
  ResultsReader(cli::Process& process, const Target& target, const ResultsOptions& options,
                ResultsOutput& output)
      : options_(options),
        name_(target.queue),
        output_(output),
        stop_(process.signals()),
        queue_(target.queue, target.redis, stop_.token()),
        trimmer_(target.queue, target.redis) {}

  cli::ExitCode run() {
    std::optional<cli::ExitCode> end;
    try {
      while (!end && !stop_.is_made()) {
        // Before the read, so that the read sees every result that this look counts.
        end = look();
        read();
        put_away();
        if (!end) stop_.wait_for(kLookInterval);
      }
    } catch (const ConnectionError&) {
      if (!stop_.is_made()) throw;
    }
    if (end && !stop_.is_made()) return *end;
    put_away();
    return stop_.exit_code();
  }

 private:
  /// The exit code if the next read is the last.
  std::optional<cli::ExitCode> look() {
    check();
    if (!options_.follow) return cli::ExitCode::done;
    const QueueState state = queue_.state();
    if (state == QueueState::drained) return cli::ExitCode::done;
    if (state == QueueState::open || BootClock::now() - begin_ < options_.wait_open) {
      return std::nullopt;
    }
    cli::log(LogLevel::error,
             fmt::format("the queue {} did not begin within {}", cli::one_line(name_),
                         cli::duration_text(options_.wait_open)));
    return cli::ExitCode::never_opened;
  }

  /// Throws if the queue is another one by now; else everything that was read so far is of it.
  Counts check() {
    Counts counts = queue_.counts();
    if (!id_.empty() && counts.id != id_) {
      throw ProtocolError(fmt::format(
          "the queue {} was replaced while it was read: Redis lost its data, or it was purged",
          cli::one_line(name_)));
    }
    if (id_.empty() && !counts.id.empty()) {
      id_ = counts.id;
      written_ = output_.begin(name_, id_);
    }
    return counts;
  }

  /// Everything that is there.
  void read() {
    std::string lines;
    for (std::size_t page = kFirstPage; !id_.empty() && !stop_.is_made();) {
      const std::vector<Result> results = queue_.results(written_, page);
      if (results.empty()) return;
      check();
      lines.clear();
      std::size_t largest = 0;
      for (const Result& result : results) {
        lines += result_json(result);
        lines += '\n';
        largest = std::max(largest, result.item.size() + result.result.size());
      }
      output_.write(lines);
      written_ = results.back().id;
      if (BootClock::now() - put_away_ >= kSyncInterval) put_away();
      if (results.size() < page) return;
      page = std::clamp(kPageBytes / (largest + 1), std::size_t{1}, std::min(2 * page, kMaxPage));
    }
  }

  void put_away() {
    if (written_ != synced_) {
      output_.sync();
      // Not stopped by a signal: otherwise what is out already would come again.
      if (options_.trim) trimmer_.trim_results(written_);
      synced_ = written_;
    }
    put_away_ = BootClock::now();
  }

  const ResultsOptions options_;
  const std::string name_;
  const TimePoint begin_ = BootClock::now();
  ResultsOutput& output_;
  const cli::StopRequest stop_;
  Queue queue_;
  Queue trimmer_;
  std::string id_;       // of the queue; empty: not begun
  std::string written_;  // the id of the last result that the output has
  std::string synced_;
  TimePoint put_away_ = begin_;
};

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

}  // namespace

cli::ExitCode run_results(cli::Process& process, int argc, const char* const* argv) {
  cli::Options options{command_text(
      "results", kResultsSummary, kResultsExamples, {{cli::Value::queue()}},
      {cli::ExitCode::never_opened, cli::ExitCode::interrupted, cli::ExitCode::terminated})};
  ResultsOptions reading;
  std::string folder;
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
  return ResultsReader(process, target, reading, *output).run();
}

}  // namespace wq::ctl
