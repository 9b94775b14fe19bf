#include "cli/progress_line.h"

#include <algorithm>

#include <fmt/format.h>
#include <unistd.h>

#include "cli/units.h"

namespace wq::cli {

namespace {

using std::chrono::steady_clock;

constexpr auto kRedraw = std::chrono::milliseconds{100};
// Looking at the clock for every item would cost more than some items do.
constexpr std::uint64_t kCallsPerLook = 64;

}  // namespace

ProgressLine::ProgressLine(std::string verb)
    : verb_(std::move(verb)),
      enabled_(is_live_terminal(STDERR_FILENO)),
      begin_(steady_clock::now()),
      drawn_(begin_) {}

ProgressLine::~ProgressLine() { live_.wipe(); }

bool ProgressLine::due() noexcept {
  if (!enabled_) return false;
  // Items that come slowly are all looked at: the count is only of calls in a row.
  if (++calls_ % kCallsPerLook != 0 && calls_ > kCallsPerLook) return false;
  return steady_clock::now() - drawn_ >= kRedraw;
}

void ProgressLine::update(std::uint64_t items, std::optional<double> fraction) {
  if (!enabled_) return;
  drawn_ = steady_clock::now();
  const double seconds = std::chrono::duration<double>(drawn_ - begin_).count();
  // One column is left free, since some terminals begin a new line in the last one.
  const std::string line =
      progress_text(verb_, items, seconds, fraction, terminal_columns(STDERR_FILENO) - 1);
  live_.draw({&line, 1});
}

std::string bar_text(double fraction, std::size_t columns) {
  constexpr std::size_t kNarrowest = 8;
  constexpr std::size_t kWidest = 42;
  if (columns < kNarrowest) return "";
  const std::size_t inside = std::min(columns, kWidest) - 2;
  const double done = std::clamp(fraction, 0.0, 1.0) * static_cast<double>(inside);
  std::string bar(static_cast<std::size_t>(done), '=');
  if (bar.size() < inside) bar += '>';
  return fmt::format("[{:<{}}]", bar, inside);
}

std::string progress_text(const std::string& verb, std::uint64_t items, double seconds,
                          std::optional<double> fraction, std::size_t columns) {
  const double rate = seconds > 0 ? static_cast<double>(items) / seconds : 0;
  std::string text = fmt::format("{} {}, {:.0f}/s", verb, plural(items, "item"), rate);
  if (fraction) {
    const std::string percent = fmt::format(" {:.0f}%", std::clamp(*fraction, 0.0, 1.0) * 100);
    const std::size_t used = text.size() + 1 + percent.size();
    const std::string bar = used < columns ? bar_text(*fraction, columns - used) : "";
    text += (bar.empty() ? "" : " " + bar) + percent;
  }
  return fit(text, columns);
}

}  // namespace wq::cli
