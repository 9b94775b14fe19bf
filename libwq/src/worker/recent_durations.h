#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>

#include <wq/clock.h>

namespace wq::internal {

/// How long an item took, by the calls of the last minute. Not the mean of all: who decides how
/// many workers there must be needs to know within a minute that items take longer now. Not
/// thread-safe.
class RecentDurations {
 public:
  static constexpr std::chrono::seconds kWindow{60};

  /// A call that ended at `at`, not before the last one, took so long with so many items.
  void add(TimePoint at, std::chrono::nanoseconds took, std::size_t items);

  /// The mean of an item. If no call has ended in the last minute, of the last ones before it;
  /// nothing before the first call.
  [[nodiscard]] std::optional<std::chrono::nanoseconds> per_item(TimePoint now) const;

 private:
  // The calls that ended within a few seconds.
  struct Part {
    TimePoint begun;
    std::chrono::nanoseconds took{0};
    std::size_t items = 0;
  };

  std::deque<Part> parts_;
};

}  // namespace wq::internal
