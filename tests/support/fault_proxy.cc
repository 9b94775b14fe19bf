#include "support/fault_proxy.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>
#include <utility>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace wq::test {
namespace {

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  return address;
}

int new_socket() {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("cannot make a socket");
  return fd;
}

// Of poll(): at least so long, and for ever where there is no end.
int poll_timeout(std::chrono::nanoseconds longest) {
  using std::chrono::milliseconds;
  return longest > std::chrono::hours{1}
             ? -1
             : static_cast<int>(std::chrono::ceil<milliseconds>(longest).count());
}

}  // namespace

class FaultProxy::Socket {
 public:
  explicit Socket(int fd) noexcept : fd_(fd) {}
  ~Socket() { ::close(fd_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  [[nodiscard]] int fd() const noexcept { return fd_; }

  // Empty at the end of the stream.
  [[nodiscard]] std::string read() const {
    std::string bytes(std::size_t{1} << 16U, '\0');
    const ssize_t n = ::read(fd_, bytes.data(), bytes.size());
    bytes.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return bytes;
  }

  // False if the other side is gone.
  [[nodiscard]] bool write(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n < 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }

  // As much as the other side has room for, which is taken off `bytes`. False if it is gone.
  [[nodiscard]] bool write_some(std::string& bytes) const {
    const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
    bytes.erase(0, static_cast<std::size_t>(n));
    return true;
  }

  [[nodiscard]] bool connect(const std::string& path) const {
    const sockaddr_un address = address_of(path);
    return ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }

 private:
  const int fd_;
};

struct FaultProxy::Pair {
  std::unique_ptr<Socket> client;
  std::unique_ptr<Socket> server;
  std::string last;  // the end of what the client has sent, where `what_` may have begun
  // On its way to the client, where it arrives at `due`. A client that is itself busy sending does
  // not read: nothing waits for it, as a server does not.
  std::string to_client;
  TimePoint due;
  bool lose_answer = false;
  bool silent = false;
  bool done = false;
};

FaultProxy::FaultProxy(const RedisServer& server)
    : server_path_(server.socket_path()), login_(server.login()) {
  listener_ = std::make_unique<Socket>(new_socket());
  const sockaddr_un address = address_of(folder_.path() / "p");
  if (::bind(listener_->fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener_->fd(), SOMAXCONN) != 0) {
    fail("cannot listen");
  }
  std::array<int, 2> wake{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, wake.data()) != 0) fail("socketpair");
  wake_read_ = std::make_unique<Socket>(wake[0]);
  wake_write_ = std::make_unique<Socket>(wake[1]);
  thread_ = std::thread([this] { run(); });
}

FaultProxy::~FaultProxy() {
  ::shutdown(wake_write_->fd(), SHUT_RDWR);
  thread_.join();
}

RedisOptions FaultProxy::options() const {
  RedisOptions options;
  options.url = "unix://" + login_ + (folder_.path() / "p").string();
  return options;
}

void FaultProxy::deliver() {
  std::unique_ptr<Socket> server;
  std::string bytes;
  {
    const std::lock_guard lock(mutex_);
    server = std::exchange(delayed_server_, nullptr);
    bytes = std::exchange(delayed_bytes_, {});
  }
  if (!server) throw std::logic_error("nothing was delayed");
  if (!server->write(bytes) || server->read().empty()) {
    throw std::runtime_error("the server did not take what was delayed");
  }
}

void FaultProxy::watch(std::function<void(std::string_view)> look) {
  const std::lock_guard looking(look_mutex_);
  look_ = std::move(look);
}

void FaultProxy::change(std::function<void(std::string& bytes)> change) {
  const std::lock_guard looking(look_mutex_);
  change_ = std::move(change);
}

void FaultProxy::order(Fault fault, std::string_view what) {
  const std::lock_guard lock(mutex_);
  fault_ = fault;
  what_ = what;
}

void FaultProxy::run() {
  while (true) {
    const TimePoint now = std::chrono::steady_clock::now();
    TimePoint next = TimePoint::max();
    std::vector<pollfd> ready{{wake_read_->fd(), POLLIN, 0}, {listener_->fd(), POLLIN, 0}};
    for (const auto& pair : pairs_) {
      const bool under_way = !pair->to_client.empty();
      const bool arrives = under_way && pair->due <= now;
      if (under_way && !arrives) next = std::min(next, pair->due);
      ready.push_back(
          {pair->client->fd(), static_cast<short>(arrives ? POLLIN | POLLOUT : POLLIN), 0});
      // One that is under way to the client is awaited first.
      ready.push_back({under_way ? -1 : pair->server->fd(), POLLIN, 0});
    }
    if (::poll(ready.data(), ready.size(), poll_timeout(next - now)) < 0) continue;
    if (ready[0].revents != 0) return;
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      pass_on(*pairs_[i], ready[2 + 2 * i].revents, ready[3 + 2 * i].revents);
    }
    std::erase_if(pairs_, [](const auto& pair) { return pair->done; });
    if (ready[1].revents != 0) accept_client();
  }
}

