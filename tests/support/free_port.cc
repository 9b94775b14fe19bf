#include "support/free_port.h"

#include <cstddef>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/unique_fd.h"

namespace wq::test {
namespace {

using internal::UniqueFd;

// Below those that Linux gives to clients (ip_local_port_range), where a connection of another test
// could take it.
constexpr int kFirst = 20'000;
constexpr int kPorts = 12'000;

// Names of sockets in the abstract namespace go with the process that has them.
UniqueFd claim(int port) {
  const std::string name = "wq-test-port-" + std::to_string(port);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  name.copy(&address.sun_path[1], name.size());
  UniqueFd claimed(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): what it takes
  if (::bind(claimed.get(), reinterpret_cast<sockaddr*>(&address), size) != 0) return UniqueFd();
  return claimed;
}

bool is_free(int port) {
  const UniqueFd probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<in_port_t>(port));
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): what it takes
  return ::bind(probe.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
}

}  // namespace

int free_port() {
  static std::vector<UniqueFd> claims;
  for (int i = 0; i < kPorts; ++i) {
    const int port = kFirst + (::getpid() + i) % kPorts;
    UniqueFd claimed = claim(port);
    if (!claimed || !is_free(port)) continue;
    claims.push_back(std::move(claimed));
    return port;
  }
  throw std::runtime_error("no port is free");
}

}  // namespace wq::test
