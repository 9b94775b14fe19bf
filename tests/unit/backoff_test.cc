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

TEST(Spread, LetsFiveHundredConnectionsInASecond) {
  EXPECT_EQ(spread_of_connections(0, 60s), 0ms);
  EXPECT_LT(spread_of_connections(10, 60s), 100ms) << "a few workers do not wait";
  const auto of_2000 = spread_of_connections(2'000, 60s);
  EXPECT_GE(of_2000 * 500, 4'000 * 1s) << "within the first tries";
  // Of later tries one comes in three quarters of the spread.
  EXPECT_GE(of_2000 * 3 / 4 * 501, 4'000 * 1s);
  EXPECT_LT(of_2000, 15s) << "all are back soon";
}

TEST(Spread, LeavesTimeToRenewLeases) {
  EXPECT_EQ(spread_of_connections(4'000, 10s), 2'500ms);
  EXPECT_EQ(spread_of_connections(~0ULL, 1h), 20s);
}

TEST(Spread, IsWholeForTheFirstTryAndAtLeastHalfForOthers) {
  EXPECT_EQ(delay_in_spread(1, 10s, 0.0), 0ms);
  EXPECT_EQ(delay_in_spread(1, 10s, 0.5), 5s);
  EXPECT_EQ(delay_in_spread(2, 10s, 0.0), 5s);
  EXPECT_EQ(delay_in_spread(3, 10s, 0.5), 7'500ms);
  EXPECT_EQ(delay_in_spread(3, 0ms, 0.5), 0ms);
}

}  // namespace
}  // namespace wq::internal
