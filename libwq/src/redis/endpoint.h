#pragma once

#include <string>
#include <vector>

#include <wq/redis_options.h>

#include "base/url.h"

namespace wq::internal {

/// Where to connect and as whom.
struct Endpoint {
  bool tls = false;
  std::vector<HostAndPort> sentinels;  ///< to be asked for the host; see `ask_sentinels`
  std::string primary;                 ///< the name of the primary of sentinels
  std::vector<HostAndPort> seeds;      ///< nodes of a cluster; see `ClusterRoute`
  std::string host;                    ///< empty: the unix socket at `socket_path`
  int port = 0;
  std::string socket_path;
  std::string user;
  std::string password;  ///< empty, and no user: no login
  int database = 0;

  /// For messages; holds no password.
  [[nodiscard]] std::string name() const;
  /// The URL of the same server without the login.
  [[nodiscard]] std::string url_without_login() const;
  /// The same login on this node of a cluster.
  [[nodiscard]] Endpoint at(const HostAndPort& node) const;
};

/// Says where the server is that should be talked to, or who knows that. Reads the password file,
/// so that a rotated secret is picked up.
///
/// Throws `std::invalid_argument` for a URL that cannot be read and for a file that cannot be read
/// or does not hold what it should.
[[nodiscard]] Endpoint resolve_endpoint(const RedisOptions& options);

/// The same login on this node of a cluster, as options.
[[nodiscard]] RedisOptions on_node(RedisOptions options, const HostAndPort& node);

}  // namespace wq::internal
