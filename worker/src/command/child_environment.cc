#include "command/child_environment.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include <unistd.h>

#include "cli/redis_flags.h"

namespace wq::internal {
namespace {

// The variables that a child gets from the worker, or must not have.
constexpr std::array<std::string_view, 11> kOurVariables{
    "WQ_ITEM",       "WQ_ITEM_SHA224",     "WQ_QUEUE",         "WQ_ATTEMPT",
    "WQ_FENCE",      "WQ_SESSION",         "WQ_SLOT",          "WQ_LEASE_SECONDS",
    "REDISCLI_AUTH", "WQ_CHECKPOINT_FILE", "WQ_FOLLOWUPS_FILE"};

bool is_kept(std::string_view name) {
  return !name.starts_with("WQ_WORKER_") &&
         std::find(kOurVariables.begin(), kOurVariables.end(), name) == kOurVariables.end();
}

/// Whether our programs look there for a URL; what others have in their own variables is theirs.
bool may_be_redis(std::string_view name) {
  return name.starts_with("WQ_") || name.starts_with("WQCTL_") || name == "REDIS_URL";
}

}  // namespace

std::vector<std::string> child_environment(const CommandOptions& options) {
  const std::optional<RedisOptions>& pass_redis = options.pass_redis;
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    const std::string_view name = text.substr(0, text.find('='));
    if (!is_kept(name) || (pass_redis && name == "WQ_REDIS")) continue;
    const bool without_password = !pass_redis && may_be_redis(name) && name.size() < text.size();
    if (without_password) {
      const std::size_t value = name.size() + 1;
      variables.push_back(std::string(text.substr(0, value)) +
                          cli::url_for_others(text.substr(value)));
    } else {
      variables.emplace_back(text);
    }
  }
  if (pass_redis) {
    variables.push_back("WQ_REDIS=" + pass_redis->url);
    if (!pass_redis->password.empty()) variables.push_back("REDISCLI_AUTH=" + pass_redis->password);
  }
  variables.push_back("WQ_SESSION=" + options.session);
  variables.push_back("WQ_LEASE_SECONDS=" + in_seconds(options.lease));
  return variables;
}

std::string in_seconds(std::chrono::milliseconds duration) {
  std::string text = std::to_string(duration.count() / 1000);
  if (const auto rest = duration.count() % 1000; rest != 0) {
    std::string decimals = std::to_string(1000 + rest).substr(1);
    decimals.erase(decimals.find_last_not_of('0') + 1);
    text += '.' + decimals;
  }
  return text;
}

}  // namespace wq::internal
