#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace wq::internal {

struct HostAndPort {
  std::string host;
  int port = 0;

  bool operator==(const HostAndPort&) const = default;
};

/// The parts of a Redis URL.
struct RedisUrl {
  bool tls = false;
  std::vector<HostAndPort> sentinels;  ///< that know the primary; then there is no host
  std::string primary;                 ///< the name by which they know it
  std::vector<HostAndPort> seeds;      ///< nodes of a cluster; then there is no host
  std::string host;                    ///< empty: a unix socket, sentinels or a cluster
  int port = 6379;
  std::string socket_path;  ///< of the unix socket
  std::string user;         ///< empty: the default user
  std::string password;     ///< empty: none given
  int database = 0;
};

/// Reads a URL as `RedisOptions::url` describes them. Throws `std::invalid_argument` with the
/// reason; the message never shows a password.
[[nodiscard]] RedisUrl parse_url(std::string_view text);

}  // namespace wq::internal
