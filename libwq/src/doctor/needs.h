#pragma once

#include <string>
#include <vector>

#include <wq/doctor.h>

#include "base/keys.h"

namespace wq::internal {

/// A command that Redis must allow, with words so that it is one that Redis could carry out.
using Command = std::vector<std::string>;

/// Every command that a role sends, and every one that its scripts call, once. The list
/// lacks commands that are optional (CLIENT SETNAME, INFO, TYPE).
[[nodiscard]] std::vector<Command> commands_needed(Role role, const Keys& keys);

/// Those whose refusal makes something worse without ending a program, or that only some programs
/// of the role send.
[[nodiscard]] std::vector<Command> commands_wanted(Role role);

/// Every key that a role's scripts are given; of keys that exist once for each item or producer,
/// one that cannot exist. Without the registry, which a role can do without.
[[nodiscard]] std::vector<std::string> keys_needed(Role role, const Keys& keys);

/// Every command of wq that changes data, and so is in an append-only file; with a key that cannot
/// exist.
[[nodiscard]] std::vector<Command> commands_replayed(const Keys& keys);

/// The command that finds out whether a key may be read and written.
[[nodiscard]] Command touching(const std::string& key);

}  // namespace wq::internal
