#include "base/keys.h"

#include <string>
#include <string_view>

#include <fmt/format.h>

#include "doctor/checks.h"

namespace wq::internal {

void read_keys(Examination& look) {
  for (std::size_t i = 0; i < kKeyCount; ++i) {
    const std::string& key = look.keys[static_cast<Key>(i)];
    const std::string_view needed = kKeyKinds[i].type;
    const auto [reply] = look.redis.ask({{"TYPE", key}});
    if (reply.has_error("NOPERM")) continue;  // the rights tell of it
    // Without a hash tag no node has all keys, and following them would have no end.
    const bool all_over = reply.has_error("MOVED") && !look.keys.has_hash_tag();
    if (all_over || reply.has_error("CLUSTERDOWN")) {
      look.facts.keys_refused = reply.value().text();
      return;
    }
    const std::string type(reply.checked().value().text());
    if (type != "none" && type != needed) {
      look.facts.in_the_way.push_back({key, type, std::string(needed)});
    }
  }
}

void check_keys(Diagnosis& look) {
  for (const KeyInTheWay& each : look.facts.in_the_way) {
    look.fail("keys",
              fmt::format("the key '{}' is a {} and not the {} of a queue", each.key, each.type,
                          each.needed),
              "It belongs to another program; wq refuses to touch it.",
              "Choose another name for the queue, or remove the key if nobody needs it.");
  }
  if (look.facts.in_the_way.empty() && look.facts.keys_refused.empty()) {
    look.pass("keys", "no conflicting keys of other programs");
  }
}

}  // namespace wq::internal
