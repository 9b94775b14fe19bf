#pragma once

#include <cstdint>

#include "bench/bench.h"

namespace wq::bench {

/// When a bare loop works on what it popped.
enum class Begin {
  when_leased,  ///< when Redis has confirmed the lease, as wq does
  at_once,      ///< the lease and the settlement go out together
};

/// Drains a queue of `n` items without a check of anything, as fast as hiredis can, with as many
/// threads as there are workers: a script that pops 100 items (RPOP with a count, one LPUSH),
/// pipelined SETEX, pipelined LREM, one variadic DEL; two batches under way. Returns items a second
/// from before the first connection is made until the last answer is there.
[[nodiscard]] double bare_drain(Bench& bench, std::uint64_t n, unsigned workers, Begin begin);

/// The same by one worker that holds one item at a time: RPOPLPUSH, SETEX, LREM, DEL, where the
/// settlement and the next pop share a round trip. That is one round trip an item if work begins
/// at once, else two.
[[nodiscard]] double bare_one_by_one(Bench& bench, std::uint64_t n, Begin begin);

}  // namespace wq::bench
