#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include <wq/lease.h>
#include <wq/queue.h>

#include "worker/executor.h"

namespace wq::internal {

/// Runs items that may kill their worker (`at_risk`) while the worker holds nothing else, one at a
/// time: an item is buried only for a crash that it had alone, so the lease says that it is.
///
/// Such an item is kept aside, with its lease renewed, until everything else is settled; nothing
/// more is leased meanwhile. Then its lease is marked and it runs. Of the worker's main thread.
class Isolation {
 public:
  /// Marks a lease on Redis; false if it was lost.
  using Mark = std::function<bool(const Lease&)>;

  Isolation(Executor& executor, RetryPolicy policy, Mark mark);

  /// Sets aside the first item of `leased` that is at risk, and takes it out. True if there was
  /// one, or one is kept already: then no other item may begin beside it, and the rest is released.
  bool take_in(std::vector<Lease>& leased);

  /// True from then on until that item is settled or lost. Nothing may be leased.
  [[nodiscard]] bool active() const noexcept { return phase_ != Phase::none; }
  /// The last that came in held an item at risk. The next is likely to be one as well, so more than
  /// one would only go back.
  [[nodiscard]] bool expects_another() const noexcept { return expects_another_; }

  /// To be called whenever something was settled: runs the item once it is all that is held.
  /// `holding`: the items held, this one included; `quiet`: nothing is on its way from or to Redis.
  /// Throws what the mark throws.
  void advance(std::uint64_t holding, bool quiet);

  /// A lease that was given up while it was marked is settled as what it is to Redis.
  void correct(Lease& lease) const noexcept;

 private:
  enum class Phase { none, waiting, running };

  Executor& executor_;
  const RetryPolicy policy_;
  const Mark mark_;
  Phase phase_ = Phase::none;
  bool expects_another_ = false;
  std::uint64_t fence_ = 0;  // of the last item that was marked; 0: there was none
};

}  // namespace wq::internal
