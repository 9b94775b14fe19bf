#include "support/tls_redis.h"

#include <stdexcept>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/redis_client.h"

namespace wq::test {
namespace {

/// One that is free at this moment; somebody else may be quicker to take it.
int free_port() {
  const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  const bool good = ::bind(probe, any, size) == 0 && ::getsockname(probe, any, &size) == 0;
  ::close(probe);
  if (!good) throw std::runtime_error("no port is free");
  return ntohs(address.sin_port);
}

}  // namespace

std::vector<std::string> TlsCertificates::config(bool asks_for_a_certificate) const {
  return {"bind 127.0.0.1", "tls-cert-file " + server.cert, "tls-key-file " + server.key,
          "tls-ca-cert-file " + ca.file(),
          std::string("tls-auth-clients ") + (asks_for_a_certificate ? "yes" : "no")};
}

int open_port(const RedisServer& server, const std::string& setting) {
  RedisClient redis(server.options());
  for (int tries = 0; tries < 20; ++tries) {
    const int port = free_port();
    if (!redis.raw({"CONFIG", "SET", setting, std::to_string(port)}).value().is_error())
      return port;
  }
  throw std::runtime_error("redis-server takes no port");
}

}  // namespace wq::test
