#include "cli/redis_flags.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include <fcntl.h>

#include "base/environment.h"
#include "base/unique_fd.h"
#include "cli/log.h"
#include "cli/options.h"

namespace wq::cli {

namespace {

constexpr std::array<std::string_view, 5> kSchemes{"redis://", "rediss://", "unix://",
                                                   "+sentinel://", "+cluster://"};

}  // namespace

void add_redis_options(Options& options, RedisOptions& redis, const std::string& patience_text) {
  redis.password = internal::redis_password_from_environment();
  redis.url.clear();
  const RedisOptions defaults;
  options.group("Redis", true);
  options.add_text(
      "redis", Value::text("URL"), redis.url,
      "redis://[USER[:PASSWORD]@]HOST[:PORT][/DB], rediss:// with the same for TLS, "
      "unix://PATH[?db=N], redis+cluster://[USER[:PASSWORD]@]HOST[:PORT],... for the Redis Cluster "
      "of these nodes, or redis+sentinel://[USER[:PASSWORD]@]HOST[:PORT],.../NAME[/DB] for the "
      "primary that sentinels know as NAME (rediss+cluster:// and rediss+sentinel:// with TLS), "
      "with user and password percent-encoded [default: $WQ_REDIS, else $REDIS_URL, else the "
      "Kubernetes Service named redis, else " +
          defaults.url + "]");
  options.add_text("password-file", Value::file(), redis.password_file,
                   "read the password from FILE for every connection; otherwise $REDISCLI_AUTH, if "
                   "the URL has no password");
  options.add_text(
      "tls-ca", Value::file(), redis.tls.ca_file,
      "with rediss://: the CA of the server's certificate [default: the system's CAs]");
  options.add_text("tls-cert", Value::file(), redis.tls.cert_file,
                   "client certificate, if the server requires one; with --tls-key");
  options.add_text("tls-key", Value::file(), redis.tls.key_file,
                   "key of the client certificate, without a passphrase");
  options.add_text("tls-server-name", Value::text("NAME"), redis.tls.server_name,
                   "expected name in the server's certificate [default: the URL's host]");
  options.add_switch(
      "tls-insecure", redis.tls.insecure,
      "accept any certificate: encrypted, but a man in the middle can read and change everything; "
      "for a self-signed certificate without its CA");
  options.only_on_command_line();
  options.add(
      "redis-patience", Value::time(), "how long to wait for an unreachable Redis before giving up",
      [&redis](const std::string& text) { redis.patience = parse_duration(text); },
      patience_text.empty() ? duration_text(redis.patience) : patience_text);
}

void check_redis_options(RedisOptions& redis) {
  try {
    if (redis.url.empty()) redis.url = internal::redis_url_from_environment();
  } catch (const std::invalid_argument& error) {
    throw UsageError(std::string(error.what()).append(", or use --redis URL"));
  }
  if (redis.tls.insecure) {
    log(LogLevel::warning,
        "--tls-insecure: the certificate of Redis is not checked; a man in the middle can read and "
        "change everything, including the password. --tls-ca FILE makes it safe");
  }
  if (redis.password_file.empty()) return;
  redis.password.clear();
  if (!internal::UniqueFd(open(redis.password_file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK))) {
    throw UsageError("--password-file: cannot read '" + redis.password_file +
                     "': " + std::strerror(errno));
  }
}

std::string without_password(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return std::string(url);
  const std::size_t begin = scheme + 3;
  // Not only up to the next slash: a password may have a slash that is not encoded.
  // A path of a unix socket may have an @ of its own, so there the slash does end it.
  const bool path_only = url.substr(begin).starts_with('/');
  const std::size_t at = path_only ? std::string_view::npos : url.rfind('@');
  if (at == std::string_view::npos || at < begin) return std::string(url);
  return std::string(url.substr(0, begin)) + "***" + std::string(url.substr(at));
}

std::string url_for_others(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return std::string(url);
  const std::string_view begin = url.substr(0, scheme + 3);
  const std::string_view rest = url.substr(begin.size());
  // The path of a unix socket may have an @ of its own. Elsewhere the last one ends the password,
  // also if a slash in it is not encoded.
  std::size_t at = rest.substr(0, rest.find('/')).rfind('@');
  if (!rest.starts_with('/') && (begin != "unix://" || at == std::string_view::npos)) {
    at = rest.rfind('@');
  }
  if (at == std::string_view::npos) return std::string(url);
  const std::string_view user = rest.substr(0, std::min(at, rest.find(':')));
  return std::string(begin).append(user).append(rest.substr(user.empty() ? at + 1 : at));
}

CommandLine::CommandLine(int argc, char** argv) : words_(argv, argv + argc) {
  for (const std::string& word : words_) pointers_.push_back(word.c_str());
  pointers_.push_back(nullptr);
  for (int i = 1; i < argc && words_[static_cast<std::size_t>(i)] != "--"; ++i) {
    const std::string& word = words_[static_cast<std::size_t>(i)];
    const bool is_ours = std::any_of(
        kSchemes.begin(), kSchemes.end(),
        [&](std::string_view scheme) { return word.find(scheme) != std::string::npos; });
    const std::string shown = is_ours ? without_password(word) : word;
    if (shown == word) continue;
    // It must not become longer, and what is left behind its end must not be readable.
    std::fill(argv[i], argv[i] + word.size(), '\0');
    std::copy_n(shown.begin(), std::min(shown.size(), word.size()), argv[i]);
  }
}

}  // namespace wq::cli