void FaultProxy::pass_on(Pair& pair, short client, short server) {
  if ((client & POLLOUT) != 0 && !pair.client->write_some(pair.to_client)) pair.done = true;
  if (!pair.done && (client & ~POLLOUT) != 0) from_client(pair);
  if (!pair.done && server != 0) from_server(pair);
}

void FaultProxy::accept_client() {
  const int fd = ::accept4(listener_->fd(), nullptr, nullptr, SOCK_CLOEXEC);
  if (fd < 0) return;
  auto pair = std::make_unique<Pair>();
  pair->client = std::make_unique<Socket>(fd);
  pair->server = std::make_unique<Socket>(new_socket());
  // A server that is not there: the client sees its connection end.
  if (pair->server->connect(server_path_)) pairs_.push_back(std::move(pair));
}

FaultProxy::Fault FaultProxy::fault_of(Pair& pair, std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  if (fault_ == Fault::none) return Fault::none;
  pair.last += bytes;
  if (pair.last.find(what_) != std::string::npos) {
    ++faults_;
    return std::exchange(fault_, Fault::none);
  }
  pair.last.erase(0, pair.last.size() - std::min(pair.last.size(), what_.size()));
  return Fault::none;
}

void FaultProxy::from_client(Pair& pair) {
  std::string bytes = pair.client->read();
  {
    const std::lock_guard looking(look_mutex_);
    if (look_) look_(bytes);
    if (change_) change_(bytes);
  }
  if (pair.silent) {
    pair.done = bytes.empty();
    return;
  }
  const Fault fault = bytes.empty() ? Fault::none : fault_of(pair, bytes);
  switch (fault) {
    case Fault::request:
      pair.done = true;
      return;
    case Fault::delay: {
      const std::lock_guard lock(mutex_);
      delayed_server_ = std::move(pair.server);
      delayed_bytes_ = std::move(bytes);
      pair.server = std::make_unique<Socket>(new_socket());
      pair.done = true;
      return;
    }
    case Fault::silence:
      pair.silent = true;
      return;
    case Fault::answer:
      pair.lose_answer = true;
      [[fallthrough]];
    case Fault::none:
      if (bytes.empty() || !pair.server->write(bytes)) pair.done = true;
      return;
  }
}

void FaultProxy::from_server(Pair& pair) {
  std::string bytes = pair.server->read();
  if (pair.silent && !bytes.empty()) return;
  if (bytes.empty() || pair.lose_answer) {
    pair.done = true;
    return;
  }
  pair.due = std::chrono::steady_clock::now();
  if (const std::size_t rate = bytes_per_second_; rate > 0) {
    link_free_at_ = std::max(link_free_at_, pair.due) +
                    std::chrono::microseconds{bytes.size() * 1'000'000 / rate};
    pair.due = link_free_at_;
  }
  pair.to_client = std::move(bytes);
}

}  // namespace wq::test
