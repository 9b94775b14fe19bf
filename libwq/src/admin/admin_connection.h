#pragma once

#include <stop_token>
#include <string>
#include <utility>

#include <wq/admin.h>

#include "base/keys.h"
#include "queue/server_check.h"
#include "queue/torn_aof.h"
#include "redis/reconnecting_connection.h"

namespace wq::internal {

/// The state of an `Admin`.
class AdminConnection {
 public:
  AdminConnection(std::string queue, RedisOptions options, std::stop_token stop)
      : keys_(std::move(queue)),
        stop_(stop),
        link_(std::move(options), std::move(stop), [this](Connection& redis) {
          static_cast<void>(check_server(redis, keys_));
          if (changes_) mender_.ask(redis);
        }) {}

  [[nodiscard]] const Keys& keys() const noexcept { return keys_; }
  [[nodiscard]] const std::stop_token& stop() const noexcept { return stop_; }
  [[nodiscard]] ReconnectingConnection& link() noexcept { return link_; }
  /// For what changes the queue.
  [[nodiscard]] ReconnectingConnection& link_to_change() noexcept {
    if (!std::exchange(changes_, true)) link_.drop();  // so that the server is asked first
    return link_;
  }

 private:
  const Keys keys_;
  const std::stop_token stop_;
  bool changes_ = false;
  AofMender mender_;
  ReconnectingConnection link_;
};

}  // namespace wq::internal
