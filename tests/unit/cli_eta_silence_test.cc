// When a watch says that a queue is stuck.
#include <chrono>

#include <gtest/gtest.h>

#include "cli/eta.h"

namespace wq::cli {
namespace {

TimePoint silent_at(int second) { return TimePoint{} + std::chrono::seconds{second}; }

TEST(Eta, SaysThatNothingIsCompletedAnyMore) {
  Counts counts;
  counts.id = "run";
  counts.ready = 1'000;
  counts.processing = 4;
  EtaHistory history;
  for (int second = 0; second <= 100; ++second) {
    history.add(silent_at(second), counts);
    ++counts.completed;
  }
  --counts.completed;
  for (int second = 101; second < 160; ++second) {
    history.add(silent_at(second), counts);
    EXPECT_FALSE(history.eta().silent) << second;
  }
  history.add(silent_at(160), counts);
  EXPECT_EQ(history.eta().silent, Seconds{60});
  EXPECT_FALSE(history.eta().least);
  ++counts.completed;
  history.add(silent_at(161), counts);
  EXPECT_FALSE(history.eta().silent);
}

TEST(Eta, DoesNotCallAQueueSilentThatIsSlow) {
  Counts counts;
  counts.id = "run";
  counts.ready = 1'000;
  EtaHistory history;
  for (int second = 0; second <= 5'000; ++second) {
    if (second % 100 == 99) ++counts.completed;
    history.add(silent_at(second), counts);
    if (second > 100) {
      EXPECT_FALSE(history.eta().silent) << second;
    }
  }
}

TEST(Eta, DoesNotCallAQueueSilentWhoseItemsTakeAnHour) {
  Counts counts;
  counts.id = "run";
  counts.ready = 10;
  counts.processing = 1;
  EtaHistory history;
  // Leased half an hour before the watch began.
  for (int second = 0; second < 10'000; ++second) {
    const int age = (second + 1'800) % 3'600;
    if (age == 0) ++counts.completed;
    history.add(silent_at(second), counts, {Seconds{age}, {}});
    ASSERT_FALSE(history.eta().silent) << second;
  }
  // Ten times as long is too long all the same.
  int second = 10'000;
  while (!history.eta().silent && second < 100'000) {
    ++second;
    history.add(silent_at(second), counts, {Seconds{second - 9'000}, {}});
  }
  EXPECT_NEAR(second, 9'000 + 36'000, 10);
}

TEST(Eta, CallsAQueueSilentWhenNobodyHoldsAnything) {
  Counts counts;
  counts.id = "run";
  counts.ready = 10;
  EtaHistory history;
  for (int second = 0; second <= 60; ++second) history.add(silent_at(second), counts);
  EXPECT_EQ(history.eta().silent, Seconds{60});
}

}  // namespace
}  // namespace wq::cli
