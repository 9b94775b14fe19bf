#pragma once

#include <chrono>
#include <string>

#include <wq/log.h>

namespace wq {

/// Where Redis is, who we are there, and how long to wait for it.
struct RedisOptions {
  /// `redis://[user[:password]@]host[:port][/db]` or `unix://[user[:password]@]/path[?db=N]`,
  /// user and password percent-encoded. `rediss://` (TLS) is understood and, in a build without
  /// TLS, refused with `std::invalid_argument`.
  std::string url = "redis://localhost:6379/0";

  /// The password, when the URL has none. An empty string means: log in without one.
  std::string password;

  /// A file that holds the password (one line; its line end is not part of it), used when neither
  /// the URL nor `password` gives one. It is read again for every connection, so that a rotated
  /// secret is picked up.
  std::string password_file;

  /// What CLIENT LIST shows for our connections. Spaces and control characters become dashes,
  /// since Redis refuses them.
  std::string client_name = "wq";

  /// Longest wait for a connection to be made.
  std::chrono::milliseconds connect_timeout{5'000};

  /// Longest wait for one answer; at least 2 s, since a blocking pop waits for one. A connection
  /// that exceeds it is thrown away, never used again.
  std::chrono::milliseconds command_timeout{10'000};

  /// How long an operation waits out a Redis that is away, loading or otherwise not ready, before
  /// it throws. Counted from the first failure in a row.
  std::chrono::milliseconds patience{std::chrono::minutes{15}};

  /// Told when Redis goes away and when it is back.
  Log log;
};

}  // namespace wq
