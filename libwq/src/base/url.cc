#include "base/url.h"

#include <stdexcept>

#include <fmt/format.h>

#include "base/whole_number.h"

namespace wq::internal {
namespace {

[[noreturn]] void refuse(const std::string& why) {
  throw std::invalid_argument(fmt::format(
      "the Redis URL cannot be read: {}; write redis://[user:password@]host[:port][/db] or "
      "unix:///path[?db=N]",
      why));
}

// The rest of an unencoded password after its '/' must not appear in a message.
void refuse_rest_of_login(std::string_view text) {
  if (text.find('@') == std::string_view::npos) return;
  refuse(
      "'@' after '/'; write '/' in the user or the password as %2F, and '?' as "
      "%3F");
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0) refuse("a '%' is not followed by two hexadecimal digits");
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

int parse_number(std::string_view text, int lowest, int highest, const char* what) {
  const auto number = whole_number<int>(text);
  if (!number || *number < lowest || *number > highest) {
    refuse(fmt::format("'{}' is not a {} ({} to {})", text, what, lowest, highest));
  }
  return *number;
}

int parse_database(std::string_view text) {
  return text.empty() ? 0 : parse_number(text, 0, 1'000'000, "database number");
}

void take_login(std::string_view& rest, RedisUrl& url) {
  // The last '@' in front of the path: a password that was not encoded may hold another.
  const std::size_t at = rest.substr(0, rest.find('/')).rfind('@');
  if (at == std::string_view::npos) return;
  const std::string_view login = rest.substr(0, at);
  rest.remove_prefix(at + 1);
  const std::size_t colon = login.find(':');
  url.user = percent_decoded(login.substr(0, colon));
  if (colon != std::string_view::npos) url.password = percent_decoded(login.substr(colon + 1));
}

void take_query(std::string_view& rest, RedisUrl& url) {
  const std::size_t mark = rest.find('?');
  if (mark == std::string_view::npos) return;
  const std::string_view query = rest.substr(mark + 1);
  rest = rest.substr(0, mark);
  refuse_rest_of_login(query);
  if (!query.starts_with("db=")) refuse("the only thing that may follow '?' is db=N");
  url.database = parse_database(query.substr(3));
}

void take_host(std::string_view rest, RedisUrl& url) {
  refuse_rest_of_login(rest);
  const std::size_t slash = rest.find('/');
  if (slash != std::string_view::npos) {
    const std::string_view path = rest.substr(slash + 1);
    if (!path.empty()) url.database = parse_database(path);
    rest = rest.substr(0, slash);
  }
  std::string_view port;
  if (rest.starts_with('[')) {
    const std::size_t close = rest.find(']');
    if (close == std::string_view::npos) refuse("the '[' of an IPv6 address is not closed");
    url.host = rest.substr(1, close - 1);
    rest.remove_prefix(close + 1);
    if (!rest.empty() && !rest.starts_with(':')) refuse("only ':port' may follow ']'");
    port = rest.empty() ? rest : rest.substr(1);
  } else {
    const std::size_t colon = rest.find(':');
    url.host = percent_decoded(rest.substr(0, colon));
    if (colon != std::string_view::npos) {
      port = rest.substr(colon + 1);
      if (port.empty()) refuse("there is no port after ':'");
    }
  }
  if (url.host.empty()) url.host = "localhost";
  if (!port.empty()) url.port = parse_number(port, 1, 65'535, "port");
}

}  // namespace

RedisUrl parse_url(std::string_view text) {
  RedisUrl url;
  std::string_view rest = text;
  const auto take_scheme = [&rest](std::string_view scheme) {
    if (!rest.starts_with(scheme)) return false;
    rest.remove_prefix(scheme.size());
    return true;
  };
  const bool is_unix = take_scheme("unix://");
  if (!is_unix) {
    url.tls = take_scheme("rediss://");
    if (!url.tls && !take_scheme("redis://")) {
      refuse("it must begin with redis://, rediss:// or unix://");
    }
  }
  take_login(rest, url);
  take_query(rest, url);
  if (!is_unix) {
    take_host(rest, url);
    return url;
  }
  if (!rest.starts_with('/')) refuse("the path of a unix socket begins with '/'");
  url.socket_path = percent_decoded(rest);
  return url;
}

}  // namespace wq::internal
