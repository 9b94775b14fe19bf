#include "metrics/deadline.h"

#include <stdexcept>

#include <gtest/gtest.h>

#include "worker/recent_durations.h"

namespace wq::metrics {
namespace {

using namespace std::chrono_literals;
using internal::RecentDurations;

const Deadline kNoon = parse_deadline("2026-12-01T12:00:00Z");

QueueMetrics with_items(std::uint64_t ready) {
  QueueMetrics metrics;
  metrics.counts.ready = ready;
  metrics.read_at = kNoon - 1'000s;
  metrics.workers = 1;
  metrics.slots = 1;
  return metrics;
}

TEST(WorkersWanted, AreTenForAThousandItemsOfTenSecondsInAThousand) {
  QueueMetrics metrics = with_items(1'000);
  metrics.item_time = 10s;
  EXPECT_EQ(workers_wanted(metrics, kNoon), 10U);
  metrics.item_time = 10'300ms;
  EXPECT_EQ(workers_wanted(metrics, kNoon), 11U);
}

TEST(WorkersWanted, AreTwiceAsManyAMinuteAfterTheSpeedIsHalved) {
  // What the handlers of one worker tell of their durations, on a clock that is moved.
  RecentDurations handlers;
  TimePoint now{};
  for (int i = 0; i < 100; ++i) handlers.add(now += 10s, 10s, 1);
  QueueMetrics metrics = with_items(1'000);
  const auto wanted = [&] {
    metrics.item_time =
        std::chrono::duration_cast<std::chrono::microseconds>(*handlers.per_item(now));
    return workers_wanted(metrics, kNoon);
  };
  EXPECT_EQ(wanted(), 10U);
  for (int i = 0; i < 3; ++i) handlers.add(now += 20s, 20s, 1);
  EXPECT_EQ(wanted(), 20U);
}

TEST(WorkersWanted, CountWhatIsDelayedAndInWork) {
  QueueMetrics metrics = with_items(400);
  metrics.counts.delayed = 300;
  metrics.counts.processing = 300;
  metrics.counts.dead = 5'000;
  metrics.item_time = 10s;
  EXPECT_EQ(remaining_items(metrics.counts), 1'000U);
  EXPECT_EQ(workers_wanted(metrics, kNoon), 10U);
}

TEST(WorkersWanted, AreFewerIfEachHasSeveralSlots) {
  QueueMetrics metrics = with_items(1'000);
  metrics.item_time = 10s;
  metrics.workers = 2;
  metrics.slots = 8;
  EXPECT_EQ(workers_wanted(metrics, kNoon), 3U);
}

TEST(WorkersWanted, AreOneUntilAnItemWasMeasuredAndNoneWhenNothingRemains) {
  QueueMetrics metrics = with_items(1'000);
  EXPECT_EQ(workers_wanted(metrics, kNoon), 1U);
  metrics.read_at = kNoon + 1h;
  EXPECT_EQ(workers_wanted(metrics, kNoon), 1U);
  metrics.item_time = 10s;
  metrics.counts.ready = 0;
  EXPECT_EQ(workers_wanted(metrics, kNoon), 0U);
}

TEST(WorkersWanted, HaveAnItemForEachSlotWhenTheDeadlineIsOverOrTooNear) {
  QueueMetrics metrics = with_items(100);
  metrics.item_time = 10s;
  metrics.slots = 4;
  for (const auto past : {-5s, 0s, 3'600s}) {
    metrics.read_at = kNoon + past;
    EXPECT_EQ(workers_wanted(metrics, kNoon), 25U);
  }
}

TEST(Deadline, IsAPointInTimeInUtc) {
  EXPECT_EQ(kNoon, std::chrono::sys_days{std::chrono::year{2026} / 12 / 1} + 12h);
  for (const char* bad : {"", "1h", "2026-12-01", "2026-12-01T12:00:00", "2026-02-30T12:00:00Z",
                          "2026-12-01T24:00:00Z", "2026-12-01 12:00:00Z"}) {
    EXPECT_THROW(static_cast<void>(parse_deadline(bad)), std::invalid_argument) << bad;
  }
}

}  // namespace
}  // namespace wq::metrics
