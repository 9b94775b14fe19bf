// wq-push --rate, on a clock of the test's own.
#include "wq-push/pacer.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <vector>

#include <gtest/gtest.h>

namespace wq::push {
namespace {

using namespace std::chrono_literals;
using Clock = Pacer::Clock;

// When each of so many items goes, if every wait lasts `late` longer than it should.
std::vector<Clock::duration> times_of(Pacer& pacer, std::size_t items, Clock::duration late = 0ns) {
  const Clock::time_point begin{1h};
  Clock::time_point now = begin;
  std::vector<Clock::duration> times;
  for (std::size_t i = 0; i < items; ++i) {
    const auto wait = pacer.before_next(now);
    if (wait && *wait > 0ns) now += *wait + late;
    times.push_back(now - begin);
  }
  return times;
}

std::size_t most_at_once(const std::vector<Clock::duration>& times) {
  std::size_t most = 0;
  for (const auto time : times) {
    most = std::max<std::size_t>(most, static_cast<std::size_t>(std::ranges::count(times, time)));
  }
  return most;
}

TEST(Pacer, LetsTheFirstItemGoAtOnce) {
  Pacer pacer(5);
  EXPECT_EQ(pacer.before_next(Clock::time_point{1h}), 0ns);
}

TEST(Pacer, SpacesSingleItemsEvenlyWhenTheyAreFew) {
  Pacer pacer(5);
  const auto times = times_of(pacer, 6);
  for (std::size_t i = 0; i < times.size(); ++i) EXPECT_EQ(times[i], i * 200ms);
}

TEST(Pacer, SendsATenthOfASecondsWorthAtOnceAndNoMore) {
  Pacer pacer(1'234);
  const auto times = times_of(pacer, 5'000);
  EXPECT_EQ(most_at_once(times), 123U);
  EXPECT_NEAR(std::chrono::duration<double>(times.back()).count(), 5'000 / 1'234.0, 0.11);
}

TEST(Pacer, KeepsItsRateThoughEachWaitIsALittleLate) {
  Pacer pacer(1'000);
  const auto times = times_of(pacer, 100'001, 1ms);
  EXPECT_NEAR(std::chrono::duration<double>(times.back()).count(), 100, 0.2);
}

TEST(Pacer, DoesNotMakeUpForLostTime) {
  Pacer pacer(100);
  static_cast<void>(times_of(pacer, 10));
  Clock::time_point now{2h};
  std::deque<Clock::time_point> last;
  for (int i = 0; i < 1'000; ++i) {
    if (const auto wait = pacer.before_next(now)) now += *wait;
    last.push_back(now);
    if (last.size() > 10) {
      EXPECT_GE(now - last.front(), 100ms) << "more than ten in a tenth of a second";
      last.pop_front();
    }
  }
}

}  // namespace
}  // namespace wq::push
