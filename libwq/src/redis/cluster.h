#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include <wq/clock.h>
#include <wq/redis_options.h>

#include "base/url.h"
#include "redis/connection.h"

namespace wq::internal {

/// Which node of a Redis Cluster to connect to. A queue is on one node. Any other node names that
/// one (MOVED), so no map of slots is needed: one connection belongs to one queue, or to queues of
/// one hash tag. Not thread-safe.
///
/// https://redis.io/docs/reference/cluster-spec/, "MOVED Redirection".
class ClusterRoute {
 public:
  /// `seeds`: nodes of the cluster; empty: it is not known that there is one, and the server of the
  /// URL is the first to ask.
  explicit ClusterRoute(std::vector<HostAndPort> seeds);

  /// Where to connect now; nothing: where the URL says.
  [[nodiscard]] std::optional<HostAndPort> next() const;
  /// The node that has the keys, as another node said.
  void moved(HostAndPort node) noexcept;
  /// What `next` has named does not answer, or cannot say where the keys are: another may.
  void failed() noexcept;
  /// Asks a node for the others, from time to time. A server that refuses to tell is no error.
  void learn(Connection& node);

 private:
  std::vector<HostAndPort> nodes_;
  bool url_is_first_;  // a place before `nodes_`
  std::size_t turn_ = 0;
  std::optional<HostAndPort> home_;
  std::optional<TimePoint> learned_at_;
};

/// All nodes that have slots, and are no replicas, as `node` knows them; none if it is not of a
/// cluster. Throws `RefusedError` if a node of one refuses to tell.
[[nodiscard]] std::vector<HostAndPort> primaries_of_cluster(Connection& node);

}  // namespace wq::internal
