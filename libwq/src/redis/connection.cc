#include "redis/connection.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <wq/error.h>

#include "base/info.h"
#include "redis/sentinel.h"

namespace wq::internal {
namespace {

// A peer that vanished without a word is noticed after about a minute without traffic.
constexpr int kKeepaliveIdleSeconds = 30;
constexpr int kKeepaliveIntervalSeconds = 10;
constexpr int kKeepaliveProbes = 3;
// The reader gives its buffer back when it is empty and larger than this; hiredis' default of
// 16 KiB would allocate anew for every batch.
constexpr std::size_t kReaderKeepsBytes = std::size_t{1} << 20U;
// A shorter time is useless, and zero means for ever to the socket.
constexpr std::chrono::milliseconds kShortest{10};
// The most that one record of TLS holds, RFC 8446 section 5.1.
constexpr std::size_t kTlsRecordBytes = std::size_t{1} << 14U;

timeval to_timeval(std::chrono::milliseconds time) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);
  timeval result{};
  result.tv_sec = seconds.count();
  result.tv_usec = std::chrono::duration_cast<std::chrono::microseconds>(time - seconds).count();
  return result;
}

void set_option(int socket, int level, int name, int value) {
  // Best effort: correctness does not depend on these options.
  static_cast<void>(setsockopt(socket, level, name, &value, sizeof value));
}

// CLIENT SETNAME refuses spaces and control characters.
std::string accepted_name(std::string name) {
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return c <= ' ' || c > '~'; }, '-');
  return name;
}

// The options were valid before, so an error now (a password file that is being replaced) may be
// temporary.
Endpoint endpoint_now(const RedisOptions& options) {
  try {
    return resolve_endpoint(options);
  } catch (const std::invalid_argument& error) {
    throw ConnectionError(error.what());
  }
}

redisContext* connect(const Endpoint& endpoint, const timeval& timeout) {
  return endpoint.host.empty()
             ? redisConnectUnixWithTimeout(endpoint.socket_path.c_str(), timeout)
             : redisConnectWithTimeout(endpoint.host.c_str(), endpoint.port, timeout);
}

// Errors for writes only (MISCONF refuses PING too): Redis can still be read.
bool refuses_writes_only(const ReplyError& error) {
  constexpr std::array<std::string_view, 4> kCodes = {"MISCONF", "NOREPLICAS", "OOM", "READONLY"};
  return std::find(kCodes.begin(), kCodes.end(), error.code()) != kCodes.end();
}

// A Redis without TLS takes the TLS hello for the beginning of a line and waits for the rest. Only
// a plain PING tells the difference.
bool answers_in_the_clear(const Endpoint& endpoint, const timeval& timeout) {
  const std::unique_ptr<redisContext, decltype(&redisFree)> plain(connect(endpoint, timeout),
                                                                  redisFree);
  if (!plain || plain->err != 0 || redisSetTimeout(plain.get(), timeout) != REDIS_OK) return false;
  // Not through hiredis, whose write would raise SIGPIPE on a closed connection.
  constexpr std::string_view kPing = "PING\r\n";
  char first = 0;
  return ::send(plain->fd, kPing.data(), kPing.size(), MSG_NOSIGNAL) > 0 &&
         ::recv(plain->fd, &first, 1, 0) == 1 && (first == '+' || first == '-');
}

}  // namespace

template <typename Action>
auto Connection::breaking(Action action) {
  try {
    return action();
  } catch (...) {
    if (context_->err == 0) context_->err = REDIS_ERR_OTHER;
    throw;
  }
}

Connection::Connection(const RedisOptions& options, std::chrono::milliseconds longest)
    : Connection(endpoint_now(options), options, longest) {}

Connection::Connection(const RedisOptions& options, const std::optional<HostAndPort>& node,
                       std::chrono::milliseconds longest)
    : Connection(node ? endpoint_now(options).at(*node) : endpoint_now(options), options, longest) {
}

Connection Connection::as_user(const RedisOptions& options, const std::string& user,
                               const std::string& password, std::chrono::milliseconds longest) {
  Endpoint endpoint = endpoint_now(options);
  endpoint.user = user;
  endpoint.password = password;
  return {std::move(endpoint), options, longest};
}

