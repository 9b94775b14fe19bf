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

// A queue that moves to another node while it is looked for is found in so many steps. Longer
// chains are of nodes that do not agree yet.
constexpr std::uint64_t kRedirectsAtOnce = 3;

// The interval of repeated log lines.
constexpr std::chrono::minutes kWord{1};

void check_positive(const char* what, milliseconds value) {
  if (value > milliseconds::zero()) return;
  throw std::invalid_argument(fmt::format("the {} is {}; it must be at least 1 ms", what, value));
}

}  // namespace

ReconnectingConnection::ReconnectingConnection(RedisOptions options, std::stop_token stop,
                                               std::function<void(Connection&)> prepare)
    : options_(std::move(options)),
      stop_(std::move(stop)),
      prepare_(std::move(prepare)),
      route_(resolve_endpoint(options_).seeds) {  // a wrong URL is known at once
  check_positive("connect timeout", options_.connect_timeout);
  check_positive("command timeout", options_.command_timeout);
  options_.command_timeout =
      std::min(options_.command_timeout, std::max(options_.patience, kShortestTry));
  server_ = resolve_endpoint(options_).name();
}

Connection& ReconnectingConnection::connection() {
  if (failures_ == 0) since_ = BootClock::now();
  if (!connection_) {
    tell_waiting(server_);
    open();
    ++generation_;
    if (failures_ == 0) tell_waiting("");
  }
  return *connection_;
}

void ReconnectingConnection::open() {
  here_ = route_.next();
  try {
    connection_.emplace(options_, here_, left());
    connection_->set_timeout(std::min(options_.command_timeout, left()));
    prepare_(*connection_);
    if (connection_->is_cluster_node()) route_.learn(*connection_);
  } catch (const RedirectError&) {
    drop();
    throw;
  } catch (...) {
    drop();
    route_.failed();
    throw;
  }
}

void ReconnectingConnection::drop() noexcept {
  if (connection_ && connection_->moved_to()) {
    route_.moved(*std::exchange(connection_->moved_to(), std::nullopt));
  }
  connection_.reset();
}

RedisOptions ReconnectingConnection::options_here() const {
  return here_ ? on_node(options_, *here_) : options_;
}

void ReconnectingConnection::redirected(const RedirectError& error) {
  drop();
  if (redirects_++ >= kRedirectsAtOnce || stop_.stop_requested()) failed(error);
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
  const milliseconds spread = delay_in_spread(
      failures_, std::min(milliseconds{spread_ms_}, options_.patience / 4), random_fraction());
  const milliseconds wait = backoff_delay(failures_, kFirstWait, kLongestWait, random_fraction());
  wait_for(std::min(rest, std::max(wait, spread)), stop_);
}

void ReconnectingConnection::recovered() {
  redirects_ = 0;
  if (failures_ == 0) return;
  failures_ = 0;
  if (connection_) connection_->set_timeout(options_.command_timeout);
  tell_waiting("");
  say(options_.log, LogLevel::info,
      fmt::format("Redis is reachable again after {}",
                  duration_cast<milliseconds>(BootClock::now() - since_)));
}

}  // namespace wq::internal
