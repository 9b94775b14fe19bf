#pragma once

#include <cstddef>
#include <vector>

#include <wq/lease.h>
#include <wq/worker.h>

namespace wq::internal {

/// Calls it, and makes of what it threw, or of a wrong number of outcomes, a failure of each item.
/// Returns one outcome for each, or none if `open`, the number of those that `Batch::settle` has
/// not settled, is zero afterwards. Throws `CannotRun` and `CannotGoOn` on.
[[nodiscard]] std::vector<Outcome> call_handler(const BatchHandler& handler, const Batch& batch,
                                                const std::size_t& open);

/// A handler of batches that calls this one for each item in turn.
[[nodiscard]] BatchHandler one_by_one(Handler handler);

/// Throws for an index that `Batch::settle` and `Batch::checkpoint` reject.
[[noreturn]] void refuse_to_settle(std::size_t index, std::size_t size);

}  // namespace wq::internal
