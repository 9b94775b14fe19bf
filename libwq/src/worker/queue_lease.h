#pragma once

#include <cstddef>

#include <wq/lease.h>

namespace wq::internal {

/// One of a worker's queues, by its place in their list.
using QueueIndex = std::size_t;

/// A lease of a worker. Each queue draws its own fences, so that two queues give out equal ones: a
/// lease is known by its queue and its fence.
struct QueueLease {
  QueueIndex queue = 0;
  Lease lease{};

  [[nodiscard]] bool is(QueueIndex other_queue, std::uint64_t fence) const noexcept {
    return queue == other_queue && lease.fence == fence;
  }
};

}  // namespace wq::internal
