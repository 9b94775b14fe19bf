#include "redis/sentinel_watch.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sys/socket.h>

#include "base/random.h"
#include "base/start_thread.h"
#include "base/wait.h"
#include "redis/connection.h"

namespace wq::internal {
namespace {

using std::chrono::milliseconds;

// A failover takes seconds by itself, and sentinels answer ten thousand workers that ask so often.
constexpr milliseconds kAskEvery{2'000};
// One that is gone must not keep the others from being asked.
constexpr milliseconds kLongestAnswer{1'000};

}  // namespace

/// Thread-safe.
class SentinelWatch {
 public:
  SentinelWatch(Endpoint set, RedisOptions options)
      : set_(std::move(set)),
        options_(std::move(options)),
        sentinels_(set_.sentinels.size()),
        thread_(start_thread<std::jthread>("the thread that asks the sentinels",
                                           [this](const std::stop_token& stop) { run(stop); })) {}

  void add(const WatchedSocket* socket) {
    const std::lock_guard lock(mutex_);
    sockets_.push_back(socket);
  }
  void remove(const WatchedSocket* socket) {
    const std::lock_guard lock(mutex_);
    std::erase(sockets_, socket);
  }

 private:
  void run(const std::stop_token& stop) {
    while (true) {
      // Not all processes at once.
      wait_for(std::chrono::duration_cast<milliseconds>(kAskEvery * (0.5 + random_fraction())),
               stop);
      for (std::size_t i = 0; i < sentinels_.size(); ++i) {
        if (stop.stop_requested()) return;
        if (const auto named = ask(i)) compare(*named);
      }
    }
  }
  // Nothing if this one does not answer: the others may.
  std::optional<NamedPrimary> ask(std::size_t i) {
    std::optional<Connection>& sentinel = sentinels_[i];
    try {
      if (!sentinel) {
        // The password file may be a new one.
        const Endpoint now = resolve_endpoint(options_);
        sentinel.emplace(connect_to_sentinel(set_.sentinels[i], now, options_, kLongestAnswer));
      }
      return ask_sentinel(*sentinel, set_.primary);
    } catch (const std::exception&) {  // a connection that needs it will say so
      sentinel.reset();
      return std::nullopt;
    }
  }
  void compare(const NamedPrimary& named) {
    const std::lock_guard lock(mutex_);
    for (const WatchedSocket* each : sockets_) each->compare(named);
  }

  const Endpoint set_;
  const RedisOptions options_;
  std::vector<std::optional<Connection>> sentinels_;  // of the thread
  std::mutex mutex_;
  std::vector<const WatchedSocket*> sockets_;
  std::jthread thread_;  // ends before the rest goes
};

namespace {

std::shared_ptr<SentinelWatch> watch_of(const Endpoint& set, RedisOptions options) {
  static std::mutex mutex;
  static std::map<std::string, std::weak_ptr<SentinelWatch>> watches;
  const std::lock_guard lock(mutex);
  std::weak_ptr<SentinelWatch>& known = watches[set.url_without_login()];
  if (auto watch = known.lock()) return watch;
  // They may belong to a caller that ends before the watch does.
  options.log = {};
  options.waiting = {};
  auto watch = std::make_shared<SentinelWatch>(set, std::move(options));
  known = watch;
  return watch;
}

}  // namespace

std::unique_ptr<WatchedSocket> WatchedSocket::begin(const Endpoint& set,
                                                    const RedisOptions& options, NamedPrimary named,
                                                    int socket) {
  return std::make_unique<WatchedSocket>(watch_of(set, options), std::move(named), socket);
}

WatchedSocket::WatchedSocket(std::shared_ptr<SentinelWatch> watch, NamedPrimary named, int socket)
    : watch_(std::move(watch)), named_(std::move(named)), socket_(socket) {
  watch_->add(this);
}

WatchedSocket::~WatchedSocket() { watch_->remove(this); }

// The epochs decide, not the addresses alone: a sentinel that was cut off names the old primary,
// and two sentinels may write one address in two ways.
void WatchedSocket::compare(const NamedPrimary& now) const noexcept {
  if (now.epoch > named_.epoch && now.address != named_.address) ::shutdown(socket_, SHUT_RDWR);
}

}  // namespace wq::internal
