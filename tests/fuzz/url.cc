// Redis URLs: what is read can be written and read again, and no message shows a password.

#include "base/url.h"

#include <vector>

#include <fmt/format.h>

#include "cli/redis_flags.h"
#include "fuzz/fuzz.h"

namespace wq::fuzz {
namespace {

using internal::HostAndPort;
using internal::parse_url;
using internal::RedisUrl;

std::string percent_encoded(std::string_view text) {
  std::string encoded;
  for (const char c : text) encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  return encoded;
}

// An IPv6 address keeps its colons, if the brackets around it cannot be misread.
std::string host_text(const std::string& host, int port) {
  const bool ipv6 = host.find(':') != std::string::npos;
  return fmt::format("{}:{}",
                     ipv6 && host.find_first_of("/?@],") == std::string::npos
                         ? "[" + host + "]"
                         : percent_encoded(host),
                     port);
}

std::string hosts_text(const std::vector<HostAndPort>& hosts) {
  std::string text;
  for (const auto& each : hosts)
    text += (text.empty() ? "" : ",") + host_text(each.host, each.port);
  return text;
}

std::string written(const RedisUrl& url) {
  std::string login = percent_encoded(url.user);
  if (!url.password.empty()) login += ":" + percent_encoded(url.password);
  if (!login.empty()) login += "@";
  if (!url.sentinels.empty()) {
    return fmt::format("redis{}+sentinel://{}{}/{}/{}", url.tls ? "s" : "", login,
                       hosts_text(url.sentinels), percent_encoded(url.primary), url.database);
  }
  if (!url.seeds.empty()) {
    return fmt::format("redis{}+cluster://{}{}", url.tls ? "s" : "", login, hosts_text(url.seeds));
  }
  if (url.host.empty()) {
    return fmt::format("unix://{}/{}?db={}", login, percent_encoded(url.socket_path.substr(1)),
                       url.database);
  }
  return fmt::format("redis{}://{}{}/{}", url.tls ? "s" : "", login, host_text(url.host, url.port),
                     url.database);
}

bool equal(const RedisUrl& a, const RedisUrl& b) {
  return a.tls == b.tls && a.host == b.host && a.port == b.port && a.socket_path == b.socket_path &&
         a.user == b.user && a.password == b.password && a.database == b.database &&
         a.primary == b.primary && a.sentinels == b.sentinels && a.seeds == b.seeds;
}

void check_valid(const RedisUrl& url) {
  require((url.host.empty() ? 0 : 1) + (url.socket_path.empty() ? 0 : 1) +
                  (url.sentinels.empty() ? 0 : 1) + (url.seeds.empty() ? 0 : 1) ==
              1,
          "a URL names a host, a socket, sentinels or a cluster");
  require(url.sentinels.empty() == url.primary.empty(), "sentinels are asked for a name");
  for (const auto& list : {url.sentinels, url.seeds}) {
    for (const auto& each : list) {
      require(!each.host.empty() && each.port >= 1 && each.port <= 65'535, "each has a port");
    }
  }
  require(url.socket_path.empty() || url.socket_path.front() == '/', "a socket's path is absolute");
  require(url.port >= 1 && url.port <= 65'535, "a port is one");
  require(url.database >= 0 && url.database <= 1'000'000, "a database is one");
  require(equal(parse_url(written(url)), url), "what was read can be written and read again");
}

void any_text(std::string_view text) {
  refusal([&] { check_valid(parse_url(text)); });
}

/// A password that somebody did not encode, in front of anything.
void secret(std::string_view scheme, std::string_view odd, std::string_view rest) {
  constexpr std::string_view kSecret = "hunter2";
  if (rest.find(kSecret) != std::string_view::npos) return;  // a host may have that name
  const std::string url = fmt::format("{}://u:{}{}{}@{}", scheme, kSecret, odd, kSecret, rest);
  const auto message = refusal([&] { static_cast<void>(parse_url(url)); });
  require(!message || message->find(kSecret) == std::string::npos, "no message shows a password");
  // A path of a unix socket may look like a login, and is no secret.
  if (!odd.starts_with('/')) {
    require(cli::without_password(url).find(kSecret) == std::string::npos,
            "what may be logged shows no password");
  }
}

}  // namespace
}  // namespace wq::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  wq::fuzz::Bytes bytes(data, size);
  switch (bytes.byte()) {
    case 'r':
      wq::fuzz::secret("redis", bytes.word(), bytes.rest());
      break;
    case 'u':
      wq::fuzz::secret("unix", bytes.word(), bytes.rest());
      break;
    case 'c':
      wq::fuzz::secret("redis+cluster", bytes.word(), bytes.rest());
      break;
    case 's':
      wq::fuzz::secret("redis+sentinel", bytes.word(), bytes.rest());
      break;
    default:
      wq::fuzz::any_text(bytes.rest());
  }
  return 0;
}
