#include "base/url.h"

#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "base/whole_number.h"

namespace wq::internal {
namespace {

constexpr int kSentinelPort = 26'379;

[[noreturn]] void refuse(const std::string& why) {
  throw std::invalid_argument(fmt::format(
      "the Redis URL cannot be read: {}; write redis://[user:password@]host[:port][/db], "
      "unix:///path[?db=N], redis+cluster://[user:password@]host[:port],... or "
      "redis+sentinel://[user:password@]host[:port],.../name[/db]",
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

HostAndPort parse_host(std::string_view text, int usual_port) {
  HostAndPort parsed{"localhost", usual_port};
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) refuse("the '[' of an IPv6 address is not closed");
    parsed.host = text.substr(1, close - 1);
    text.remove_prefix(close + 1);
    if (!text.empty() && !text.starts_with(':')) refuse("only ':port' may follow ']'");
    port = text.empty() ? text : text.substr(1);
  } else {
    const std::size_t colon = text.find(':');
    if (colon > 0) parsed.host = percent_decoded(text.substr(0, colon));
    if (colon != std::string_view::npos) {
      port = text.substr(colon + 1);
      if (port.empty()) refuse("there is no port after ':'");
    }
  }
  if (parsed.host.empty()) parsed.host = "localhost";
  if (!port.empty()) parsed.port = parse_number(port, 1, 65'535, "port");
  return parsed;
}

void take_host(std::string_view rest, RedisUrl& url) {
  refuse_rest_of_login(rest);
  const std::size_t slash = rest.find('/');
  if (slash != std::string_view::npos) {
    const std::string_view path = rest.substr(slash + 1);
    if (!path.empty()) url.database = parse_database(path);
    rest = rest.substr(0, slash);
  }
  HostAndPort parsed = parse_host(rest, url.port);
  url.host = std::move(parsed.host);
  url.port = parsed.port;
}

std::vector<HostAndPort> parse_hosts(std::string_view hosts, int usual_port, const char* of_what) {
  std::vector<HostAndPort> parsed;
  while (true) {
    const std::size_t comma = hosts.find(',');
    const std::string_view host = hosts.substr(0, comma);
    if (host.empty()) refuse(fmt::format("the host of a {} is missing", of_what));
    parsed.push_back(parse_host(host, usual_port));
    if (comma == std::string_view::npos) return parsed;
    hosts.remove_prefix(comma + 1);
  }
}

// The hosts, and what follows the '/'.
std::pair<std::string_view, std::string_view> hosts_and_path(std::string_view rest) {
  refuse_rest_of_login(rest);
  const std::size_t slash = rest.find('/');
  return {rest.substr(0, slash), slash == std::string_view::npos ? "" : rest.substr(slash + 1)};
}

void take_cluster(std::string_view rest, RedisUrl& url) {
  const auto [hosts, path] = hosts_and_path(rest);
  if (!path.empty() && path != "0") {
    refuse(fmt::format("'/{}' follows the nodes of a cluster, which has only database 0", path));
  }
  url.seeds = parse_hosts(hosts, url.port, "node");
}

void take_sentinels(std::string_view rest, RedisUrl& url) {
  const auto [hosts, path] = hosts_and_path(rest);
  const std::size_t end = path.find('/');
  url.primary = percent_decoded(path.substr(0, end));
  if (url.primary.empty()) {
    refuse("the name of the primary is missing, by which the sentinels know it");
  }
  if (end != std::string_view::npos) url.database = parse_database(path.substr(end + 1));
  url.sentinels = parse_hosts(hosts, kSentinelPort, "sentinel");
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
  // With TLS or without.
  const auto take_either = [&](std::string_view with_tls) {
    url.tls = take_scheme(with_tls);
    return url.tls || take_scheme(std::string("redis") + std::string(with_tls.substr(6)));
  };
  const bool is_unix = take_scheme("unix://");
  const bool are_sentinels = !is_unix && take_either("rediss+sentinel://");
  const bool is_cluster = !is_unix && !are_sentinels && take_either("rediss+cluster://");
  if (!is_unix && !are_sentinels && !is_cluster && !take_either("rediss://")) {
    refuse(
        "it must begin with redis://, rediss://, unix://, redis+sentinel:// or redis+cluster://");
  }
  take_login(rest, url);
  if (are_sentinels) {
    take_sentinels(rest, url);
    return url;
  }
  if (is_cluster) {
    take_cluster(rest, url);
    return url;
  }
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
