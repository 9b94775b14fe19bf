#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <utility>

#include <wq/redis_options.h>

#include "base/keys.h"
#include "redis/reconnecting_connection.h"

namespace wq::internal {

/// The connections over which a worker keeps its leases: one for all queues without a hash tag in
/// their names, and one for each hash tag, since a Redis Cluster may have these on different nodes.
/// All are made (not connected) before the keeper's thread runs, so `of` is not called later; then
/// they are of that thread, but for `common` and `reconnects`.
class KeeperLinks {
 public:
  /// `prepare` as of `ReconnectingConnection`, with the hash tag of the connection.
  using Prepare = std::function<void(Connection&, const std::string& tag)>;

  KeeperLinks(RedisOptions redis, std::stop_token stop, Prepare prepare)
      : redis_(std::move(redis)), stop_(std::move(stop)), prepare_(std::move(prepare)) {
    with_tag("");  // a group of queues finds it when the keeper's thread runs
  }

  [[nodiscard]] ReconnectingConnection& of(const Keys& keys) { return with_tag(keys.hash_tag()); }
  /// Of queues that are on one server, whatever their names.
  [[nodiscard]] ReconnectingConnection& common() { return links_.at(""); }

  void drop() noexcept {
    for (auto& [tag, link] : links_) link.drop();
  }
  /// Any thread.
  [[nodiscard]] std::uint64_t reconnects() const noexcept {
    std::uint64_t n = 0;
    for (const auto& [tag, link] : links_) n += link.reconnects();
    return n;
  }

 private:
  ReconnectingConnection& with_tag(const std::string& tag) {
    const auto found = links_.find(tag);
    if (found != links_.end()) return found->second;
    return links_
        .try_emplace(tag, redis_, stop_,
                     [this, tag](Connection& connection) { prepare_(connection, tag); })
        .first->second;
  }

  const RedisOptions redis_;
  const std::stop_token stop_;
  const Prepare prepare_;
  std::map<std::string, ReconnectingConnection> links_;
};

}  // namespace wq::internal