Connection::Connection(Endpoint endpoint, const RedisOptions& options,
                       std::chrono::milliseconds longest)
    : deadline_(BootClock::now() + longest) {
  const Endpoint set = endpoint;
  const bool has_sentinels = !set.sentinels.empty();
  NamedPrimary named;
  if (has_sentinels) {
    named = ask_sentinels(set, options, deadline_);
    endpoint.sentinels.clear();
    endpoint.host = named.address.host;
    endpoint.port = named.address.port;
  }
  if (!endpoint.seeds.empty()) endpoint = endpoint.at(endpoint.seeds.front());
  server_ = endpoint.name();
  host_ = endpoint.host;
  context_.reset(connect(endpoint, to_timeval(left(options.connect_timeout))));
  if (!context_) throw std::bad_alloc();
  if (context_->err != 0) fail(context_->errstr);
  configure_socket(options);
  if (endpoint.tls) encrypt(endpoint, options);
  log_in(endpoint, options);
  if (has_sentinels) {
    verify_primary();
    watch_primary(set, options, named);
  }
  set_timeout(options.command_timeout);
}

// Sentinels name a new primary a moment before it is one, and an old one until they have noticed.
void Connection::verify_primary() {
  const auto [role] = ask({{"ROLE"}});
  if (role.value().is_error()) return;  // no right to ask: it refuses writes if it is none
  if (role.value()[0].text() == "master") return;
  fail("it is a replica, and the sentinels have named no other primary yet");
}

void Connection::watch_primary(const Endpoint& set, const RedisOptions& options,
                               const NamedPrimary& named) {
  try {
    context_.get_deleter().watched = WatchedSocket::begin(set, options, named, context_->fd);
  } catch (const std::system_error& error) {  // no thread at the moment
    fail(error.what());
  }
}

std::chrono::milliseconds Connection::left(std::chrono::milliseconds limit) const {
  const auto rest =
      std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - BootClock::now());
  return std::max(std::min(limit, rest), kShortest);
}

