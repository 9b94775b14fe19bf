#include "base/backoff.h"

#include <cstdint>

#include <gtest/gtest.h>

namespace wq::internal {
namespace {

using namespace std::chrono_literals;

TEST(Backoff, LiesBetweenHalfOfAndTheWholeOfTheWait) {
  EXPECT_EQ(backoff_delay(1, 1s, 5min, 0.0), 500ms);
  EXPECT_EQ(backoff_delay(1, 1s, 5min, 0.5), 750ms);
  EXPECT_EQ(backoff_delay(1, 1s, 5min, 0.999), 1'000ms);
}

TEST(Backoff, DoublesUpToTheLongest) {
  EXPECT_EQ(backoff_delay(2, 1s, 5min, 0.0), 1s);
  EXPECT_EQ(backoff_delay(5, 1s, 5min, 0.0), 8s);
  EXPECT_EQ(backoff_delay(9, 1s, 5min, 0.0), 128s);
  EXPECT_EQ(backoff_delay(10, 1s, 5min, 0.0), 150s);
  EXPECT_EQ(backoff_delay(11, 1s, 5min, 0.0), 150s);
}

TEST(Backoff, DoesNotOverflow) {
  for (const std::uint64_t n : {64ULL, 1'000ULL, ~0ULL}) {
    EXPECT_EQ(backoff_delay(n, 24h, 24h, 0.0), 12h);
  }
}

TEST(Backoff, TakesZeroForTheFirst) { EXPECT_EQ(backoff_delay(0, 1s, 5min, 0.0), 500ms); }

TEST(Backoff, MayBeNothing) {
  EXPECT_EQ(backoff_delay(7, 0ms, 5min, 0.9), 0ms);
  EXPECT_EQ(backoff_delay(7, 1s, 0ms, 0.9), 0ms);
}

TEST(Backoff, IsTheLongestWhenTheFirstIsLonger) { EXPECT_EQ(backoff_delay(1, 10min, 2s, 0.0), 1s); }

}  // namespace
}  // namespace wq::internal
