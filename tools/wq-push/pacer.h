#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace wq::push {

/// Spreads items evenly over the time: says before which items to wait, and how long. Items go in
/// groups of a tenth of a second's worth, or one by one. Time that was lost, while the input paused
/// or Redis was away, is not made up for, so there is never more than one group at once.
class Pacer {
 public:
  using Clock = std::chrono::steady_clock;

  /// `per_second`: at least 1.
  explicit Pacer(std::uint64_t per_second);

  /// To be asked before each item. Nothing: it belongs to the group under way. Else how long to
  /// wait, perhaps not at all, before the group that it begins.
  [[nodiscard]] std::optional<Clock::duration> before_next(Clock::time_point now);

 private:
  const std::uint64_t group_;
  const Clock::duration period_;  // of a group
  std::uint64_t left_ = 0;        // of the group under way
  Clock::time_point next_;        // when the next group begins
};

}  // namespace wq::push
