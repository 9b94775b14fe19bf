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

#include "redis/cluster.h"
#include "redis/connection.h"

namespace wq::internal {

/// A connection that is made when needed and made again when it broke, with the patience of
/// `RedisOptions`. In a Redis Cluster it follows the keys: it is made to the node that another has
/// named. Not thread-safe.
class ReconnectingConnection {
 public:
  /// `prepare` is called on every new connection before its first use; what it throws counts as a
  /// failure to connect. A requested `stop` ends the waiting. Throws `std::invalid_argument` for
  /// options that make no sense.
  ReconnectingConnection(
      RedisOptions options, std::stop_token stop,
      std::function<void(Connection&)> prepare = [](Connection&) {});

  /// Calls `attempt(connection)` until it returns, and returns its result. It is called
  /// again, on a new connection and after a jittered backoff, when it throws `ConnectionError` or a
  /// transient `ReplyError`, so it must be safe to repeat. Past the patience: `ConnectionError`.
  template <typename Attempt>
  auto run(Attempt attempt) {
    std::optional<decltype(attempt(connection()))> result;
    const auto once = [&] { result.emplace(attempt(connection())); };
    while (!tries(once)) continue;
    recovered();
    return *std::move(result);
  }

  /// One step of several requests under way: `step` sends one or reads an answer. If the step fails
  /// as an attempt of `run` does, `broken` is called once and `send_again` until it succeeds; it
  /// sends the unanswered requests. The patience is counted until `recovered` is called, since only
  /// an answer proves that Redis is back. False if the step failed: it was
  /// not done.
  template <typename Step, typename Broken, typename SendAgain>
  bool run_step(Step step, Broken broken, SendAgain send_again) {
    if (tries(step)) return true;
    broken();
    while (!tries(send_again)) continue;
    return false;
  }
  void recovered();

  /// The connection, opened if necessary: one attempt, no wait.
  Connection& connection();
  [[nodiscard]] bool connected() const noexcept { return connection_.has_value(); }
  /// Grows with every new connection, for commands that each needs once. Any thread.
  [[nodiscard]] std::uint64_t generation() const noexcept { return generation_; }
  /// How many connections took the place of one that was lost. Any thread.
  [[nodiscard]] std::uint64_t reconnects() const noexcept {
    const std::uint64_t made = generation_;
    return made > 0 ? made - 1 : 0;
  }
  /// How long it waits at most before its first try when the connection is lost, and then at least
  /// about as long between tries: many others may have lost theirs at the same time. Any thread.
  void spread(std::chrono::milliseconds time) noexcept { spread_ms_ = time.count(); }
  /// Throws the connection away; harmless without one.
  void drop() noexcept;

  [[nodiscard]] const RedisOptions& options() const noexcept { return options_; }
  /// The same for the very server that it is connected to, also in a cluster.
  [[nodiscard]] RedisOptions options_here() const;
  [[nodiscard]] const std::stop_token& stop() const noexcept { return stop_; }

 private:
  // One try; false if it failed so that another one may succeed, after the wait for it.
  template <typename Attempt>
  bool tries(Attempt& attempt) {
    try {
      attempt();
      return true;
    } catch (const RedirectError& error) {
      redirected(error);
    } catch (const ConnectionError& error) {
      failed(error);
    } catch (const ReplyError& error) {
      if (!error.transient()) throw;
      route_.failed();
      failed(error);
    }
    return false;
  }
  void open();
  // As `failed`, but the first times in a row without the wait.
  void redirected(const RedirectError& error);
  // Drops the connection and waits. Throws `ConnectionError` once stopped, or past the patience,
  // which begins with the call of `connection` that was the first to fail.
  void failed(const Error& error);
  /// Of the patience, for one step of an attempt.
  [[nodiscard]] std::chrono::milliseconds left() const;
  void tell_waiting(std::string_view what) const;

  RedisOptions options_;
  std::string server_;  // for messages
  std::stop_token stop_;
  std::function<void(Connection&)> prepare_;
  ClusterRoute route_;
  std::optional<HostAndPort> here_;  // the node of `connection_`, unless it is that of the URL
  std::optional<Connection> connection_;
  std::atomic<std::uint64_t> generation_ = 0;
  std::atomic<std::chrono::milliseconds::rep> spread_ms_ = 0;
  std::uint64_t failures_ = 0;   // in a row
  std::uint64_t redirects_ = 0;  // likewise
  TimePoint next_word_;
  TimePoint since_ = BootClock::now();  // when the first failed attempt began, else the current one
};

}  // namespace wq::internal
