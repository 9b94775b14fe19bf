#include "worker/supply.h"

#include <algorithm>
#include <chrono>

namespace wq::internal {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// How much work is taken ahead of the handlers: enough to hide a round trip, little enough that
// another worker would not have begun it much earlier.
constexpr milliseconds kAhead{20};
constexpr std::size_t kMostAhead = 256;
constexpr std::size_t kMostAheadBytes = std::size_t{16} << 20U;

}  // namespace

Supply::Supply(const WorkerOptions& options) : options_(options) {}

std::size_t Supply::target(const Executor::Load& load) const {
  return load.ready_slots * items_of_batch(load) + std::max(ahead(load), next_batches(load));
}

std::size_t Supply::ahead(const Executor::Load& load) const {
  if (!load.per_item) return 0;
  const nanoseconds per_item = std::max(*load.per_item, nanoseconds{1});
  const auto by_time = static_cast<std::size_t>(kAhead / per_item) * load.ready_slots;
  const std::size_t by_memory = kMostAheadBytes / (load.item_bytes + 1);
  const std::size_t most = std::max(kMostAhead, 2 * options_.concurrency * options_.batch);
  return std::min({by_time, by_memory, most});
}

std::size_t Supply::items_of_batch(const Executor::Load& load) const {
  if (options_.max_batch_bytes == 0) return options_.batch;
  return std::clamp(options_.max_batch_bytes / (load.item_bytes + 1), std::size_t{1},
                    options_.batch);
}

std::size_t Supply::next_batches(const Executor::Load& load) const {
  const std::size_t items = load.ready_slots * items_of_batch(load);
  if (options_.batch > 1) return items * std::max(options_.calls_per_slot - 1, 1U);
  return load.ready_slots == options_.concurrency ? items * (options_.calls_per_slot - 1) : 0;
}

}  // namespace wq::internal
