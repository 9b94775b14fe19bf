#pragma once

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <iterator>
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
/// `arguments` arguments with `CommandBuffer::arg`.
void begin_call(CommandBuffer& out, const Script& script, const Keys& keys, std::size_t more_keys,
                std::size_t arguments);

/// The number of words of an argument: of one that is a list of words, as many.
template <typename Argument>
[[nodiscard]] std::size_t words_in(const Argument& argument) {
  if constexpr (std::convertible_to<const Argument&, std::string_view> || std::integral<Argument>) {
    return 1;
  } else {
    return std::size(argument);
  }
}
template <typename Argument>
void append_words(CommandBuffer& out, const Argument& argument) {
  if constexpr (std::convertible_to<const Argument&, std::string_view> || std::integral<Argument>) {
    out.arg(argument);
  } else {
    for (const auto& each : argument) out.arg(each);
  }
}

/// Writes a whole call of `script`: its own keys, `more_keys`, and its arguments, each of which is
/// a word, a number or a list of words.
template <typename MoreKeys = std::initializer_list<std::string_view>, typename... Arguments>
void append_call(CommandBuffer& out, const Script& script, const Keys& keys,
                 const MoreKeys& more_keys, const Arguments&... arguments) {
  begin_call(out, script, keys, std::size(more_keys), (std::size_t{0} + ... + words_in(arguments)));
  append_words(out, more_keys);
  (append_words(out, arguments), ...);
}

/// Sends one call and returns its answer; teaches Redis the script first where it does not know it
/// (after a restart, a failover, SCRIPT FLUSH). Throws `ReplyError` if the answer is an error.
Reply run_script(Connection& connection, const Script& script, const CommandBuffer& call);

/// The same of a call as `append_call` writes it.
template <typename MoreKeys = std::initializer_list<std::string_view>, typename... Arguments>
Reply run_script(Connection& connection, const Script& script, const Keys& keys,
                 const MoreKeys& more_keys, const Arguments&... arguments) {
  CommandBuffer call;
  append_call(call, script, keys, more_keys, arguments...);
  return run_script(connection, script, call);
}

/// Makes sure that Redis knows the scripts, for callers that send calls without waiting.
void load_scripts(Connection& connection, std::initializer_list<const Script*> which);

}  // namespace wq::internal
