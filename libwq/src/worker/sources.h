#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include <wq/worker.h>

#include "worker/queue_lease.h"
#include "worker/queue_source.h"

namespace wq::internal {

/// The queues of a worker, each at its place. The main thread changes and walks the list; what says
/// so is for all threads.
class Sources {
 public:
  using Source = std::shared_ptr<QueueSource>;

  [[nodiscard]] std::size_t size() const noexcept { return list_.size(); }
  [[nodiscard]] auto begin() const noexcept { return list_.begin(); }
  [[nodiscard]] auto end() const noexcept { return list_.end(); }
  [[nodiscard]] QueueSource& operator[](QueueIndex place) const { return *list_[place]; }
  /// The same for any thread, of a place of which an item is held.
  [[nodiscard]] Source of(QueueIndex place) const;

  /// Adds a source, in a place behind the others.
  void add(Source source);
  /// Puts a source in the place of one that is idle.
  void replace(QueueIndex place, Source source);

  /// All sources. Any thread.
  [[nodiscard]] std::vector<Source> all() const;
  /// One that was replaced and has a heartbeat; null: none is left. Any thread.
  [[nodiscard]] Source take_replaced();

  /// Of each, what is not of the handlers. Any thread.
  [[nodiscard]] std::vector<WorkerStats> stats() const;
  /// The sum of these and of those that were replaced. Any thread.
  [[nodiscard]] WorkerStats total() const;

  /// Items leased, but for those that went back.
  [[nodiscard]] std::uint64_t leased() const;

 private:
  mutable std::mutex mutex_;  // for writing, and for reading in other threads than the main one
  std::vector<Source> list_;
  std::vector<Source> replaced_;
  WorkerStats total_of_replaced_;
  std::uint64_t leased_of_replaced_ = 0;  // of the main thread
};

}  // namespace wq::internal
