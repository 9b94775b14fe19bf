#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <wq/clock.h>

#include "redis/command_buffer.h"
#include "redis/endpoint.h"
#include "redis/reply.h"
#include "redis/sentinel_watch.h"
#include "redis/tls.h"

struct redisContext;

namespace wq::internal {

/// One connection to Redis, logged in, encrypted if the URL says so. After anything went wrong on
/// it (a `ConnectionError` was thrown) it is broken for good: what still arrives on it could belong
/// to another request. The socket is closed on exec and never raises SIGPIPE. Not thread-safe.
class Connection {
 public:
  /// Connects, logs in, selects the database, names the connection, all of it within `longest` (but
  /// for looking up the host's address, which the system bounds). A server that only refuses writes
  /// is connected to: it can be read. Throws `ConnectionError`, `RefusedError` when a certificate,
  /// the login or the database is refused, `ReplyError` when the server is not ready.
  explicit Connection(const RedisOptions& options,
                      std::chrono::milliseconds longest = std::chrono::hours{1});

  /// The same with this node of a cluster, if there is one, instead of the server of the URL.
  Connection(const RedisOptions& options, const std::optional<HostAndPort>& node,
             std::chrono::milliseconds longest);

  /// The same as another user than that of the options.
  static Connection as_user(const RedisOptions& options, const std::string& user,
                            const std::string& password, std::chrono::milliseconds longest);

  /// Sends commands without waiting for their replies.
  void send(const CommandBuffer& commands);

  /// The next reply, in the order of the commands; an error of Redis is a reply as well. Throws
  /// `ConnectionError` when it does not come within the command timeout.
  [[nodiscard]] Reply receive();

  /// Sends and waits for the reply to the last of `commands`, discarding those before it. Throws
  /// `ReplyError` if any of them is an error.
  Reply call(const CommandBuffer& commands);
  /// The same for one command.
  Reply call(std::initializer_list<std::string_view> command);

  /// Sends these commands and waits for the reply to each; an error of Redis is one as well.
  template <std::size_t N>
  [[nodiscard]] std::array<Reply, N> ask(
      const std::initializer_list<std::string_view> (&commands)[N]) {
    CommandBuffer all;
    for (const auto& each : commands) all.command(each);
    send(all);
    return receive_all(std::make_index_sequence<N>());
  }

  /// Waits until an answer, or the end, of one of these connections has begun to arrive; which one,
  /// or nothing after `longest`. Only for connections of which every reply before was received.
  [[nodiscard]] static std::optional<std::size_t> first_to_answer(
      std::span<Connection* const> connections, std::chrono::milliseconds longest);

  /// Where it leads, for messages.
  [[nodiscard]] const std::string& server() const noexcept { return server_; }
  /// Its host; empty on a unix socket.
  [[nodiscard]] const std::string& host() const noexcept { return host_; }

  /// Whether the server is a node of a Redis Cluster, as far as somebody has found out.
  [[nodiscard]] bool is_cluster_node() const noexcept { return is_cluster_node_; }
  void mark_as_cluster_node() noexcept { is_cluster_node_ = true; }
  /// The node that the server of this connection has named last as the one that has the keys.
  [[nodiscard]] std::optional<HostAndPort>& moved_to() noexcept { return moved_to_; }

  /// From now on: how long one read or write may take.
  void set_timeout(std::chrono::milliseconds timeout);

 private:
  template <std::size_t... I>
  std::array<Reply, sizeof...(I)> receive_all(std::index_sequence<I...> /*all*/) {
    return {(static_cast<void>(I), receive())...};
  }
  struct Close {
    void operator()(redisContext* context) noexcept;
    std::unique_ptr<WatchedSocket> watched;  ///< ends before the socket is closed
  };

  /// The time left to connect, at most `limit`.
  [[nodiscard]] std::chrono::milliseconds left(std::chrono::milliseconds limit) const;
  Connection(Endpoint endpoint, const RedisOptions& options, std::chrono::milliseconds longest);
  void verify_primary();
  /// Breaks when the sentinels name a later primary than this one.
  void watch_primary(const Endpoint& set, const RedisOptions& options, const NamedPrimary& named);
  [[nodiscard]] Reply noted(Reply reply);
  void configure_socket(const RedisOptions& options);
  void encrypt(const Endpoint& endpoint, const RedisOptions& options);
  void log_in(const Endpoint& endpoint, const RedisOptions& options);
  /// The login was refused with these words.
  [[noreturn]] void refuse(const std::string& said);
  /// The reply to INFO server; empty if refused.
  [[nodiscard]] std::string server_info();
  void send_plain(std::string_view rest);
  void check_last_words();
  void read_plain();
  /// Runs what may throw, and marks the connection as broken if it does.
  template <typename Action>
  auto breaking(Action action);
  [[noreturn]] void fail(std::string_view what);

  std::string server_;
  std::string host_;
  bool is_cluster_node_ = false;
  std::optional<HostAndPort> moved_to_;
  TimePoint deadline_;  ///< for making it
  std::unique_ptr<redisContext, Close> context_;
  bool logged_in_ = false;
  std::optional<TlsSession> tls_;  ///< goes before the socket does
};

}  // namespace wq::internal
