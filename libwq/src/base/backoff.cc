#include "base/backoff.h"

#include <algorithm>
#include <cmath>

namespace wq::internal {

std::chrono::milliseconds backoff_delay(std::uint64_t n, std::chrono::milliseconds base,
                                        std::chrono::milliseconds longest, double fraction) {
  // Doubles cannot overflow here: past 2^62 the longest wait has long been reached.
  const double doublings = static_cast<double>(std::clamp<std::uint64_t>(n, 1, 63) - 1);
  const double whole = std::min(static_cast<double>(longest.count()),
                                static_cast<double>(base.count()) * std::exp2(doublings));
  return std::chrono::milliseconds{std::llround(whole * (0.5 + 0.5 * fraction))};
}

}  // namespace wq::internal
