#include "redis/endpoint.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/url.h"
#include "redis/tls.h"

namespace wq::internal {
namespace {

std::string read_password(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text;
  if (!std::getline(file, text) && !file.eof()) {
    throw std::invalid_argument(
        fmt::format("the password file {} cannot be read: {}", path, std::strerror(errno)));
  }
  if (text.ends_with('\r')) text.pop_back();
  return text;
}

}  // namespace

std::string Endpoint::name() const {
  const std::string where = host.empty() ? socket_path : fmt::format("{}:{}", host, port);
  return database == 0 ? where : fmt::format("{} database {}", where, database);
}

std::string Endpoint::url_without_login() const {
  if (host.empty()) return fmt::format("unix://{}?db={}", socket_path, database);
  const bool ipv6 = host.find(':') != std::string::npos;
  return fmt::format("{}://{}:{}/{}", tls ? "rediss" : "redis", ipv6 ? "[" + host + "]" : host,
                     port, database);
}

Endpoint resolve_endpoint(const RedisOptions& options) {
  RedisUrl url = parse_url(options.url);
  if (url.tls) {
    check_tls_files(options.tls);
  } else if (options.tls != TlsOptions{}) {
    throw std::invalid_argument("options of TLS are given, but only rediss:// uses TLS");
  }
  std::string password = std::move(url.password);
  if (password.empty()) password = options.password;
  if (password.empty() && !options.password_file.empty()) {
    password = read_password(options.password_file);
  }
  return {url.tls,
          std::move(url.host),
          url.port,
          std::move(url.socket_path),
          std::move(url.user),
          std::move(password),
          url.database};
}

}  // namespace wq::internal
