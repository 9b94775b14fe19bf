// When a watch says that a queue is stuck.
#include <chrono>

#include <gtest/gtest.h>

#include "cli/outlook.h"

namespace wq::cli {
namespace {

TimePoint at(int second) { return TimePoint{} + std::chrono::seconds{second}; }

TEST(Outlook, SaysThatNothingIsCompletedAnyMore) {
  Counts counts;
  counts.id = "run";
  counts.ready = 1'000;
  counts.processing = 4;
  OutlookHistory history;
  for (int second = 0; second <= 100; ++second) {
    history.add(at(second), counts);
    ++counts.completed;
  }
  --counts.completed;
  for (int second = 101; second < 160; ++second) {
    history.add(at(second), counts);
    EXPECT_FALSE(history.outlook().silent) << second;
  }
  history.add(at(160), counts);
  EXPECT_EQ(history.outlook().silent, Seconds{60});
  EXPECT_FALSE(history.outlook().least);
  ++counts.completed;
  history.add(at(161), counts);
  EXPECT_FALSE(history.outlook().silent);
}

TEST(Outlook, DoesNotCallAQueueSilentThatIsSlow) {
  Counts counts;
  counts.id = "run";
  counts.ready = 1'000;
  OutlookHistory history;
  for (int second = 0; second <= 5'000; ++second) {
    if (second % 100 == 99) ++counts.completed;
    history.add(at(second), counts);
    if (second > 100) {
      EXPECT_FALSE(history.outlook().silent) << second;
    }
  }
}

TEST(Outlook, DoesNotCallAQueueSilentWhoseItemsTakeAnHour) {
  Counts counts;
  counts.id = "run";
  counts.ready = 10;
  counts.processing = 1;
  OutlookHistory history;
  // Leased half an hour before the watch began.
  for (int second = 0; second < 10'000; ++second) {
    const int age = (second + 1'800) % 3'600;
    if (age == 0) ++counts.completed;
    history.add(at(second), counts, {Seconds{age}, {}});
    ASSERT_FALSE(history.outlook().silent) << second;
  }
  // Ten times as long is too long all the same.
  int second = 10'000;
  while (!history.outlook().silent && second < 100'000) {
    ++second;
    history.add(at(second), counts, {Seconds{second - 9'000}, {}});
  }
  EXPECT_NEAR(second, 9'000 + 36'000, 10);
}

TEST(Outlook, CallsAQueueSilentWhenNobodyHoldsAnything) {
  Counts counts;
  counts.id = "run";
  counts.ready = 10;
  OutlookHistory history;
  for (int second = 0; second <= 60; ++second) history.add(at(second), counts);
  EXPECT_EQ(history.outlook().silent, Seconds{60});
}

}  // namespace
}  // namespace wq::cli
