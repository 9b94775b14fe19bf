#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include <wq/redis_options.h>

#include "cli/terminal.h"

namespace wq::cli {

/// "waiting for Redis at localhost:6379, 3 s" at the bottom of a terminal, for as long as that is
/// so. Where standard error is no terminal it draws nothing; the log says there what is wrong.
/// Thread-safe.
class WaitingLine {
 public:
  WaitingLine() = default;
  ~WaitingLine();
  WaitingLine(const WaitingLine&) = delete;
  WaitingLine& operator=(const WaitingLine&) = delete;

  /// Sets `RedisOptions::waiting`, and shows the longest wait. Must outlive all users of the
  /// options.
  void watch(RedisOptions& redis);

  /// The callback of `RedisOptions::waiting`. Never throws.
  void tell(std::string_view server) noexcept;

  /// How long was waited in all.
  [[nodiscard]] std::chrono::milliseconds waited() const;

 private:
  using Clock = std::chrono::steady_clock;

  void draw(const std::stop_token& stop);
  [[nodiscard]] std::string text(Clock::time_point now) const;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable_any changed_;
  std::string server_;
  std::optional<Clock::time_point> since_;  // nothing is waited for without it
  Clock::duration waited_{};
  std::chrono::milliseconds longest_{};
  LiveText live_{stderr};
  std::jthread thread_;  // begins with the first wait on a terminal
};

/// "waiting for Redis at localhost:6379, 3 s of at most 10 s".
[[nodiscard]] std::string waiting_text(std::string_view server, std::chrono::seconds waited,
                                       std::chrono::milliseconds longest);

}  // namespace wq::cli
