#pragma once

#include <string>
#include <string_view>

namespace wq::internal {

/// The parts of a Redis URL.
struct RedisUrl {
  bool tls = false;
  std::string host;  ///< empty: a unix socket
  int port = 6379;
  std::string socket_path;  ///< of the unix socket
  std::string user;         ///< empty: the default user
  std::string password;     ///< empty: none given
  int database = 0;
};

/// Reads `redis://`, `rediss://` and `unix://` URLs as `RedisOptions::url` describes them. Throws
/// `std::invalid_argument` with the reason; the message never shows a password.
[[nodiscard]] RedisUrl parse_url(std::string_view text);

}  // namespace wq::internal
