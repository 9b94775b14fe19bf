#include "cli/progress_line.h"

#include <algorithm>
#include <atomic>
#include <cstdio>

#include <fmt/format.h>
#include <unistd.h>

namespace wq::cli {

namespace {

using std::chrono::steady_clock;

constexpr auto kRedraw = std::chrono::milliseconds{100};
// Looking at the clock for every item would cost more than some items do.
constexpr std::uint64_t kCallsPerLook = 64;

std::atomic<bool> g_drawn{false};

void put(std::string_view text) noexcept { std::fwrite(text.data(), 1, text.size(), stderr); }

}  // namespace

bool stderr_is_terminal() noexcept { return isatty(STDERR_FILENO) == 1; }

ProgressLine::ProgressLine(std::string verb)
    : verb_(std::move(verb)),
      enabled_(stderr_is_terminal()),
      begin_(steady_clock::now()),
      drawn_(begin_) {}

ProgressLine::~ProgressLine() { clear_progress_line(); }

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
  put("\r" + progress_text(verb_, items, seconds, fraction) + "\x1b[K");
  g_drawn = true;
}

void clear_progress_line() noexcept {
  if (g_drawn.exchange(false)) put("\r\x1b[K");
}

std::string progress_text(const std::string& verb, std::uint64_t items, double seconds,
                          std::optional<double> fraction) {
  const double rate = seconds > 0 ? static_cast<double>(items) / seconds : 0;
  std::string text = fmt::format("{} {} items, {:.0f}/s", verb, items, rate);
  if (fraction) {
    constexpr double kWidth = 30;
    const double done = std::clamp(*fraction, 0.0, 1.0);
    text += fmt::format(" [{:<30}] {:.0f}%",
                        std::string(static_cast<std::size_t>(done * kWidth), '='), done * 100);
  }
  return text;
}

}  // namespace wq::cli
