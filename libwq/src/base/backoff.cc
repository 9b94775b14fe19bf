#include "base/backoff.h"

#include <algorithm>
#include <cmath>

namespace wq::internal {
namespace {

// Tries after the first come, in the mean, after three quarters of the spread: 500 a second.
constexpr std::uint64_t kConnectionsInASecondOfSpread = 375;
constexpr std::chrono::milliseconds kLongestSpread{20'000};

}  // namespace

std::chrono::milliseconds backoff_delay(std::uint64_t n, std::chrono::milliseconds base,
                                        std::chrono::milliseconds longest, double fraction) {
  // Doubles cannot overflow here: past 2^62 the longest wait has long been reached.
  const double doublings = static_cast<double>(std::clamp<std::uint64_t>(n, 1, 63) - 1);
  const double whole = std::min(static_cast<double>(longest.count()),
                                static_cast<double>(base.count()) * std::exp2(doublings));
  return std::chrono::milliseconds{std::llround(whole * (0.5 + 0.5 * fraction))};
}

std::chrono::milliseconds spread_of_connections(std::uint64_t workers,
                                                std::chrono::milliseconds lease) {
  // Below, a count that no fleet has cannot overflow.
  const std::uint64_t counted = std::min<std::uint64_t>(workers, 1'000'000);
  const std::chrono::milliseconds whole{counted * kConnectionsOfAWorker * 1'000 /
                                        kConnectionsInASecondOfSpread};
  return std::min({whole, lease / 4, kLongestSpread});
}

std::chrono::milliseconds delay_in_spread(std::uint64_t n, std::chrono::milliseconds spread,
                                          double fraction) {
  const double part = n <= 1 ? fraction : 0.5 + 0.5 * fraction;
  return std::chrono::milliseconds{std::llround(static_cast<double>(spread.count()) * part)};
}

}  // namespace wq::internal
