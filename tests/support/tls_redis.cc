#include "support/tls_redis.h"

#include "support/free_port.h"
#include "support/redis_client.h"

namespace wq::test {

std::vector<std::string> TlsCertificates::config(bool asks_for_a_certificate) const {
  return {"bind 127.0.0.1", "tls-cert-file " + server.cert, "tls-key-file " + server.key,
          "tls-ca-cert-file " + ca.file(),
          std::string("tls-auth-clients ") + (asks_for_a_certificate ? "yes" : "no")};
}

int open_port(const RedisServer& server, const std::string& setting) {
  const int port = free_port();
  RedisClient(server.options()).call({"CONFIG", "SET", setting, std::to_string(port)});
  return port;
}

}  // namespace wq::test
