#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <wq/redis_options.h>

#include "support/redis_server.h"
#include "support/temporary_folder.h"

namespace wq::test {

/// A primary and replicas of it, each a redis-server of the test's own. Clients reach the primary
/// by an address that leads to the promoted replica after a failover.
class ReplicatedRedis {
 public:
  /// Waits until all replicas are connected. `config`: more lines of redis.conf for all servers.
  explicit ReplicatedRedis(std::size_t replicas = 1, const std::vector<std::string>& config = {});

  [[nodiscard]] RedisServer& primary() noexcept { return *servers_[primary_]; }
  /// In their order, without the primary.
  [[nodiscard]] RedisServer& replica(std::size_t i = 0);

  /// Of whichever server is the primary.
  [[nodiscard]] RedisOptions options() const;
  [[nodiscard]] std::string url() const { return "unix://" + address(); }

  /// Stops a replica. What the primary has sent by then arrives when it goes on, nothing else.
  void cut_off(RedisServer& replica);
  /// Kills the primary, makes this replica go on, and promotes it. The others follow it, once they
  /// go on; they are waited for if `others_follow`.
  void fail_over_to(RedisServer& replica, bool others_follow = false);
  /// Waits until every replica has what was written so far.
  void wait_until_all_have_all();
  /// The primary has so many replicas.
  void wait_for_replicas(std::size_t n);

 private:
  [[nodiscard]] std::string address() const { return (folder_.path() / "primary").string(); }
  void lead_to_primary();

  TemporaryFolder folder_;
  std::vector<int> ports_;
  std::vector<std::unique_ptr<RedisServer>> servers_;
  std::vector<bool> gone_;
  std::size_t primary_ = 0;
};

}  // namespace wq::test
