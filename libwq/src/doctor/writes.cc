// Whether Redis takes writes. Tried, since no list of the causes of a refusal is complete.
#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <wq/error.h>

#include "doctor/checks.h"
#include "queue/torn_aof.h"

namespace wq::internal {
namespace {

// Every role that writes may call these two commands. One script, so no other client sees the key,
// and no key remains, whatever dies. At maxmemory it is refused, like most commands of wq.
constexpr std::string_view kWriteAndTakeBack =
    "redis.call('HSET', KEYS[1], 'doctor', 'was here') return redis.call('DEL', KEYS[1])";
// A write that changes nothing, since there is no such key, and is refused as any other, but for
// want of memory.
constexpr std::string_view kWriteNothing = "return redis.call('DEL', KEYS[1])";

// False if the append-only file may end in half a transaction, which any later write makes harmful:
// a program that writes has the file rewritten first. See queue/torn_aof.h.
bool may_append(const ServerFacts& facts) {
  if (facts.info.empty()) return false;
  const AofState aof = read_aof(facts.info);
  return !aof.kept || aof.empty || aof.rewritten || cuts_whole_transactions(facts.info);
}

bool may_write(const ServerFacts& facts) {
  return std::any_of(facts.rights.begin(), facts.rights.end(), [](const auto& each) {
    return each.first != Role::viewer && (each.second.none() || each.second.unknown);
  });
}

struct Refusal {
  std::string_view code;
  std::string_view why;
  std::string_view advice;
};

constexpr std::array kRefusals = {
    Refusal{"MISCONF", "Redis could not save, and takes no writes until a save succeeds.",
            "Look at its log and its disk, which may be full or read-only; BGSAVE tries "
            "again."},
    Refusal{"NOREPLICAS", "Fewer replicas are in sync than min-replicas-to-write.",
            "Bring the replicas back, or CONFIG SET min-replicas-to-write 0."},
    Refusal{"READONLY", "This is a replica.", "Give the URL of the master."},
    Refusal{"CLUSTERDOWN", "The cluster does not serve the queue's slot.",
            "CLUSTER INFO and CLUSTER NODES say which nodes or slots are missing."},
};

constexpr Refusal kFull{"OOM",
                        "At maxmemory nothing can be pushed until memory is free; workers can "
                        "drain what is there.",
                        "Raise maxmemory, or drain queues."};
constexpr Refusal kOther{"", "The message is the server's.", "Look at its log and its settings."};

void tell_refusal(Diagnosis& look, const std::string& said) {
  const std::string code = ReplyError(said).code();
  // The rest names the line of the script above.
  const std::string what =
      fmt::format("Redis refuses writes: {}", said.substr(0, said.find(" script: ")));
  if (code == kFull.code) {
    // A worker is what helps against it.
    const auto& rights = look.facts.rights;
    const bool workers_only = rights.size() == 1 && rights.contains(Role::worker);
    return look.find(workers_only ? FindingLevel::warning : FindingLevel::error, "writes", what,
                     std::string(kFull.why), std::string(kFull.advice));
  }
  const auto* const known = std::find_if(kRefusals.begin(), kRefusals.end(),
                                         [&](const Refusal& each) { return each.code == code; });
  const Refusal& refusal = known == kRefusals.end() ? kOther : *known;
  look.fail("writes", what,
            fmt::format("{} Workers and producers would wait for --redis-patience, or exit.",
                        refusal.why),
            std::string(refusal.advice));
}

}  // namespace

void read_writes(Examination& look) {
  Connection& redis = look.redis;
  ServerFacts& facts = look.facts;
  if (!may_write(facts) || facts.keys_refused.starts_with("MOVED ")) return;
  auto [answer] =
      redis.ask({{"SCRIPT", "LOAD", may_append(facts) ? kWriteAndTakeBack : kWriteNothing}});
  if (!answer.value().is_error()) {
    // A key of the kind that each of them may use; no session has such a name.
    answer = std::move(
        redis.ask({{"EVALSHA", answer.value().text(), "1", look.keys.replay("doctor")}})[0]);
  }
  if (answer.has_error("NOPERM")) return;
  facts.write_tried = true;
  if (answer.value().is_error()) facts.write_refused = answer.value().text();
}

void check_writes(Diagnosis& look) {
  if (!look.facts.write_tried) return;
  if (!look.facts.write_refused.empty()) return tell_refusal(look, look.facts.write_refused);
  look.pass("writes", "Redis takes writes");
}

}  // namespace wq::internal
