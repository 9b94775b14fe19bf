#include "worker_progress.h"

#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include <wq/clock.h>

#include "base/printable.h"
#include "base/wait.h"
#include "cli/log.h"
#include "cli/output.h"
#include "cli/units.h"

namespace wq::internal {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kRedraw{1'000};
constexpr milliseconds kCountsInPlace{2'000};
// Of the bytes of an item, so that the text after it is visible.
constexpr std::size_t kMostShown = 60;

std::string longest_text(const WorkerStats& stats) {
  if (stats.longest_time == std::chrono::nanoseconds::zero()) return "";
  const auto age = std::chrono::duration_cast<milliseconds>(stats.longest_time);
  const std::string& item = stats.longest_item;
  const std::size_t shown = whole_characters(item, kMostShown);
  return fmt::format("longest {} of {}{}", cli::age_text(age),
                     cli::bytes_text(item.substr(0, shown), shown),
                     shown < item.size() ? "..." : "");
}

void append(std::string& line, const std::string& more) {
  if (!more.empty()) line += ", " + more;
}

}  // namespace

std::string progress_text(const WorkerStats& stats, const Counts& counts, const cli::Eta& eta) {
  std::string line = fmt::format("{} done, {} failed", stats.completed, stats.failed);
  if (!counts.id.empty()) {
    append(line, fmt::format("{} left in the queue", cli::left_in(counts)));
    if (counts.dead > 0) append(line, fmt::format("{} dead", counts.dead));
    if (eta.span > cli::Seconds{0}) append(line, cli::rate_text(eta.rate_now));
    append(line, cli::left_text(eta));
  }
  if (stats.running > 0) append(line, fmt::format("{} running", stats.running));
  append(line, longest_text(stats));
  return line;
}

bool WorkerProgress::is_in_place() {
  return cli::is_live_terminal(STDERR_FILENO) && !cli::log_is_json();
}

milliseconds WorkerProgress::counts_interval(milliseconds interval) {
  return interval > milliseconds::zero() && is_in_place() ? kCountsInPlace : interval;
}

WorkerProgress::WorkerProgress(const Worker& worker, milliseconds interval)
    : worker_(worker), in_place_(is_in_place()), interval_(interval) {
  if (interval > milliseconds::zero()) {
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }
}

WorkerProgress::~WorkerProgress() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
  live_.wipe();
}

void WorkerProgress::run(const std::stop_token& stop) {
  while (true) {
    wait_for(in_place_ ? kRedraw : interval_, stop);
    if (stop.stop_requested()) return;
    if (in_place_) {
      show_line();
    } else {
      log_line();
    }
  }
}

void WorkerProgress::show_line() {
  const Counts counts = worker_.counts();
  if (!counts.id.empty()) history_.add(BootClock::now(), counts);
  const std::string line = cli::fit(progress_text(worker_.stats(), counts, history_.eta()),
                                    cli::terminal_columns(STDERR_FILENO) - 1);
  live_.draw({&line, 1});
}

// A waiting worker logs that itself: no progress line repeats that nothing happens.
void WorkerProgress::log_line() {
  const Counts counts = worker_.counts();
  const WorkerStats stats = worker_.stats();
  if (!counts.id.empty()) history_.add(BootClock::now(), counts);
  std::string state =
      fmt::format("completed={} failed={} released={} left={} dead={}", stats.completed,
                  stats.failed, stats.released, cli::left_in(counts), counts.dead);
  const bool nothing_yet = stats.completed + stats.failed + stats.released == 0;
  if (stats.running == 0 && (nothing_yet || state == last_)) return;
  std::string line = "progress: " + state + fmt::format(" running={}", stats.running);
  last_ = std::move(state);
  const cli::Eta eta = history_.eta();
  if (eta.span > cli::Seconds{0}) append(line, cli::rate_text(eta.rate_now));
  append(line, cli::left_text(eta));
  append(line, longest_text(stats));
  cli::log(LogLevel::info, line);
}

}  // namespace wq::internal
