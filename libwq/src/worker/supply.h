#pragma once

#include <cstddef>

#include <wq/worker.h>

#include "worker/executor.h"

namespace wq::internal {

/// How many items a worker holds, so that its slots are busy and no other worker waits for items
/// that it holds idle. Immutable.
class Supply {
 public:
  /// `options` must outlive it.
  explicit Supply(const WorkerOptions& options);

  /// Items to have in the slots that are ready and ahead of them.
  [[nodiscard]] std::size_t target(const Executor::Load& load) const;
  /// Of these, what is leased while the slots work, so that none of them waits for Redis between
  /// two batches: what the further calls of each slot take, or, where it has one call, the next of
  /// several items. A single item is not put behind another one while a slot that could begin it is
  /// still being made ready.
  [[nodiscard]] std::size_t next_batches(const Executor::Load& load) const;

 private:
  [[nodiscard]] std::size_t ahead(const Executor::Load& load) const;
  [[nodiscard]] std::size_t items_of_batch(const Executor::Load& load) const;

  const WorkerOptions& options_;
};

}  // namespace wq::internal
