#pragma once

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include <wq/queue.h>
#include <wq/redis_options.h>

#include "support/redis_client.h"
#include "support/redis_server.h"

namespace wq::bench {

/// A measurement that did not do what it was to do, so that its time says nothing.
class WrongResult : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Throws `WrongResult` if it is not so.
void check(bool is_so, std::string_view what);
void check_equal(std::uint64_t is, std::uint64_t should, std::string_view what);

/// The name of the queue in every measurement.
inline constexpr const char* kQueue = "bench";

/// What every measurement works with: one redis-server, on a unix socket, that persists nothing.
class Bench {
 public:
  /// `scale`: the part of the full amount of work to do, for quick looks.
  Bench(double scale, unsigned rounds);

  [[nodiscard]] unsigned rounds() const noexcept { return rounds_; }
  [[nodiscard]] std::string socket_path() const { return server_.socket_path(); }
  [[nodiscard]] std::string url() const { return server_.url(); }
  [[nodiscard]] RedisOptions redis() const { return server_.options(); }
  [[nodiscard]] test::RedisClient& client() noexcept { return client_; }

  /// That many items at the scale of this run, in thousands, at least 1,000.
  [[nodiscard]] std::uint64_t items(std::uint64_t full) const;
  /// So many at the scale of this run, at least `least`.
  [[nodiscard]] std::uint64_t scaled(std::uint64_t full, std::uint64_t least) const;
  /// That long at the scale of this run, at least `shortest`.
  [[nodiscard]] std::chrono::milliseconds time(std::chrono::milliseconds full,
                                               std::chrono::milliseconds shortest) const;

  /// Begins a measurement: Redis holds nothing.
  void clear();
  /// Pushes, as `wq-push` does, the first `n` items of an `ItemMaker` with this mark.
  void fill(std::uint64_t n, char mark = '0') const;
  [[nodiscard]] Counts counts();
  /// Fails unless the queue is drained and each of `n` items was leased and completed once.
  void check_all_done_once(std::uint64_t n);
  /// A figure of INFO.
  [[nodiscard]] std::uint64_t info(std::string_view section, std::string_view field);
  /// The time of a processor that Redis has used.
  [[nodiscard]] double cpu_seconds();
  [[nodiscard]] std::string redis_version();

 private:
  // From the figure on.
  [[nodiscard]] std::string info_text(std::string_view section, std::string_view field);

  const double scale_;
  const unsigned rounds_;
  test::RedisServer server_;
  test::RedisClient client_;
  Queue queue_;
};

/// Seconds since it was made.
class StopWatch {
 public:
  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace wq::bench
