#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <utility>

#include <wq/admin.h>

#include "pure/keys.h"
#include "queue/server_check.h"
#include "queue/torn_aof.h"
#include "redis/link.h"

namespace wq::internal {

/// What an `Admin` holds.
class AdminSession {
 public:
  AdminSession(std::string queue, RedisOptions options, std::stop_token stop)
      : keys_(std::move(queue)),
        stop_(stop),
        link_(std::move(options), std::move(stop), [this](Connection& redis) {
          static_cast<void>(check_server(redis, keys_));
          if (changes_) mender_.ask(redis);
        }) {}

  [[nodiscard]] const Keys& keys() const noexcept { return keys_; }
  [[nodiscard]] const std::stop_token& stop() const noexcept { return stop_; }
  [[nodiscard]] Link& link() noexcept { return link_; }
  /// For what changes the queue.
  [[nodiscard]] Link& link_to_change() noexcept {
    if (!std::exchange(changes_, true)) link_.drop();  // so that the server is asked first
    return link_;
  }

 private:
  const Keys keys_;
  const std::stop_token stop_;
  bool changes_ = false;
  AofMender mender_;
  Link link_;
};

}  // namespace wq::internal
