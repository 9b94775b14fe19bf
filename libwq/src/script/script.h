#pragma once

#include <cstddef>
#include <initializer_list>
#include <span>
#include <string_view>

#include "base/keys.h"
#include "redis/command_buffer.h"
#include "redis/connection.h"
#include "script/scripts.h"

namespace wq::internal {

/// A script as its head in libwq/scripts declares it: see its generate.py.
struct Script {
  std::string_view name;
  std::string_view sha1;  ///< by which Redis knows it
  /// The keys of the queue that the script gets first in KEYS, in this order. Keys of which a queue
  /// has many follow them.
  std::span<const Key> keys;
  std::span<const std::string_view> roles;     ///< who calls it: the names of `Role`
  std::span<const std::string_view> commands;  ///< which it calls
  std::string_view text;
};

/// All of them, by name.
[[nodiscard]] std::span<const Script* const> all_scripts();

/// Writes the head of a call of `script`: its own keys. The caller adds `more_keys` keys and then
/// `arguments` arguments with `CommandBuffer::word`.
void begin_call(CommandBuffer& out, const Script& script, const Keys& keys, std::size_t more_keys,
                std::size_t arguments);

/// Sends one call and returns its answer; teaches Redis the script first where it does not know it
/// (after a restart, a failover, SCRIPT FLUSH). Throws `ReplyError` if the answer is an error.
Reply run_script(Connection& connection, const Script& script, const CommandBuffer& call);

/// Makes sure that Redis knows the scripts, for callers that send calls without waiting.
void load_scripts(Connection& connection, std::initializer_list<const Script*> which);

}  // namespace wq::internal
