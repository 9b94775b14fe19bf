#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <wq/error.h>
#include <wq/lease.h>
#include <wq/queue.h>

#include "base/keys.h"
#include "redis/command_buffer.h"
#include "redis/reply.h"

/// The operations of the protocol as commands and answers: `append_x` writes the command, `read_x`
/// reads its answer. Nothing here talks to Redis or keeps state. The scripts say what they do.
namespace wq::internal {

/// How long the key of a lease outlives the lease, so that an expired lease differs from one that
/// was never set, and its holder is known.
inline constexpr std::chrono::milliseconds kLeaseTail = std::chrono::hours{1};
/// How long an item may be in processing without a lease: the time between pop and lease.
inline constexpr std::chrono::milliseconds kUnleasedGrace{5'000};
/// Upper bounds. A longer time in Redis comes from a clock that went back, and is cut to the bound.
inline constexpr std::chrono::milliseconds kLongestLease = std::chrono::hours{24};
inline constexpr std::chrono::milliseconds kLongestDelay = std::chrono::hours{24};
inline constexpr std::chrono::milliseconds kLongestHold = std::chrono::hours{1};

/// The fields of `Q:stats` with the `WorkerOptions::lease` and `RetryPolicy::max_crashes` of the
/// workers; the worker that started last sets them. Then the defaults for missing fields.
inline constexpr std::string_view kLeaseField = "lease_ms";
inline constexpr std::string_view kMaxCrashesField = "max_crashes";
/// Before the name of an earlier stage, whose id is the value.
inline constexpr std::string_view kAfterField = "after:";
inline constexpr std::chrono::milliseconds kUsualLease{60'000};

/// The fields of a result in an entry of the stream: any bytes, or JSON.
inline constexpr std::string_view kResultField = "result";
inline constexpr std::string_view kJsonField = "json";

/// The value of a lease: the session and the fence, so that no two leases are equal, and a mark if
/// the holder holds no other item (see `Lease::alone`).
[[nodiscard]] std::string holder(std::string_view session, std::uint64_t fence, bool alone);

/// On a new connection: look for keys of another type and raise the fence, if there is one.
/// `read_attach` throws `RefusedError` that names the key in the way.
void append_attach(CommandBuffer& out, const Keys& keys);
void read_attach(Value answer);
[[nodiscard]] RefusedError key_in_the_way(std::string_view key, std::string_view type,
                                          std::string_view needed);

/// Pops up to `n` items; `queue_id` names the queue's run if it has no name yet. The leases of
/// what was popped are not set yet.
struct Popped {
  std::vector<Lease> items;
  bool has_history = false;  ///< some item failed before, so `append_history` is worth asking
  std::uint64_t pushed = 0;  ///< the queue's counter of this name; 0 where it is not told
};
void append_pop(CommandBuffer& out, const Keys& keys, std::size_t n, std::string_view queue_id);
[[nodiscard]] Popped read_pop(Value answer);

/// Draws the fence of an item that BRPOPLPUSH has popped. After a long wait the call names the
/// item: then the answer is empty if the item is not in processing any more, or if the queue is
/// paused.
void append_claim(CommandBuffer& out, const Keys& keys, std::string_view queue_id,
                  std::optional<std::string_view> item);
[[nodiscard]] Popped read_claim(Value answer, std::string item);

/// A command that writes one key. At maxmemory Redis admits it only within a script.
void append_write(CommandBuffer& out, const Keys& keys, bool at_maxmemory, std::string_view command,
                  std::string_view key, std::initializer_list<std::string_view> words);

/// Sets the lease of one item; nil if an equal item is leased. `write_at_maxmemory`: at maxmemory.
void append_lease(CommandBuffer& out, const Keys& keys, std::string_view session,
                  const Lease& lease, std::chrono::milliseconds ttl, bool write_at_maxmemory);

/// What earlier attempts left behind; three commands, whose answers are read in this order.
void append_history(CommandBuffer& out, const Keys& keys, std::span<const Lease> leases);
void read_failures(Value answer, std::span<Lease> leases);
void read_crashes(Value answer, std::span<Lease> leases);
void read_checkpoints(Value answer, std::span<Lease> leases);

/// The answers of settle and renew name the items that were lost, that of reclaim those of RedisWQ
/// clients: by their positions, here from 0, among the `n` that were asked about. Throws
/// `ProtocolError` for an invalid position.
[[nodiscard]] std::vector<std::size_t> read_positions(Value answer, std::size_t n);
void append_settle(CommandBuffer& out, const Keys& keys, std::string_view session,
                   std::span<const Settlement> settlements, const RetryPolicy& policy);

/// A lease without its item.
struct Held {
  ItemHash hash{};
  std::uint64_t fence = 0;
  bool alone = false;
};
void append_renew(CommandBuffer& out, const Keys& keys, std::string_view session,
                  std::span<const Held> leases, std::chrono::milliseconds ttl);
/// A checkpoint of a lease, by its number within the lease.
struct Checkpoint {
  Held lease{};
  std::uint64_t number = 0;
  std::string text{};
};
/// Answers as renew does.
void append_checkpoints(CommandBuffer& out, const Keys& keys, std::string_view session,
                        std::span<const Checkpoint> checkpoints, std::chrono::milliseconds ttl);
[[nodiscard]] std::vector<Held> held(std::span<const Lease> leases);

/// How long the mark of a worker that died stays.
inline constexpr std::chrono::milliseconds kMarkLife = std::chrono::hours{1};
/// Writes the mark of the session behind what was settled, also at maxmemory.
void append_mark(CommandBuffer& out, const Keys& keys, std::string_view session,
                 std::uint64_t mark);

/// Marks a lease: its holder holds no other item. Safe to send again.
void append_isolate(CommandBuffer& out, const Keys& keys, std::string_view session,
                    const Lease& lease);

/// Records that a stage comes before the queue. Also at maxmemory. Unless `anew`, no id does not
/// replace one: the stage may have been purged.
void append_stage(CommandBuffer& out, const Keys& keys, const EarlierStage& stage, bool anew);

/// Tells reclaimers what a worker of the queue has. Also at maxmemory.
void append_terms(CommandBuffer& out, const Keys& keys, std::chrono::milliseconds lease,
                  std::uint32_t max_crashes);

/// The counts of these queues, of which there is at least one, in one atomic step.
void append_counts(CommandBuffer& out, std::span<const Keys> queues);
[[nodiscard]] Counts read_counts(Value answer, std::size_t queue = 0);

/// The keys of the leases of these items.
[[nodiscard]] std::vector<std::string> lease_keys(const Keys& keys,
                                                  std::span<const std::string> items);

}  // namespace wq::internal
