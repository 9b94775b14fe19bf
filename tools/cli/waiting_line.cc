#include "cli/waiting_line.h"

#include <fmt/format.h>
#include <unistd.h>

#include "cli/log.h"
#include "cli/units.h"

namespace wq::cli {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Users do not notice shorter waits.
constexpr milliseconds kShown{300};

}  // namespace

WaitingLine::~WaitingLine() {
  tell("");
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

void WaitingLine::watch(RedisOptions& redis) {
  longest_ = redis.patience;
  redis.waiting = [this](std::string_view server) { tell(server); };
}

void WaitingLine::tell(std::string_view server) noexcept {
  try {
    const std::lock_guard lock(mutex_);
    if (server.empty()) {
      if (since_) waited_ += Clock::now() - *since_;
      since_.reset();
      if (thread_.joinable()) live_.wipe();
    } else {
      server_ = server;
      if (!since_) since_ = Clock::now();
      if (!thread_.joinable() && is_live_terminal(STDERR_FILENO) && !log_is_json()) {
        thread_ = std::jthread([this](const std::stop_token& stop) { draw(stop); });
      }
    }
    changed_.notify_all();
  } catch (const std::exception&) {  // no more threads or memory: then it is not shown
  }
}

milliseconds WaitingLine::waited() const {
  const std::lock_guard lock(mutex_);
  const Clock::duration now = since_ ? Clock::now() - *since_ : Clock::duration{};
  return std::chrono::duration_cast<milliseconds>(waited_ + now);
}

void WaitingLine::draw(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    const auto waits = [this] { return since_.has_value(); };
    if (!changed_.wait(lock, stop, waits)) return;
    Clock::time_point next = *since_ + kShown;
    // Over, or over and begun again meanwhile: then it is that wait's turn.
    for (const auto begun = *since_; since_ == begun && !stop.stop_requested();) {
      if (const auto now = Clock::now(); now >= next) {
        const std::string line = text(now);
        live_.draw({&line, 1});
        next = now + seconds{1};
      }
      changed_.wait_until(lock, stop, next, [&] { return since_ != begun; });
    }
  }
}

std::string WaitingLine::text(Clock::time_point now) const {
  const std::string line =
      waiting_text(server_, std::chrono::duration_cast<seconds>(now - *since_), longest_);
  return fit(line, terminal_columns(STDERR_FILENO) - 1);
}

std::string waiting_text(std::string_view server, seconds waited, milliseconds longest) {
  return fmt::format("waiting for Redis at {}, {} s of at most {}", server, waited.count(),
                     duration_text(longest));
}

}  // namespace wq::cli
