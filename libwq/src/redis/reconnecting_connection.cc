#include "redis/reconnecting_connection.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "base/backoff.h"
#include "base/random.h"
#include "base/say.h"
#include "base/wait.h"

namespace wq::internal {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

// Short enough that a restart of Redis costs little, long enough that thousands of workers that
// lost it at once do not keep it from coming back.
constexpr milliseconds kFirstWait{50};
constexpr milliseconds kLongestWait{5'000};
// Of the last try too, so that each is one.
constexpr milliseconds kShortestTry{1'000};

// The interval of repeated log lines.
constexpr std::chrono::minutes kWord{1};

void check_positive(const char* what, milliseconds value) {
  if (value > milliseconds::zero()) return;
  throw std::invalid_argument(fmt::format("the {} is {}; it must be at least 1 ms", what, value));
}

}  // namespace

ReconnectingConnection::ReconnectingConnection(RedisOptions options, std::stop_token stop,
                                               std::function<void(Connection&)> prepare)
    : options_(std::move(options)), stop_(std::move(stop)), prepare_(std::move(prepare)) {
  check_positive("connect timeout", options_.connect_timeout);
  check_positive("command timeout", options_.command_timeout);
  options_.command_timeout =
      std::min(options_.command_timeout, std::max(options_.patience, kShortestTry));
  server_ = resolve_endpoint(options_).name();  // a wrong URL is known at once
}

Connection& ReconnectingConnection::connection() {
  if (failures_ == 0) since_ = BootClock::now();
  if (!connection_) {
    tell_waiting(server_);
    Connection fresh(options_, left());
    fresh.set_timeout(std::min(options_.command_timeout, left()));
    prepare_(fresh);
    connection_.emplace(std::move(fresh));
    ++generation_;
    if (failures_ == 0) tell_waiting("");
  }
  return *connection_;
}

milliseconds ReconnectingConnection::left() const {
  return std::max(duration_cast<milliseconds>(since_ + options_.patience - BootClock::now()),
                  kShortestTry);
}

void ReconnectingConnection::tell_waiting(std::string_view what) const {
  if (options_.waiting) options_.waiting(what);
}

void ReconnectingConnection::failed(const Error& error) {
  drop();
  const TimePoint now = BootClock::now();
  const auto rest = duration_cast<milliseconds>(since_ + options_.patience - now);
  if ((failures_++ == 0 || now >= next_word_) && rest > milliseconds::zero()) {
    next_word_ = now + kWord;
    say(options_.log, LogLevel::warning,
        fmt::format("{}; retrying for {} s", error.what(),
                    std::chrono::ceil<std::chrono::seconds>(rest).count()));
  }
  if (stop_.stop_requested()) {
    throw ConnectionError(fmt::format("{}; stopped while waiting for it", error.what()));
  }
  if (rest <= milliseconds::zero()) {
    throw ConnectionError(fmt::format("{}; gave up after {} s", error.what(),
                                      std::chrono::duration<double>(options_.patience).count()));
  }
  wait_for(std::min(rest, backoff_delay(failures_, kFirstWait, kLongestWait, random_fraction())),
           stop_);
}

void ReconnectingConnection::recovered() {
  if (failures_ == 0) return;
  failures_ = 0;
  if (connection_) connection_->set_timeout(options_.command_timeout);
  tell_waiting("");
  say(options_.log, LogLevel::info,
      fmt::format("Redis is reachable again after {}",
                  duration_cast<milliseconds>(BootClock::now() - since_)));
}

}  // namespace wq::internal
