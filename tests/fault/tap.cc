#include "fault/tap.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <deque>
#include <string_view>
#include <system_error>
#include <utility>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fault/wire.h"

namespace wq::fault {
namespace {

using internal::UniqueFd;

UniqueFd new_socket() {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) throw std::system_error(errno, std::generic_category(), "socket");
  return fd;
}

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  return address;
}

bool connect_to(const std::string& path, const UniqueFd& fd) {
  const sockaddr_un address = address_of(path);
  return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

bool send_all(const UniqueFd& fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

// False at the end of the stream.
bool receive(const UniqueFd& fd, FrameSplitter& into) {
  std::array<char, std::size_t{1} << 16U> bytes{};
  const ssize_t n = ::recv(fd.get(), bytes.data(), bytes.size(), 0);
  if (n <= 0) return false;
  into.feed({bytes.data(), static_cast<std::size_t>(n)});
  return true;
}

}  // namespace

class Tap::Connection {
 public:
  Connection(Tap& tap, UniqueFd client, UniqueFd server)
      : tap_(tap), client_(std::move(client)), server_(std::move(server)) {
    thread_ = std::thread([this] {
      run();
      ended_ = true;
    });
  }

  ~Connection() {
    hang_up();
    thread_.join();
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  [[nodiscard]] bool ended() const noexcept { return ended_; }

 private:
  void run() {
    std::array<pollfd, 2> ready{{{client_.get(), POLLIN, 0}, {server_.get(), POLLIN, 0}}};
    while (::poll(ready.data(), ready.size(), -1) > 0) {
      if (ready[0].revents != 0 && !from_client()) break;
      if (ready[1].revents != 0 && !from_server()) break;
    }
    hang_up();
  }

  // False when the connection is over.
  bool from_client() {
    if (!receive(client_, commands_)) return false;
    for (std::string frame = commands_.next(); !frame.empty(); frame = commands_.next()) {
      std::string name = name_of_command(frame);
      if (!passes(name, Point::request)) return false;
      if (is_given_up()) ++tap_.late_;
      if (!send_all(server_, frame)) return false;
      unanswered_.push_back(std::move(name));
    }
    return true;
  }

  bool from_server() {
    if (!receive(server_, replies_)) return false;
    for (std::string frame = replies_.next(); !frame.empty(); frame = replies_.next()) {
      const std::string name = std::move(unanswered_.front());
      unanswered_.pop_front();
      reply_ = frame;
      if (!passes(name, Point::executed)) return false;
      if (!send_all(client_, frame)) return false;
      if (!passes(name, Point::answered)) return false;
    }
    return true;
  }

  bool passes(const std::string& name, Point point) {
    switch (tap_.judge_({tap_.client_, name, point})) {
      case Verdict::pass:
        return true;
      case Verdict::cut:
        return false;
      case Verdict::half:
        send_all(client_, std::string_view(reply_).substr(0, reply_.size() / 2));
        return false;
      case Verdict::silence:
        while (receive(client_, swallowed_)) swallowed_ = {};
        return false;
    }
    return false;
  }

  [[nodiscard]] bool is_given_up() const {
    pollfd client{client_.get(), POLLRDHUP, 0};
    return ::poll(&client, 1, 0) > 0;
  }

  void hang_up() const {
    ::shutdown(client_.get(), SHUT_RDWR);
    ::shutdown(server_.get(), SHUT_RDWR);
  }

  Tap& tap_;
  const UniqueFd client_;
  const UniqueFd server_;
  FrameSplitter commands_;
  FrameSplitter replies_;
  FrameSplitter swallowed_;
  std::deque<std::string> unanswered_;
  std::string reply_;
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

Tap::Tap(std::string server_path, std::size_t client, Judge judge)
    : server_path_(std::move(server_path)),
      client_(client),
      judge_(std::move(judge)),
      listener_(new_socket()) {
  const sockaddr_un address = address_of(folder_.path() / "t");
  if (::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener_.get(), SOMAXCONN) != 0) {
    throw std::system_error(errno, std::generic_category(), "cannot listen");
  }
  thread_ = std::thread([this] { accept_clients(); });
}

Tap::~Tap() {
  ::shutdown(listener_.get(), SHUT_RDWR);
  thread_.join();
  connections_.clear();
}

std::string Tap::url() const { return "unix://" + (folder_.path() / "t").string(); }

void Tap::accept_clients() {
  while (true) {
    UniqueFd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!client) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      return;
    }
    connections_.remove_if([](const Connection& connection) { return connection.ended(); });
    UniqueFd server = new_socket();
    // A server that is not there: the client sees its connection end.
    if (connect_to(server_path_, server)) {
      connections_.emplace_back(*this, std::move(client), std::move(server));
    }
  }
}

}  // namespace wq::fault
