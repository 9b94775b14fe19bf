#pragma once

#include <string>
#include <vector>

#include "support/certificates.h"
#include "support/redis_server.h"

namespace wq::test {

/// Certificates for a server on this machine and for its clients. A fixture has them as a base
/// class in front of the one with the server, which reads them as it starts.
struct TlsCertificates {
  TemporaryFolder folder;
  CertificateAuthority ca{folder, "ca"};
  CertificateAuthority stranger{folder, "stranger"};
  CertificateFiles server = ca.sign("server");
  CertificateFiles client = ca.sign("client");

  /// What `RedisServer` needs to know before it can open its "tls-port".
  [[nodiscard]] std::vector<std::string> config(bool asks_for_a_certificate) const;
};

/// Lets a running server listen on a port of 127.0.0.1 that nobody has, and says which. `setting`:
/// "port" or "tls-port".
[[nodiscard]] int open_port(const RedisServer& server, const std::string& setting);

}  // namespace wq::test
