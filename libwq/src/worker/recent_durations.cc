#include "worker/recent_durations.h"

#include <cstdint>

namespace wq::internal {
namespace {

// A bounded number of parts, however many calls there are.
constexpr std::chrono::seconds kPart{5};

}  // namespace

void RecentDurations::add(TimePoint at, std::chrono::nanoseconds took, std::size_t items) {
  if (parts_.empty() || at - parts_.back().begun >= kPart) parts_.push_back({at});
  parts_.back().took += took;
  parts_.back().items += items;
  while (parts_.size() > 1 && at - parts_.front().begun >= kWindow) parts_.pop_front();
}

std::optional<std::chrono::nanoseconds> RecentDurations::per_item(TimePoint now) const {
  Part sum;
  for (std::size_t i = parts_.size(); i > 0; --i) {  // the newest first
    const Part& part = parts_[i - 1];
    if (sum.items > 0 && now - part.begun >= kWindow) break;
    sum.took += part.took;
    sum.items += part.items;
  }
  if (sum.items == 0) return std::nullopt;
  return sum.took / static_cast<std::int64_t>(sum.items);
}

}  // namespace wq::internal
