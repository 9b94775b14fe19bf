#include "worker/wait_notice.h"

#include <utility>

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace wq::internal {
namespace {

using std::chrono::seconds;

constexpr seconds kSilent{2};
constexpr seconds kAgain{60};

}  // namespace

WaitNotice::WaitNotice(Log log) : log_(std::move(log)) {}

void WaitNotice::waits(For what, TimePoint now, const std::function<std::string()>& text) {
  if (!log_) return;
  if (std::exchange(what_, what) != what) {
    since_ = now;
    next_ = now + kSilent;
  }
  if (what == For::nothing || now < next_) return;
  const auto waited = std::chrono::duration_cast<seconds>(now - since_);
  next_ = now + kAgain;
  log_(LogLevel::info, waited < kAgain ? fmt::format("waiting: {}", text())
                                       : fmt::format("still waiting, for {}: {}", waited, text()));
}

}  // namespace wq::internal
