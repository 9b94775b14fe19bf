#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include <wq/clock.h>
#include <wq/lease.h>
#include <wq/worker.h>

namespace wq::internal {

/// The items that wait for a handler, and which of them make the next batch, in the order in which
/// they came. An item that has crashed before is a batch of its own, so that it takes no other with
/// it. Not thread-safe.
class Batcher {
 public:
  explicit Batcher(const WorkerOptions& options);

  /// `now` is no earlier than that of the call before.
  void give(Lease lease, TimePoint now);

  [[nodiscard]] bool empty() const noexcept { return waiting_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return waiting_.size(); }

  /// Whether a batch that is not full may still become so. If not, it is due at once.
  void expect_more(bool more) { more_to_come_ = more; }

  /// When the next batch is to be handed out: it is full, or has waited for `max_delay`. Only while
  /// something waits.
  [[nodiscard]] TimePoint due() const { return next().due; }

  /// Moves the leases of the next batch into `leases`, which is empty.
  void take(std::vector<Lease>& leases);

  /// Takes out what came no later than `before`, but for the first `keep` that wait.
  [[nodiscard]] std::vector<Lease> take_back(TimePoint before, std::size_t keep);
  /// Takes out the items with these leases.
  [[nodiscard]] std::vector<Lease> take_lost(std::span<const std::uint64_t> fences);

 private:
  struct Waiting {
    Lease lease;
    TimePoint since;
  };
  struct Next {
    std::size_t size = 0;
    TimePoint due;
  };

  [[nodiscard]] Next next() const;

  const std::size_t batch_;
  const std::chrono::milliseconds max_delay_;
  const std::size_t max_bytes_;
  std::deque<Waiting> waiting_;
  bool more_to_come_ = true;
};

}  // namespace wq::internal
