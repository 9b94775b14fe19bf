#include <fmt/format.h>

#include "doctor/findings.h"

namespace wq::internal {

void check_keys(Diagnosis& look) {
  for (const KeyInTheWay& each : look.facts.in_the_way) {
    look.fail("keys",
              fmt::format("the key '{}' is a {} and not the {} of a queue", each.key, each.type,
                          each.needed),
              "It belongs to somebody else; our programs refuse to touch it.",
              "Choose another name for the queue, or remove the key if nobody needs it.");
  }
  const bool looked = look.facts.keys_refused.empty() && look.facts.moved_to.empty();
  if (look.facts.in_the_way.empty() && looked) {
    look.pass("keys", "no keys of others where the queue has its own");
  }
}

}  // namespace wq::internal
