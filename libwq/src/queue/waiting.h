#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/keys.h"
#include "redis/connection.h"

/// A worker that rests waits for an item for minutes. Whoever changes the queue in another way than
/// by an item in ready ends that wait with CLIENT UNBLOCK, so that the worker looks at the queue.
/// What others must know of its connection is in its heartbeat, as `waits`: the run of the server,
/// which numbers its connections anew in each, and the number of the connection.
///
/// All of this is best effort, since a wait that nobody ends is over some day: what Redis refuses
/// is no error. Throws `ConnectionError`, and `ReplyError` for errors that pass.
namespace wq::internal {

/// The member of a heartbeat.
inline constexpr const char* kWaitsField = "waits";

/// What `waits` is of this connection. Nothing if the user may not ask for it, or may not end
/// waits: then nobody could end this worker's.
[[nodiscard]] std::optional<std::string> waits_of(Connection& redis);

/// Ends the waits at the connections with these `waits`. Returns how many waited.
std::size_t end_waits(Connection& redis, const std::vector<std::string>& waits);

/// Ends the waits of all workers of the queue.
void end_all_waits(Connection& redis, const Keys& keys);
/// What HGETALL of `Q:workers` has answered of them, but for this session's.
[[nodiscard]] std::vector<std::string> waits_of_others(Value workers, std::string_view but_of);

/// Ends the wait of the worker that is the reclaimer, which then looks for delayed items; of all
/// workers if there is none, or if it may have died.
void wake_reclaimer(Connection& redis, const Keys& keys);

}  // namespace wq::internal
