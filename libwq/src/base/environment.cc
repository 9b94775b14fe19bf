#include "base/environment.h"

#include <cstdint>
#include <cstdlib>
#include <stdexcept>

#include <fmt/format.h>

#include <wq/redis_options.h>

#include "base/whole_number.h"

namespace wq {
namespace internal {
namespace {

/// Empty if the variable is not set.
std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

std::string redis_url_from_environment() {
  for (const char* name : {"WQ_REDIS", "REDIS_URL"}) {
    if (std::string url = environment(name); !url.empty()) return url;
  }
  std::string host = environment("REDIS_SERVICE_HOST");
  if (host.empty()) return RedisOptions{}.url;
  if (host.find(':') != std::string::npos) host = "[" + host + "]";  // IPv6
  std::string port = environment("REDIS_SERVICE_PORT");
  if (port.empty()) port = "6379";
  if (whole_number<std::uint16_t>(port).value_or(0) == 0) {
    throw std::invalid_argument(fmt::format(
        "$REDIS_SERVICE_PORT: '{}' is not a port (1 to 65535); set $WQ_REDIS instead", port));
  }
  return fmt::format("redis://{}:{}/0", host, port);
}

std::string redis_password_from_environment() { return environment("REDISCLI_AUTH"); }

}  // namespace internal

RedisOptions RedisOptions::from_environment() {
  RedisOptions options;
  options.url = internal::redis_url_from_environment();
  options.password = internal::redis_password_from_environment();
  return options;
}

}  // namespace wq
