#include "redis/sentinel_watch.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <exception>
#include <map>
#include <memory>
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

// Between two questions, each to the next sentinel. No connection is kept: a sentinel takes as many
// as a Redis does, and the processes of a fleet may be more.
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
        before_(set_.sentinels.size()),
        thread_(start_thread<std::jthread>("the thread that asks the sentinels",
                                           [this](const std::stop_token& stop) { run(stop); })) {}

  void add(WatchedSocket* socket) {
    const std::lock_guard lock(mutex_);
    sockets_.push_back(socket);
  }
  void remove(const WatchedSocket* socket) {
    const std::lock_guard lock(mutex_);
    std::erase(sockets_, socket);
  }

 private:
  void run(const std::stop_token& stop) {
    for (auto i = static_cast<std::size_t>(random_bits());; ++i) {
      // Not all processes at once.
      wait_for(std::chrono::duration_cast<milliseconds>(kAskEvery * (0.5 + random_fraction())),
               stop);
      if (stop.stop_requested()) return;
      const std::size_t next = i % before_.size();
      if (auto named = ask(set_.sentinels[next])) {
        compare(*named, before_[next]);
        before_[next] = std::move(named);
      }
    }
  }
  // Nothing if this one does not answer: the others may.
  [[nodiscard]] std::optional<NamedPrimary> ask(const HostAndPort& sentinel) const {
    try {
      // The password file may be a new one.
      const Endpoint now = resolve_endpoint(options_);
      Connection connection = connect_to_sentinel(sentinel, now, options_, kLongestAnswer);
      return ask_sentinel(connection, set_.primary);
    } catch (const std::exception&) {  // a connection that needs it will say so
      return std::nullopt;
    }
  }
  void compare(const NamedPrimary& named, const std::optional<NamedPrimary>& before) {
    const std::lock_guard lock(mutex_);
    for (WatchedSocket* each : sockets_) each->compare(named, before);
  }

  const Endpoint set_;
  const RedisOptions options_;
  std::vector<std::optional<NamedPrimary>> before_;  // of the thread, for each sentinel
  std::mutex mutex_;
  std::vector<WatchedSocket*> sockets_;
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
// and two sentinels may write one address in two ways. Sentinels that were set up anew begin with
// low epochs: then a change counts that one of them has seen.
void WatchedSocket::compare(const NamedPrimary& now,
                            const std::optional<NamedPrimary>& before) noexcept {
  if (now.address == named_.address) {
    named_.epoch = std::max(named_.epoch, now.epoch);
    return;
  }
  const bool has_changed = before && before->address == named_.address && now.epoch > before->epoch;
  if (now.epoch > named_.epoch || has_changed) ::shutdown(socket_, SHUT_RDWR);
}

}  // namespace wq::internal
