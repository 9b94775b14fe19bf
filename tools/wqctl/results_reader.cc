#include "wqctl/results_reader.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include <wq/clock.h>
#include <wq/error.h>
#include <wq/queue.h>

#include "cli/log.h"
#include "cli/output.h"
#include "cli/signals.h"
#include "cli/units.h"
#include "wqctl/view/text.h"

namespace wq::ctl {

namespace {

using std::chrono::milliseconds;

// Results may be a megabyte each. A page grows slowly, to what fits if all were as large as the
// largest of the page before.
constexpr std::size_t kFirstPage = 8;
constexpr std::size_t kMaxPage = 256;
constexpr std::size_t kPageBytes = std::size_t{4} << 20U;

constexpr milliseconds kLookInterval{250};
// Making sure that it is on the disk takes a while, and so does removing.
constexpr milliseconds kSyncInterval{1'000};

class ResultsReader {
 public:
  ResultsReader(cli::Process& process, const Target& target, const ResultsOptions& options,
                ResultsOutput& output)
      : options_(options),
        name_(target.queue),
        output_(output),
        signals_(process.signals(), [this](int signal, int count) { on_signal(signal, count); }),
        queue_(target.queue, target.redis, stop_.get_token()),
        trimmer_(target.queue, target.redis) {}

  cli::ExitCode run() {
    std::optional<cli::ExitCode> end;
    try {
      while (!end && !stop_.stop_requested()) {
        // First: what was added until then is among what is read after it.
        end = look();
        read();
        put_away();
        if (!end) wait();
      }
    } catch (const ConnectionError&) {
      if (!stop_.stop_requested()) throw;
    }
    if (end && !stop_.stop_requested()) return *end;
    put_away();
    return cli::exit_code_for_signal(signals_.first());
  }

 private:
  /// The exit code if the next read is the last.
  std::optional<cli::ExitCode> look() {
    const Counts counts = check();
    if (!options_.follow || counts.drained()) return cli::ExitCode::done;
    if (!counts.id.empty() || BootClock::now() - begin_ < options_.wait_open) return std::nullopt;
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
    for (std::size_t page = kFirstPage; !id_.empty() && !stop_.stop_requested();) {
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

  void wait() {
    std::unique_lock lock(mutex_);
    never_.wait_for(lock, stop_.get_token(), kLookInterval, [] { return false; });
  }

  void on_signal(int signal, int count) {
    stop_.request_stop();
    // The second waits neither for a Redis that does not answer nor for who reads the output.
    if (count > 1) _exit(static_cast<int>(cli::exit_code_for_signal(signal)));
  }

  const ResultsOptions options_;
  const std::string name_;
  const TimePoint begin_ = BootClock::now();
  ResultsOutput& output_;
  std::stop_source stop_;
  cli::SignalWatcher signals_;
  Queue queue_;
  Queue trimmer_;
  std::string id_;       // of the queue; empty: not begun
  std::string written_;  // the id of the last result that the output has
  std::string synced_;
  TimePoint put_away_ = begin_;
  std::mutex mutex_;
  std::condition_variable_any never_;
};

}  // namespace

cli::ExitCode read_results(cli::Process& process, const Target& target,
                           const ResultsOptions& options, ResultsOutput& output) {
  return ResultsReader(process, target, options, output).run();
}

}  // namespace wq::ctl
