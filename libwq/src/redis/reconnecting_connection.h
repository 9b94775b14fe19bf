#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include <wq/clock.h>
#include <wq/error.h>
#include <wq/redis_options.h>

#include "redis/connection.h"

namespace wq::internal {

/// A connection that is made when needed and made again when it broke, with the patience of
/// `RedisOptions`. Not thread-safe.
class ReconnectingConnection {
 public:
  /// `prepare` is called on every new connection before its first use; what it throws counts as a
  /// failure to connect. A requested `stop` ends the waiting. Throws `std::invalid_argument` for
  /// options that make no sense.
  ReconnectingConnection(
      RedisOptions options, std::stop_token stop,
      std::function<void(Connection&)> prepare = [](Connection&) {});

  /// Calls `attempt(connection)` until it returns, and returns what it returned. It is called
  /// again, on a new connection and after a jittered backoff, when it throws `ConnectionError` or a
  /// transient `ReplyError`, so it must be safe to repeat. Past the patience: `ConnectionError`.
  template <typename Attempt>
  auto run(Attempt attempt) {
    auto result = repeat(std::move(attempt));
    recovered();
    return result;
  }

  /// The same for an attempt that only sends: that Redis is back is known when an answer was read,
  /// so the patience goes on being counted until `recovered` is called.
  template <typename Attempt>
  auto repeat(Attempt attempt) {
    while (true) {
      try {
        return attempt(connection());
      } catch (const ConnectionError& error) {
        failed(error);
      } catch (const ReplyError& error) {
        if (!error.transient()) throw;
        failed(error);
      }
    }
  }

  /// The connection, made now if there is none: one try, no waiting.
  Connection& connection();
  [[nodiscard]] bool connected() const noexcept { return connection_.has_value(); }
  /// Grows with every new connection, for what must be said once on each. Any thread.
  [[nodiscard]] std::uint64_t generation() const noexcept { return generation_; }
  /// How many connections took the place of one that was lost. Any thread.
  [[nodiscard]] std::uint64_t reconnects() const noexcept {
    const std::uint64_t made = generation_;
    return made > 0 ? made - 1 : 0;
  }
  /// Throws the connection away; harmless if there is none.
  void drop() noexcept { connection_.reset(); }

  /// What `run` does after a failure and after a success, for callers with a loop of their own.
  /// `failed` drops the connection and waits; it throws `ConnectionError` past the patience, which
  /// begins with the call of `connection` that was the first to fail, or once stopped.
  void failed(const Error& error);
  void recovered();

  [[nodiscard]] const RedisOptions& options() const noexcept { return options_; }
  [[nodiscard]] const std::stop_token& stop() const noexcept { return stop_; }

 private:
  /// Of the patience, for one step of an attempt.
  [[nodiscard]] std::chrono::milliseconds left() const;
  void tell_waiting(std::string_view what) const;

  RedisOptions options_;
  std::string server_;  // for messages
  std::stop_token stop_;
  std::function<void(Connection&)> prepare_;
  std::optional<Connection> connection_;
  std::atomic<std::uint64_t> generation_ = 0;
  std::uint64_t failures_ = 0;  // in a row
  TimePoint next_word_;
  TimePoint since_ = BootClock::now();  // when what failed first, or else what is tried now, began
};

}  // namespace wq::internal
