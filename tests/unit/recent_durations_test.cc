#include "worker/recent_durations.h"

#include <gtest/gtest.h>

namespace wq::internal {
namespace {

using namespace std::chrono_literals;

TEST(RecentDurations, KnowsNothingBeforeTheFirstCall) {
  EXPECT_FALSE(RecentDurations{}.per_item(TimePoint{}));
}

TEST(RecentDurations, DividesTheTimeOfACallAmongItsItems) {
  RecentDurations recent;
  recent.add(TimePoint{}, 12ms, 4);
  EXPECT_EQ(recent.per_item(TimePoint{}), 3ms);
}

TEST(RecentDurations, FollowsHalfTheSpeedWithinAMinute) {
  RecentDurations recent;
  TimePoint now{};
  for (int i = 0; i < 100; ++i) recent.add(now += 10s, 10s, 1);
  EXPECT_EQ(recent.per_item(now), 10s);
  for (int i = 0; i < 3; ++i) recent.add(now += 20s, 20s, 1);
  EXPECT_EQ(recent.per_item(now), 20s);
}

TEST(RecentDurations, KeepsTheLastCallOfLongItems) {
  RecentDurations recent;
  recent.add(TimePoint{} + 1h, 1h, 1);
  recent.add(TimePoint{} + 3h, 2h, 1);
  EXPECT_EQ(recent.per_item(TimePoint{} + 4h), 2h);
}

}  // namespace
}  // namespace wq::internal
