// Redis URLs: what is read can be written and read again, and no message shows a password.

#include "base/url.h"

#include <fmt/format.h>

#include "cli/redis_flags.h"
#include "fuzz/fuzz.h"

namespace wq::fuzz {
namespace {

using internal::parse_url;
using internal::RedisUrl;

std::string percent_encoded(std::string_view text) {
  std::string encoded;
  for (const char c : text) encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  return encoded;
}

std::string written(const RedisUrl& url) {
  std::string login = percent_encoded(url.user);
  if (!url.password.empty()) login += ":" + percent_encoded(url.password);
  if (!login.empty()) login += "@";
  if (url.host.empty()) {
    return fmt::format("unix://{}/{}?db={}", login, percent_encoded(url.socket_path.substr(1)),
                       url.database);
  }
  const bool ipv6 = url.host.find(':') != std::string::npos;
  return fmt::format("redis{}://{}{}:{}/{}", url.tls ? "s" : "", login,
                     ipv6 && url.host.find_first_of("/?@]") == std::string::npos
                         ? "[" + url.host + "]"
                         : percent_encoded(url.host),
                     url.port, url.database);
}

bool equal(const RedisUrl& a, const RedisUrl& b) {
  return a.tls == b.tls && a.host == b.host && a.port == b.port && a.socket_path == b.socket_path &&
         a.user == b.user && a.password == b.password && a.database == b.database;
}

void check_valid(const RedisUrl& url) {
  require(url.host.empty() != url.socket_path.empty(), "a URL names a host or a socket");
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
    default:
      wq::fuzz::any_text(bytes.rest());
  }
  return 0;
}
