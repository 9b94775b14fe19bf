// Whether items reach workers in time to be leased, as far as the queue's counters tell.
#include <fmt/format.h>

#include <wq/queue.h>

#include "doctor/checks.h"

namespace wq::internal {

void read_arrival(Examination& look) {
  ServerFacts& facts = look.facts;
  if (!facts.keys_refused.empty() || !facts.in_the_way.empty()) return;
  const auto [reply] = look.redis.ask({{"HMGET", look.keys[Key::stats], "leased", "returned"}});
  if (reply.has_error("NOPERM")) return;  // the rights tell of it
  const Value counters = reply.checked().value();
  if (!counters[0].is_nil()) facts.leased = counters[0].count();
  if (!counters[1].is_nil()) facts.returned = counters[1].count();
}

void check_arrival(Diagnosis& look) {
  if (look.facts.leased == 0) return;
  Counts counts;
  counts.leased = look.facts.leased;
  counts.returned = look.facts.returned;
  if (!counts.arrives_late()) return look.pass("arrival", "items reach workers in time");
  look.warn("arrival",
            fmt::format("{} of {} popped items arrived too late to be leased", counts.returned,
                        counts.leased),
            "Replies of Redis take longer than an item may stay unleased. Such items return to the "
            "queue and are transferred again.",
            "Give workers a faster link or more CPU time, or push the names of large data instead "
            "of the data.");
}

}  // namespace wq::internal
