#pragma once

#include <cstddef>
#include <initializer_list>
#include <span>
#include <vector>

#include "base/keys.h"
#include "redis/command_buffer.h"
#include "redis/connection.h"
#include "script/embedded.h"

namespace wq::internal {

/// A script and the keys of the queue that it gets first in KEYS, in this order; what else it gets
/// stands at its head. A test holds this against the heads of the scripts.
struct Script {
  const EmbeddedScript& source;
  std::vector<Key> keys;
};

namespace scripts {
extern const Script attach, claim, close, counts, drop, drop_ready, end_strays, find, forget,
    isolate, last_due, open, page, write_at_maxmemory, pop, promote, purge, purge_leases, push,
    reclaim, renew, requeue, retry, settle, sweep, touch;
}  // namespace scripts

/// All of them, in the order above.
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
