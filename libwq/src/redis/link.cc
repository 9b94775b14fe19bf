#include "redis/link.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "pure/backoff.h"
#include "pure/random.h"
#include "pure/wait.h"

namespace wq::internal {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

// Short enough that a restart of Redis costs little, long enough that thousands of workers that
// lost it at once do not keep it from coming back.
constexpr milliseconds kFirstWait{50};
constexpr milliseconds kLongestWait{5'000};

void check_positive(const char* what, milliseconds value) {
  if (value > milliseconds::zero()) return;
  throw std::invalid_argument(fmt::format("the {} is {}; it must be at least 1 ms", what, value));
}

}  // namespace

Link::Link(RedisOptions options, std::stop_token stop, std::function<void(Connection&)> prepare)
    : options_(std::move(options)), stop_(std::move(stop)), prepare_(std::move(prepare)) {
  check_positive("connect timeout", options_.connect_timeout);
  check_positive("command timeout", options_.command_timeout);
  static_cast<void>(resolve_endpoint(options_));  // a wrong URL is known at once
}

Connection& Link::connection() {
  if (!connection_) {
    Connection fresh(options_);
    prepare_(fresh);
    connection_.emplace(std::move(fresh));
    ++generation_;
  }
  return *connection_;
}

void Link::failed(const Error& error) {
  drop();
  const TimePoint now = BootClock::now();
  if (failures_++ == 0) {
    first_failure_ = now;
    if (options_.log) {
      options_.log(LogLevel::warning, fmt::format("{}; trying again", error.what()));
    }
  }
  if (stop_.stop_requested()) {
    throw ConnectionError(fmt::format("{}; stopped while waiting for it", error.what()));
  }
  const auto left = duration_cast<milliseconds>(first_failure_ + options_.patience - now);
  if (left <= milliseconds::zero()) {
    throw ConnectionError(fmt::format("{}; gave up after {} s", error.what(),
                                      std::chrono::duration<double>(options_.patience).count()));
  }
  wait_for(std::min(left, backoff_delay(failures_, kFirstWait, kLongestWait, random_fraction())),
           stop_);
}

void Link::recovered() {
  if (failures_ == 0) return;
  failures_ = 0;
  if (options_.log) {
    options_.log(LogLevel::info,
                 fmt::format("Redis is back after {}",
                             duration_cast<milliseconds>(BootClock::now() - first_failure_)));
  }
}

}  // namespace wq::internal
