#include "queue/check_policy.h"

#include <stdexcept>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "queue/operations.h"

namespace wq::internal {

using std::chrono::milliseconds;

void check_range(const char* what, milliseconds value, milliseconds lowest, milliseconds highest) {
  if (value < lowest || value > highest) {
    throw std::invalid_argument(
        fmt::format("{} is {}; it must lie between {} and {}", what, value, lowest, highest));
  }
}

void check_policy(const RetryPolicy& policy) {
  check_range("the longest backoff", policy.backoff_max, milliseconds{0}, kLongestDelay);
  check_range("the first backoff", policy.backoff_base, milliseconds{0}, policy.backoff_max);
  check_range("the release delay", policy.release_delay, milliseconds{0}, kLongestDelay);
  check_range("the results' time to live", policy.results_ttl, milliseconds{0}, kLongestResultsTtl);
  if (policy.history > kMostHistory) {
    throw std::invalid_argument(
        fmt::format("the history is {} attempts; the limit is {}", policy.history, kMostHistory));
  }
  if (policy.max_attempts == 0) throw std::invalid_argument("the attempts must be at least 1");
  if (policy.max_crashes == 0) throw std::invalid_argument("the crashes must be at least 1");
}

}  // namespace wq::internal
