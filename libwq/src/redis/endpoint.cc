#include "redis/endpoint.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
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

std::string percent_encoded(std::string_view text) {
  std::string encoded;
  for (const char c : text) encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  return encoded;
}

std::string host_text(const HostAndPort& address) {
  const bool ipv6 = address.host.find(':') != std::string::npos;
  return fmt::format("{}:{}", ipv6 ? "[" + address.host + "]" : address.host, address.port);
}

std::string hosts(const std::vector<HostAndPort>& list) {
  std::string all;
  for (const HostAndPort& each : list) all += (all.empty() ? "" : ",") + host_text(each);
  return all;
}

}  // namespace

std::string Endpoint::name() const {
  std::string where = host.empty() ? socket_path : fmt::format("{}:{}", host, port);
  if (!sentinels.empty()) where = fmt::format("{} of the sentinels {}", primary, hosts(sentinels));
  if (!seeds.empty()) where = fmt::format("the cluster of {}", hosts(seeds));
  return database == 0 ? where : fmt::format("{} database {}", where, database);
}

std::string Endpoint::url_without_login() const {
  if (!sentinels.empty()) {
    return fmt::format("{}+sentinel://{}/{}/{}", tls ? "rediss" : "redis", hosts(sentinels),
                       primary, database);
  }
  if (!seeds.empty()) {
    return fmt::format("{}+cluster://{}", tls ? "rediss" : "redis", hosts(seeds));
  }
  if (host.empty()) return fmt::format("unix://{}?db={}", socket_path, database);
  return fmt::format("{}://{}/{}", tls ? "rediss" : "redis", host_text(HostAndPort{host, port}),
                     database);
}

Endpoint Endpoint::at(const HostAndPort& node) const {
  Endpoint there = *this;
  there.seeds.clear();
  there.socket_path.clear();
  there.host = node.host;
  there.port = node.port;
  return there;
}

RedisOptions on_node(RedisOptions options, const HostAndPort& node) {
  const RedisUrl url = parse_url(options.url);
  std::string login = percent_encoded(url.user);
  if (!url.password.empty()) login += ":" + percent_encoded(url.password);
  if (!login.empty()) login += "@";
  options.url = fmt::format("{}://{}{}", url.tls ? "rediss" : "redis", login, host_text(node));
  return options;
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
  return {.tls = url.tls,
          .sentinels = std::move(url.sentinels),
          .primary = std::move(url.primary),
          .seeds = std::move(url.seeds),
          .host = std::move(url.host),
          .port = url.port,
          .socket_path = std::move(url.socket_path),
          .user = std::move(url.user),
          .password = std::move(password),
          .database = url.database};
}

}  // namespace wq::internal
