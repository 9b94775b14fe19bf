// The rights of the user that logs in.
#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "doctor/checks.h"

namespace wq::internal {
namespace {

constexpr std::array kAllRoles = {Role::worker, Role::producer, Role::viewer, Role::admin};

// The line of ACL SETUSER that gives what is missing.
std::string grant(const Diagnosis& look, const MissingRights& missing) {
  std::string rule = "ACL SETUSER " + look.facts.user;
  for (const std::string& command : missing.commands) rule += " +" + command;
  // Keys are tried with EVALSHA: without the right to it nothing is known of them.
  const auto& commands = missing.commands;
  const bool blind = std::find(commands.begin(), commands.end(), "evalsha") != commands.end();
  if (blind || !missing.keys.empty()) {
    rule += fmt::format(" ~{0} ~{0}:*", look.facts.queue);
  }
  return rule;
}

std::string missing_text(const std::string& who, Role role, const MissingRights& missing) {
  std::string text = fmt::format("{} may not do what {}s do:", who, name_of(role));
  if (!missing.commands.empty()) text += fmt::format(" {}", fmt::join(missing.commands, " "));
  if (missing.keys.empty()) return text;
  return text + fmt::format("{} keys {}", missing.commands.empty() ? "" : ";",
                            fmt::join(missing.keys, " "));
}

// A role that the user must have, or one of which it has none at all.
void tell_missing(Diagnosis& look, const std::string& who, Role role,
                  const MissingRights& missing) {
  if (missing.commands.empty() && missing.keys.empty()) return;
  look.fail("rights", missing_text(who, role, missing),
            "It ends with NOPERM when it gets there, which for some rights is only when an "
            "item fails.",
            grant(look, missing));
}

// wq recommends one user per role, so a role that the user lacks is information, not a problem.
void tell_lacking(Diagnosis& look, const std::string& who, Role role,
                  const MissingRights& missing) {
  constexpr std::size_t kFew = 3;
  const std::size_t n = missing.commands.size() + missing.keys.size();
  if (n == 0) return;
  const std::string what =
      n <= kFew
          ? missing_text(who, role, missing)
          : fmt::format("{} may not do what {}s do: {} rights are missing", who, name_of(role), n);
  look.find(FindingLevel::ok, "rights", what, "This is fine if the user should not have this role.",
            fmt::format("If it is: doctor --role {} says what to give it.", name_of(role)));
}

// The role is there; what it registers is not.
void tell_registry(Diagnosis& look, const std::string& who, Role role,
                   const MissingRights& missing) {
  if (!missing.registry || !missing.none()) return;
  look.warn("rights",
            fmt::format("{} may not use the key {} as {}s do", who, kRegistryKey, name_of(role)),
            "The queue works, but workers of groups (--queues) may not find it.",
            fmt::format("ACL SETUSER {} ~{}", look.facts.user, kRegistryKey));
}

void tell_absent(Diagnosis& look, Role role, const MissingRights& missing) {
  if (missing.absent.empty()) return;
  look.fail("rights",
            fmt::format("the server does not know commands of {}s: {}", name_of(role),
                        fmt::join(missing.absent, " ")),
            "It ends with an error when it gets there, which for some commands is only when an "
            "item fails.",
            "Take their rename-command out of redis.conf.");
}

void tell_unknown(Diagnosis& look, const std::string& who, Role role) {
  look.warn("rights",
            fmt::format("whether {} may do what {}s do could not be seen: MULTI is refused", who,
                        name_of(role)),
            "A missing right ends programs with NOPERM, some only once an item fails.",
            fmt::format("ACL SETUSER {} +multi, while doctor looks.", look.facts.user));
}

// Doctor looks at one queue, so it does not know whether a worker of this user has several.
void tell_several_queues(Diagnosis& look, const std::string& who, const MissingRights& missing) {
  std::vector<std::string_view> refused;
  for (const std::string& command : missing.optional) {
    if (command.starts_with("client|")) refused.emplace_back(command);
  }
  if (refused.empty()) return;
  look.find(
      FindingLevel::ok, "rights",
      fmt::format("{} may not wait for several queues at once: {}", who, fmt::join(refused, " ")),
      "A worker of several queues ends with NOPERM when none of them has an item ready. A "
      "worker of one queue needs no such right.",
      fmt::format("If there are such workers: ACL SETUSER {} +{}", look.facts.user,
                  fmt::join(refused, " +")));
}

void read_role(Examination& look, Role role) {
  std::vector<Command> commands = commands_needed(role, look.keys);
  const std::size_t of_needed = commands.size();
  const std::vector<Command> wanted = commands_wanted(role);
  commands.insert(commands.end(), wanted.begin(), wanted.end());
  const std::size_t of_commands = commands.size();
  std::vector<std::string> names = keys_needed(role, look.keys);
  names.emplace_back(kRegistryKey);
  for (const std::string& key : names) commands.push_back(touching(key));
  MissingRights& missing = look.facts.rights[role];
  const auto said = refusals(Connection(look.login), commands, look.facts);
  if (!said) {
    missing.unknown = true;
    return;
  }
  for (std::size_t i = 0; i < said->size(); ++i) {
    const std::string& text = (*said)[i];
    if (text.empty()) continue;
    const bool the_command = names_the_command(text);
    const bool nobodys = is_unknown(text);
    if (i + 1 == said->size()) {
      missing.registry = !the_command && !nobodys;
    } else if (i >= of_commands) {
      if (!the_command && !nobodys) missing.keys.push_back(names[i - of_commands]);
    } else if (i >= of_needed) {
      missing.optional.push_back(command_name(commands[i]));
    } else if (the_command || nobodys) {
      (nobodys ? missing.absent : missing.commands).push_back(command_name(commands[i]));
    }
  }
}

}  // namespace

void read_rights(Examination& look) {
  const std::span<const Role> asked{look.options.roles};
  for (const Role role : asked.empty() ? std::span<const Role>{kAllRoles} : asked) {
    read_role(look, role);
  }
}

void check_rights(Diagnosis& look) {
  const auto& rights = look.facts.rights;
  const bool has_one = std::any_of(rights.begin(), rights.end(),
                                   [](const auto& each) { return each.second.none(); });
  const bool all_wanted = !look.options.roles.empty() || !has_one;
  const std::string who = "'" + look.facts.user + "'";
  for (const auto& [role, missing] : rights) {
    if (missing.unknown) tell_unknown(look, who, role);
    tell_absent(look, role, missing);
    if (all_wanted) {
      tell_missing(look, who, role, missing);
    } else {
      tell_lacking(look, who, role, missing);
    }
    if (all_wanted || missing.none()) tell_several_queues(look, who, missing);
    if (missing.none()) {
      look.pass("rights", fmt::format("{} may do what {}s do", who, name_of(role)));
    }
    tell_registry(look, who, role, missing);
  }
}

}  // namespace wq::internal
