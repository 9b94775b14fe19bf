#pragma once

#include <string>
#include <vector>

#include "support/certificates.h"
#include "support/redis_server.h"

namespace wq::test {

/// What `RedisServer` needs to know before it can open its "tls-port".
[[nodiscard]] std::vector<std::string> tls_config(const CertificateFiles& server,
                                                  const CertificateAuthority& ca,
                                                  bool asks_for_a_certificate);

/// Lets a running server listen on a port of 127.0.0.1 that nobody has, and says which. `setting`:
/// "port" or "tls-port".
[[nodiscard]] int open_port(const RedisServer& server, const std::string& setting);

}  // namespace wq::test
