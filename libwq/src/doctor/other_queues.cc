// The rights on other queues: the stages before the queue, and those that get its follow-ups.
#include <algorithm>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "doctor/checks.h"
#include "queue/operations.h"
#include "script/script.h"

namespace wq::internal {
namespace {

std::vector<std::string> keys_of(const Keys& queue, std::span<const Key> which) {
  std::vector<std::string> names;
  for (const Key key : which) names.push_back(queue[key]);
  return names;
}

// Those that the user may not use. Nothing if that cannot be seen, which the rights on the queue
// itself tell of.
std::optional<std::vector<std::string>> keys_refused(Examination& look,
                                                     const std::vector<std::string>& keys) {
  std::vector<Command> commands;
  for (const std::string& key : keys) commands.push_back(touching(key));
  const auto said = refusals(Connection(look.login), commands, look.facts);
  if (!said) return std::nullopt;
  std::vector<std::string> refused;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const std::string& text = (*said)[i];
    if (names_the_command(text)) return std::nullopt;
    if (!text.empty()) refused.push_back(keys[i]);
  }
  return refused;
}

// The stages that are recorded of the queue; none if the user may not read them.
std::vector<std::string> recorded_stages(Connection& redis, const Keys& queue) {
  std::vector<std::string> stages;
  const auto [reply] = redis.ask({{"HGETALL", queue[Key::stats]}});
  for (const char* code : {"NOPERM", "WRONGTYPE", "MOVED"}) {
    if (reply.has_error(code)) return stages;
  }
  const Value stats = reply.checked().value();
  for (std::size_t i = 0; i + 1 < stats.size(); i += 2) {
    const std::string_view field = stats[i].text();
    if (field.starts_with(kAfterField)) stages.emplace_back(field.substr(kAfterField.size()));
  }
  return stages;
}

// False if it cannot be seen.
bool read_rights_on(Examination& look, const Keys& queue, bool gets_follow_ups) {
  // What a worker gives to these scripts before it leases anything, and a viewer to counts.
  const std::span<const Key> which = gets_follow_ups ? scripts::attach.keys : scripts::counts.keys;
  auto refused = keys_refused(look, keys_of(queue, which));
  if (!refused) return false;
  look.facts.other_queues.push_back({queue.queue(), gets_follow_ups, std::move(*refused)});
  return true;
}

// Whoever looks at the queue reads the stages before its stages, too.
void read_stages_before(Examination& look) {
  std::deque<std::string> stages(look.options.after.begin(), look.options.after.end());
  const auto add_those_of = [&](const Keys& queue) {
    const auto recorded = recorded_stages(look.redis, queue);
    stages.insert(stages.end(), recorded.begin(), recorded.end());
  };
  add_those_of(look.keys);
  std::vector<std::string> seen{look.keys.queue()};
  for (; !stages.empty(); stages.pop_front()) {
    if (std::find(seen.begin(), seen.end(), stages.front()) != seen.end()) continue;
    seen.push_back(stages.front());
    const Keys stage(stages.front());
    if (!read_rights_on(look, stage, false)) return;
    if (look.facts.other_queues.back().keys.empty()) add_those_of(stage);
  }
}

// Whether a user who lacks rights on another queue lacks what it needs.
bool is_wanted(const Diagnosis& look, Role role) {
  const auto found = look.facts.rights.find(role);
  if (found == look.facts.rights.end()) return false;
  return !look.options.roles.empty() || found->second.none();
}

// A rule of ACL SETUSER for the keys of a queue. Its name comes from Redis, and people paste the
// rule: so whatever redis-cli or the rule would take for more than a name is quoted.
std::string key_rule(std::string_view queue, std::string_view rest) {
  constexpr std::string_view kPlain = "_-.:/@#{}+=,";
  std::string name;
  bool quoted = false;
  for (const char c : queue) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       kPlain.find(c) != std::string_view::npos;
    const bool stands_for_others = std::string_view("*?[]\\").find(c) != std::string_view::npos;
    if (stands_for_others) name += R"(\x5c)";
    name += plain ? std::string(1, c) : fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    quoted = quoted || !plain;
  }
  return quoted ? fmt::format("\"~{}{}\"", name, rest) : fmt::format("~{}{}", name, rest);
}

}  // namespace

void read_other_queues(Examination& look) {
  if (!look.facts.keys_refused.empty()) return;
  read_stages_before(look);
  for (const std::string& target : look.options.follow_ups_to) {
    if (target != look.keys.queue()) read_rights_on(look, Keys(target), true);
  }
}

void check_other_queues(Diagnosis& look) {
  for (const OtherQueue& each : look.facts.other_queues) {
    const bool wanted =
        is_wanted(look, Role::worker) || (!each.gets_follow_ups && is_wanted(look, Role::viewer));
    if (!wanted) continue;
    const std::string which =
        fmt::format("keys of '{}', {}", each.queue,
                    each.gets_follow_ups ? "which gets follow-ups" : "a stage before the queue");
    if (each.keys.empty()) {
      look.pass("rights", fmt::format("'{}' may use the {}", look.facts.user, which));
      continue;
    }
    look.fail("rights",
              fmt::format("'{}' may not use all {}: {}", look.facts.user, which,
                          fmt::join(each.keys, " ")),
              each.gets_follow_ups
                  ? "A worker with --follow-ups-to for this queue ends with NOPERM at its start."
                  : "Workers and viewers read a queue and the stages before it in one step: they "
                    "end with NOPERM.",
              fmt::format("ACL SETUSER {} {} {}", look.facts.user, key_rule(each.queue, ""),
                          key_rule(each.queue, ":*")));
  }
}

}  // namespace wq::internal
