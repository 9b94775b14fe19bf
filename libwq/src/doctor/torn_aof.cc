// The damage of a kill of Redis during a write to its append-only file: see queue/torn_aof.h.
#include "queue/torn_aof.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "doctor/checks.h"

namespace wq::internal {
namespace {

constexpr const char* kCheck = "torn-aof";
constexpr const char* kWhy =
    "A redis-server that is killed in the middle of a write leaves half a transaction at the end "
    "of "
    "the file. It drops that at its next start, and carries it out at the one after: items are "
    "lost "
    "or done twice. A rewrite in between, or redis-check-aof --fix, removes it.";

std::vector<std::string_view> roles_that_may_not_rewrite(const Diagnosis& look) {
  std::vector<std::string_view> roles;
  for (const auto& [role, missing] : look.facts.rights) {
    if (!missing.none()) continue;  // the user has none of these roles
    const auto& refused = missing.optional;
    if (std::find(refused.begin(), refused.end(), "bgrewriteaof") != refused.end()) {
      roles.push_back(name_of(role));
    }
  }
  return roles;
}

}  // namespace

void check_torn_aof(Diagnosis& look) {
  if (look.info("aof_enabled") != "1") return;
  if (cuts_whole_transactions(look.facts.info)) {
    return look.pass(kCheck, fmt::format("Valkey {} removes what a kill leaves of a transaction",
                                         look.info("valkey_version")));
  }
  if (look.setting("aof-load-truncated") == "no") {
    return look.find(FindingLevel::ok, kCheck,
                     "Redis does not start with half a transaction at the end of its file "
                     "(aof-load-truncated no)",
                     kWhy, "Run redis-check-aof --fix before each start.");
  }
  const auto roles = roles_that_may_not_rewrite(look);
  if (roles.empty()) {
    return look.find(FindingLevel::ok, kCheck,
                     "whoever writes first after a restart has the file rewritten (BGREWRITEAOF)",
                     kWhy, "");
  }
  look.warn(kCheck,
            fmt::format("{} may not have the file rewritten as a {}: bgrewriteaof", look.facts.user,
                        fmt::join(roles, ", ")),
            kWhy,
            fmt::format("ACL SETUSER {} +bgrewriteaof, or run redis-check-aof --fix before each "
                        "start of Redis; Valkey 8.0.11 and 8.1.10 need neither.",
                        look.facts.user));
}

}  // namespace wq::internal
