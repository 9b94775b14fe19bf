#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "command/command_options.h"

namespace wq::internal {

/// The environment of a child: ours without what is ours alone, and WQ_SESSION and
/// WQ_LEASE_SECONDS. Where Redis is may stand in it (WQ_REDIS, REDIS_URL and the like), but without
/// the password, and REDISCLI_AUTH is left out. With `pass_redis` they are as we have them,
/// WQ_REDIS is its URL, and REDISCLI_AUTH its password.
[[nodiscard]] std::vector<std::string> child_environment(const CommandOptions& options);

/// "1.5"
[[nodiscard]] std::string in_seconds(std::chrono::milliseconds duration);

}  // namespace wq::internal