void Connection::configure_socket(const RedisOptions& options) {
  const int socket = context_->fd;
  // hiredis 0.14 has no way to open the socket with SOCK_CLOEXEC.
  fcntl(socket, F_SETFD, FD_CLOEXEC);
  context_->reader->maxbuf = kReaderKeepsBytes;
  if (context_->connection_type != REDIS_CONN_TCP) return;
  set_option(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(socket, IPPROTO_TCP, TCP_KEEPIDLE, kKeepaliveIdleSeconds);
  set_option(socket, IPPROTO_TCP, TCP_KEEPINTVL, kKeepaliveIntervalSeconds);
  set_option(socket, IPPROTO_TCP, TCP_KEEPCNT, kKeepaliveProbes);
  set_option(socket, IPPROTO_TCP, TCP_USER_TIMEOUT,
             static_cast<int>(options.command_timeout.count()));
}

void Connection::encrypt(const Endpoint& endpoint, const RedisOptions& options) {
  // Half of what is left: the other half is for finding out why there was no answer.
  set_timeout(left(options.connect_timeout * 2) / 2);
  try {
    breaking([&] { tls_.emplace(context_->fd, options.tls, endpoint.host, server_); });
  } catch (const ConnectionError&) {
    if (!answers_in_the_clear(endpoint, to_timeval(left(options.connect_timeout)))) throw;
    throw RefusedError(fmt::format(
        "Redis at {} does not speak TLS on this port; use its TLS port, or redis://", server_));
  }
}

void Connection::log_in(const Endpoint& endpoint, const RedisOptions& options) {
  CommandBuffer hello;
  if (!endpoint.user.empty()) {
    hello.command({"AUTH", endpoint.user, endpoint.password});
  } else if (!endpoint.password.empty()) {
    hello.command({"AUTH", endpoint.password});
  }
  if (endpoint.database != 0) hello.command({"SELECT", std::to_string(endpoint.database)});
  hello.command({"PING"});
  set_timeout(left(options.command_timeout));
  send(hello);
  for (std::size_t i = 0; i < hello.size(); ++i) {
    set_timeout(left(options.command_timeout));
    const Reply reply = receive();
    if (!reply.value().is_error()) continue;
    const ReplyError error{std::string(reply.value().text())};
    if (refuses_writes_only(error)) continue;
    if (error.transient()) throw error;
    for (std::size_t rest = i + 1; rest < hello.size(); ++rest) static_cast<void>(receive());
    refuse(error.what());
  }
  logged_in_ = true;
  // Only for people who look at CLIENT LIST, so a user without the right to it may go on.
  set_timeout(left(options.command_timeout));
  static_cast<void>(ask({{"CLIENT", "SETNAME", accepted_name(options.client_name)}}));
}

// A Sentinel and a cluster node have no databases, and a Sentinel has its own users.
void Connection::refuse(const std::string& said) {
  Info info;
  read_info(server_info(), info);
  const std::string mode = server_mode(info);
  if (mode == "sentinel") {
    throw RefusedError(
        fmt::format("{}; the server is a Sentinel, which holds no data: use the URL of its "
                    "master",
                    said));
  }
  if (mode == "cluster") {
    throw RefusedError(fmt::format(
        "{}; the server is a node of a Redis Cluster: check the user and the password, and name no "
        "database, since a cluster has only one",
        said));
  }
  throw RefusedError(
      fmt::format("{}; check the user, the password and the database for {}", said, server_));
}

std::string Connection::server_info() {
  try {
    const auto [reply] = ask({{"INFO", "server"}});
    return reply.value().is_error() ? "" : std::string(reply.value().text());
  } catch (const ConnectionError&) {  // the first refusal counts
    return "";
  }
}

void Connection::send(const CommandBuffer& commands) {
  if (context_->err != 0) fail("the connection is broken");
  if (tls_) return breaking([&] { tls_->write(commands.bytes()); });
  send_plain(commands.bytes());
}

void Connection::send_plain(std::string_view rest) {
  while (!rest.empty()) {
    const ssize_t written = ::send(context_->fd, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (written < 0) {
      if (errno == EINTR) continue;
      if (errno == EPIPE || errno == ECONNRESET) check_last_words();
      fail(errno == EAGAIN ? "timed out while sending" : std::strerror(errno));
    }
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
}

// The reason for the closed connection, if the server sent one, follows the unread replies.
void Connection::check_last_words() {
  // NOLINTNEXTLINE(clang-analyzer-deadcode.DeadStores): read when `receive` has thrown
  const int error = errno;
  try {
    while (true) {
      const Reply reply = receive();
      if (reply.value().is_error() && reply.value().text().starts_with("ERR Protocol error")) {
        reply.checked();
      }
    }
  } catch (const RefusedError&) {
    throw;
  } catch (const Error&) {  // it did not
  }
  errno = error;
}

Reply Connection::receive() {
  void* reply = nullptr;
  while (true) {
    if (context_->err != 0) fail("the connection is broken");
    if (redisGetReplyFromReader(context_.get(), &reply) != REDIS_OK) fail(context_->errstr);
    if (reply != nullptr) return noted(Reply(static_cast<redisReply*>(reply)));
    if (!tls_) {
      read_plain();
      continue;
    }
    std::array<char, kTlsRecordBytes> buffer;
    const std::size_t got = breaking([&] { return tls_->read(buffer); });
    if (redisReaderFeed(context_->reader, buffer.data(), got) != REDIS_OK) throw std::bad_alloc();
  }
}

// Also of an error that nobody looks at, as within a transaction.
Reply Connection::noted(Reply reply) {
  if (auto node = reply.value().moved_to()) {
    if (node->host.empty()) node->host = host_;
    moved_to_ = std::move(node);
    is_cluster_node_ = true;
  }
  return reply;
}

void Connection::read_plain() {
  if (redisBufferRead(context_.get()) == REDIS_OK) return;
  const bool closed =
      context_->err == REDIS_ERR_EOF || (context_->err == REDIS_ERR_IO && errno == ECONNRESET);
  if (closed && !logged_in_) {
    fail(fmt::format("{} at once: it is stopping or starting, or it accepts only TLS (rediss://)",
                     context_->errstr));
  }
  fail(context_->err == REDIS_ERR_IO && (errno == EAGAIN || errno == EWOULDBLOCK)
           ? "timed out while waiting for an answer"
           : context_->errstr);
}

Reply Connection::call(const CommandBuffer& commands) {
  send(commands);
  for (std::size_t i = 1; i < commands.size(); ++i) receive().checked();
  Reply reply = receive();
  reply.checked();
  return reply;
}

Reply Connection::call(std::initializer_list<std::string_view> command) {
  return call(CommandBuffer{command});
}

std::optional<std::size_t> Connection::first_to_answer(std::span<Connection* const> connections,
                                                       std::chrono::milliseconds longest) {
  std::vector<pollfd> sockets;
  for (const Connection* each : connections) sockets.push_back({each->context_->fd, POLLIN, 0});
  const TimePoint end = BootClock::now() + longest;
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - BootClock::now());
    const int ready = ::poll(sockets.data(), sockets.size(),
                             static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    if (ready == 0 || (ready < 0 && errno != EINTR)) return std::nullopt;
    for (std::size_t i = 0; ready > 0 && i < sockets.size(); ++i) {
      if (sockets[i].revents != 0) return i;
    }
  }
}

void Connection::set_timeout(std::chrono::milliseconds timeout) {
  redisSetTimeout(context_.get(), to_timeval(timeout));
}

void Connection::fail(std::string_view what) {
  const std::string message = fmt::format("Redis at {}: {}", server_, what);
  if (context_->err == 0) context_->err = REDIS_ERR_OTHER;
  throw ConnectionError(message);
}

void Connection::Close::operator()(redisContext* context) noexcept {
  watched.reset();
  redisFree(context);
}

}  // namespace wq::internal
