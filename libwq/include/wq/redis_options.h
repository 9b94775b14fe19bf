#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include <wq/export.h>
#include <wq/log.h>

namespace wq {

/// TLS settings of `rediss://`. All files are PEM, and are read again for every
/// connection, so that rotated ones are picked up.
struct TlsOptions {
  /// The CA that signed the server's certificate. Empty: those that the system trusts.
  std::string ca_file{};

  /// The client certificate, followed by its chain, and its key without a passphrase, for a server
  /// that asks for one. Both or neither.
  std::string cert_file{};
  std::string key_file{};

  /// The name that the server's certificate must have, also sent to it (SNI). Empty: the host of
  /// the URL, which may be an address too.
  std::string server_name{};

  /// Accepts any certificate: the connection is encrypted, but a man in the middle can read and
  /// change everything, including the password. For a self-signed certificate on a trusted network.
  /// Refused together with `ca_file`.
  bool insecure = false;

  bool operator==(const TlsOptions&) const = default;
};

/// The address of Redis, the login, and the timeouts.
struct WQ_API RedisOptions {
  /// The settings of the environment, as in the wq programs: the URL is $WQ_REDIS, else
  /// $REDIS_URL, else the Kubernetes Service named redis ($REDIS_SERVICE_HOST,
  /// $REDIS_SERVICE_PORT), else the one below; the password is $REDISCLI_AUTH. A variable that is
  /// empty counts as not set. Throws `std::invalid_argument` for an invalid port.
  [[nodiscard]] static RedisOptions from_environment();

  /// `redis://[user[:password]@]host[:port][/db]`, `rediss://` with the same for TLS, or
  /// `unix://[user[:password]@]/path[?db=N]`, user and password percent-encoded.
  ///
  /// `redis+sentinel://[user[:password]@]host[:port],.../name[/db]`, or `rediss+sentinel://`: the
  /// primary that these sentinels know by the name. They are asked on each new connection, and
  /// every 2 s by a thread; the server must say that it is the primary. Sentinels get the login of
  /// the primary, or none if they want none. With TLS the sentinels use it too.
  ///
  /// `redis+cluster://[user[:password]@]host[:port],...`, or `rediss+cluster://`: the Redis Cluster
  /// of these nodes. One that answers is enough: it names the others, and the one that has the
  /// queue. A URL of the first kind may be that of a node of a cluster, too. A queue follows its
  /// slot from node to node. The name of each queue needs a hash tag, as in `{jobs}`.
  std::string url = "redis://localhost:6379/0";

  /// The password, when the URL has none. An empty string means: log in without one.
  std::string password{};

  /// A file that holds the password (one line; its line end is not part of it), used when neither
  /// the URL nor `password` gives one. It is read again for every connection, so that a rotated
  /// secret is picked up.
  std::string password_file{};

  /// Only for a URL with `rediss://`; with another they are refused as a mistake.
  TlsOptions tls{};

  /// The name of the connections in CLIENT LIST. Spaces and control characters become dashes,
  /// since Redis refuses them.
  std::string client_name = "wq";

  /// Longest wait for a connection to be made.
  std::chrono::milliseconds connect_timeout{5'000};

  /// Longest wait for one answer, beyond the time for which a command waits in Redis by itself. A
  /// connection that exceeds it is thrown away, never used again.
  std::chrono::milliseconds command_timeout{10'000};

  /// How long an operation waits for a Redis that is unreachable, loading or otherwise not ready
  /// before it throws. Counted from the beginning of the first attempt in a row that failed, and it
  /// bounds the other two timeouts: a server that takes the connection and says nothing is given up
  /// after this time as well. Each attempt has 1 s at least, and 2 s for an answer once it is
  /// logged in.
  std::chrono::milliseconds patience{std::chrono::minutes{15}};

  /// Called when Redis becomes unreachable, once and then every minute, when it is back,
  /// and when a restart of it may cost items. Empty: with a `Worker` its log, else standard error.
  Log log{};

  /// Called by a thread that starts to wait for a connection, or for a Redis that is not ready,
  /// with the server, such as "localhost:6379"; and with an empty text when the wait is over. Not
  /// called when the operation gives up. For a status display. May be empty.
  std::function<void(std::string_view server)> waiting{};
};

}  // namespace wq
