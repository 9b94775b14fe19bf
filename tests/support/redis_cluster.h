#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "support/redis_client.h"
#include "support/redis_server.h"

namespace wq::test {

/// A node of a cluster, on ports of 127.0.0.1 of its own.
class ClusterNode {
 public:
  explicit ClusterNode(const std::vector<std::string>& config);

  [[nodiscard]] int port() const noexcept { return port_; }
  [[nodiscard]] int bus_port() const noexcept { return bus_port_; }
  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] RedisServer& server() noexcept { return server_; }
  /// A new connection, also after a restart.
  [[nodiscard]] RedisClient client() const { return RedisClient(server_.options()); }
  [[nodiscard]] const std::string& id() const noexcept { return id_; }
  [[nodiscard]] bool is_primary() const;
  [[nodiscard]] bool knows(const std::string& text) const;  ///< in CLUSTER INFO

 private:
  const int port_;
  const int bus_port_;
  RedisServer server_;
  std::string id_;
};

/// A Redis Cluster of the test's own: primaries that share the slots evenly, and replicas of the
/// first ones, one each. A primary that is gone is replaced after about two seconds.
class RedisCluster {
 public:
  /// Waits until all nodes agree. `config`: more lines of redis.conf.
  explicit RedisCluster(std::size_t primaries, std::size_t replicas = 0,
                        const std::vector<std::string>& config = {});

  [[nodiscard]] ClusterNode& primary(std::size_t i) { return *nodes_.at(i); }
  [[nodiscard]] ClusterNode& replica_of(std::size_t primary) {
    return *nodes_.at(primaries_ + primary);
  }
  /// A name with a hash tag that this primary has, such as "{3}".
  [[nodiscard]] std::string name_on(std::size_t primary) const;
  /// redis+cluster:// with these nodes; all if none is given.
  [[nodiscard]] std::string url(const std::vector<std::size_t>& nodes = {}) const;

  /// Moves the slot of a key to another primary, with all its keys, as redis-cli --cluster does.
  /// Between the two halves a caller may look at what a queue on its way does.
  void begin_to_move(const std::string& key, std::size_t from, std::size_t to);
  void end_of_move(const std::string& key, std::size_t from, std::size_t to);

 private:
  [[nodiscard]] bool agrees() const;

  const std::size_t primaries_;
  std::vector<std::unique_ptr<ClusterNode>> nodes_;
};

}  // namespace wq::test
