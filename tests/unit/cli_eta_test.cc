// Estimates held against simulated runs whose end is known.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <functional>
#include <queue>
#include <random>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "cli/eta.h"

namespace wq::cli {
namespace {

using Random = std::mt19937_64;

/// A queue and its workers, second by second.
struct Simulation {
  std::uint64_t items = 10'000;
  std::uint64_t slots = 20;
  /// How long an item takes that is begun at this second, in seconds.
  std::function<double(double, Random&)> takes = [](double, Random&) { return 1.0; };
  double fails = 0;       ///< the part of all tries that end in a delay of 5 s
  double push_every = 0;  ///< a producer adds one that often, in seconds, and never ends
  double longest = 100'000;
  std::uint64_t seed = 1;

  struct Sample {
    double at;
    Counts counts;
    double oldest;
    double last_due;
  };

  /// A sample a second, up to the end.
  [[nodiscard]] std::vector<Sample> run() const;
};

std::vector<Simulation::Sample> Simulation::run() const {
  Random random(seed);
  std::uniform_real_distribution<double> chance;
  using Running = std::pair<double, double>;  // ends, began
  std::priority_queue<Running, std::vector<Running>, std::greater<>> running;
  std::priority_queue<double, std::vector<double>, std::greater<>> delayed;
  Counts counts;
  counts.id = "run";
  counts.ready = counts.pushed = items;
  counts.producers = push_every > 0 ? 1 : 0;
  std::vector<Sample> samples;
  double next_sample = 0;
  double last_due = 0;
  double next_push = push_every;
  const auto oldest = [&](double now) {
    auto copy = running;
    double age = 0;
    for (; !copy.empty(); copy.pop()) age = std::max(age, now - copy.top().second);
    return age;
  };
  for (double now = 0; now < longest;) {
    while (counts.ready > 0 && running.size() < slots) {
      --counts.ready;
      running.push({now + takes(now, random), now});
    }
    counts.processing = running.size();
    counts.delayed = delayed.size();
    double next = next_sample;
    if (!running.empty()) next = std::min(next, running.top().first);
    if (!delayed.empty()) next = std::min(next, delayed.top());
    if (push_every > 0) next = std::min(next, next_push);
    now = next;
    if (push_every > 0 && now == next_push) {
      ++counts.ready;
      ++counts.pushed;
      next_push += push_every;
    } else if (now == next_sample) {
      samples.push_back({now, counts, oldest(now), std::max(0.0, last_due - now)});
      next_sample += 1;
      if (counts.drained()) break;
    } else if (!delayed.empty() && now == delayed.top()) {
      delayed.pop();
      ++counts.ready;
    } else {
      running.pop();
      if (chance(random) < fails) {
        ++counts.failed;
        delayed.push(last_due = now + 5);
      } else {
        ++counts.completed;
      }
    }
  }
  return samples;
}

TimePoint at(double seconds) {
  return TimePoint{} + std::chrono::duration_cast<TimePoint::duration>(Seconds{seconds});
}

/// How the ranges of a run were.
struct Score {
  double said = 0;      ///< the part of all seconds for which there was a range
  double right = 0;     ///< the part of the ranges in which the end was
  double too_late = 0;  ///< the part of the ranges that ended before the end
  double width = 0;     ///< most divided by least, the median of what was said at half time
};

Score score(const Simulation& simulation) {
  const auto samples = simulation.run();
  const double end = samples.back().at;
  EtaHistory history;
  double ranges = 0;
  double right = 0;
  double late = 0;
  double width = 0;
  for (const auto& sample : samples) {
    history.add(at(sample.at), sample.counts, {Seconds{sample.oldest}, Seconds{sample.last_due}});
    const Eta eta = history.eta();
    if (!eta.most) continue;
    const double left = end - sample.at;
    ++ranges;
    if (eta.least->count() <= left && left <= eta.most->count() + 1) ++right;
    if (left > eta.most->count() + 1) ++late;
    if (width == 0 && sample.at >= end / 2) width = *eta.most / *eta.least;
  }
  return {ranges / static_cast<double>(samples.size()), right / std::max(ranges, 1.0),
          late / std::max(ranges, 1.0), width};
}

auto exponential(double mean) {
  return [mean](double, Random& random) {
    return std::exponential_distribution<double>(1 / mean)(random);
  };
}

TEST(Eta, OfASteadyRunIsRightAndNarrow) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const Score found = score({.takes = exponential(1), .seed = seed});
    RecordProperty("width", std::to_string(found.width));
    EXPECT_GT(found.said, 0.95) << seed;
    EXPECT_GT(found.right, 0.85) << seed;
    EXPECT_LT(found.width, 1.5) << seed;
  }
}

TEST(Eta, OfItemsThatAllTakeTheSameTimeIsRight) {
  const Score found = score({.takes = [](double, Random&) { return 7.0; }});
  EXPECT_GT(found.right, 0.95);
  EXPECT_LT(found.width, 1.6);
}

TEST(Eta, OfItemsWhoseTimesDifferMuchIsMostlyRight) {
  // The longest of ten thousand takes some 25 times as long as the mean, and may come last.
  double right = 0;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const Score found = score(
        {.slots = 50,
         .takes = [](double,
                     Random& random) { return std::lognormal_distribution<double>(0, 1)(random); },
         .seed = seed});
    right += found.right / 10;
    EXPECT_LT(found.width, 2.5) << seed;
  }
  EXPECT_GT(right, 0.9);
}

TEST(Eta, OfTheLastItemsGrowsWithTheirAge) {
  // Three of a thousand items take ten minutes, all others a second.
  int number = 0;
  const Simulation simulation{
      .items = 1'000, .takes = [&number](double, Random&) { return ++number > 997 ? 600.0 : 1.0; }};
  EtaHistory history;
  for (const auto& sample : simulation.run()) {
    history.add(at(sample.at), sample.counts, {Seconds{sample.oldest}, {}});
    const Eta eta = history.eta();
    if (sample.oldest > 60) {
      EXPECT_TRUE(!eta.most || *eta.most >= Seconds{sample.oldest}) << sample.at;
    }
  }
}

TEST(Eta, OfARunThatSlowsDownIsSeldomTooEarly) {
  // In the end half as fast as in the beginning.
  const Score found = score({.takes = [](double now, Random& random) {
    return std::exponential_distribution<double>(1 / (1 + now / 700))(random);
  }});
  EXPECT_GT(found.right, 0.6);
  EXPECT_LT(found.width, 3);
}

TEST(Eta, OfARunThatGetsMoreWorkersFollows) {
  const Score found =
      score({.items = 40'000, .takes = [](double now, Random& random) {
               return std::exponential_distribution<double>(now < 300 ? 0.25 : 1)(random);
             }});
  EXPECT_GT(found.right, 0.7);
}

TEST(Eta, OfBurstsIsWideAndRight) {
  // All slots begin and end together, once in 20 s.
  const Score found = score(
      {.items = 2'000, .takes = [](double now, Random&) { return 20.0 - std::fmod(now, 20.0); }});
  EXPECT_GT(found.right, 0.8);
}

TEST(Eta, OfARunWithRetriesCountsThemIn) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const Score found = score({.takes = exponential(1), .fails = 0.3, .seed = seed});
    EXPECT_GT(found.right, 0.85) << seed;
    EXPECT_LT(found.width, 1.6) << seed;
  }
}

TEST(Eta, OfAQueueThatIsBeingFilledIsALowerBound) {
  const Simulation simulation{
      .items = 1'000, .takes = exponential(1), .push_every = 0.1, .longest = 60};
  EtaHistory history;
  bool said = false;
  for (const auto& sample : simulation.run()) {
    history.add(at(sample.at), sample.counts);
    const Eta eta = history.eta();
    EXPECT_FALSE(eta.most);
    said = said || eta.least;
  }
  EXPECT_TRUE(said);
}

TEST(Eta, SaysNothingBeforeItHasSeenEnough) {
  Counts counts;
  counts.id = "run";
  counts.ready = 1'000;
  EtaHistory history;
  EXPECT_FALSE(history.eta().least);
  for (int second = 0; second < 10; ++second) {
    history.add(at(second), counts);
    EXPECT_FALSE(history.eta().least) << second;
    counts.ready -= 10;
    counts.completed += 10;
  }
  // Long enough, and too little.
  EtaHistory slow;
  counts.completed = 0;
  for (int second = 0; second < 100; ++second) {
    slow.add(at(second), counts);
    EXPECT_FALSE(slow.eta().least) << second;
    if (second % 20 == 10) ++counts.completed;
  }
}

TEST(Eta, OfOneBurstAloneIsNothing) {
  Counts counts;
  counts.id = "run";
  counts.ready = 1'000;
  EtaHistory history;
  for (int second = 0; second < 50; ++second) {
    if (second == 30) counts.completed += 300;
    history.add(at(second), counts);
    EXPECT_FALSE(history.eta().most) << second;
  }
}

TEST(Eta, OfAPausedQueueIsNothing) {
  Counts counts;
  counts.id = "run";
  counts.ready = 1'000;
  EtaHistory history;
  for (int second = 0; second < 200; ++second) {
    counts.paused = second >= 100;
    history.add(at(second), counts);
    if (!counts.paused) ++counts.completed;
  }
  EXPECT_FALSE(history.eta().least);
  EXPECT_FALSE(history.eta().silent);
}

TEST(Eta, CountsWhatRedisWqClientsComplete) {
  Counts counts;
  counts.id = "run";
  counts.ready = 1'000;
  counts.foreign = 1;
  EtaHistory history;
  for (int second = 0; second <= 60; ++second) {
    history.add(at(second), counts);
    counts.ready -= 10;
  }
  const Eta eta = history.eta();
  EXPECT_DOUBLE_EQ(eta.rate, 10);
  EXPECT_DOUBLE_EQ(eta.rate_now, 10);
  ASSERT_TRUE(eta.most);
  EXPECT_LE(eta.least->count(), 40);
  EXPECT_GE(eta.most->count(), 40);
}

TEST(Eta, DoesNotTakeItForProgressThatDeadLettersAreDroppedRetriedOrMerged) {
  Counts counts;
  counts.id = "run";
  counts.ready = 10'000;
  counts.dead = counts.died = 600;
  EtaHistory history;
  for (int second = 0; second <= 60; ++second) {
    history.add(at(second), counts);
    counts.ready -= 2;
    ++counts.completed;
    // One dies as well; an equal one is among the dead letters already.
    ++counts.died;
    ++counts.merged;
    if (second == 30) counts.dropped += std::exchange(counts.dead, 300) - 300;
    if (second == 55) counts.ready += std::exchange(counts.dead, 0);
  }
  // In the second of the retry only what was completed is known.
  EXPECT_DOUBLE_EQ(history.eta().rate, 119.0 / 60);
  EXPECT_DOUBLE_EQ(history.eta().rate_now, 1.9);
}

TEST(Eta, TellsTheRateOfNowFromThatOfTheRun) {
  Counts counts;
  counts.id = "run";
  counts.ready = 100'000;
  EtaHistory history;
  for (int second = 0; second <= 100; ++second) {
    history.add(at(second), counts);
    counts.completed += second < 80 ? 10 : 50;
  }
  EXPECT_DOUBLE_EQ(history.eta().rate_now, 50);
  EXPECT_DOUBLE_EQ(history.eta().rate, 18);
}

TEST(Eta, NeverEndsBeforeTheLastDelayedItemIsDue) {
  Counts counts;
  counts.id = "run";
  counts.ready = 1'000;
  counts.delayed = 1;
  EtaHistory history;
  for (int second = 0; second <= 60; ++second) {
    history.add(at(second), counts, {{}, Seconds{1'000}});
    counts.ready -= 10;
    counts.completed += 10;
  }
  const Eta eta = history.eta();
  EXPECT_EQ(eta.least, Seconds{1'000});
  EXPECT_GE(eta.most, Seconds{1'000});
}

TEST(Eta, OfAWatchOfDaysStillFollowsTheLastMinutes) {
  Counts counts;
  counts.id = "run";
  counts.ready = 10'000'000;
  EtaHistory history;
  int second = 0;
  for (; second < 200'000; ++second) {
    history.add(at(second), counts);
    counts.ready -= 1;
    counts.completed += 1;
  }
  for (; second < 204'000; ++second) {
    history.add(at(second), counts);
    counts.ready -= 2'000;
    counts.completed += 2'000;
  }
  const Eta eta = history.eta();
  const double left = static_cast<double>(counts.ready) / 2'000;
  ASSERT_TRUE(eta.most);
  EXPECT_LE(eta.least->count(), left);
  EXPECT_GE(eta.most->count(), left);
  EXPECT_LT(eta.most->count(), 2 * left);
  EXPECT_DOUBLE_EQ(eta.rate_now, 2'000);
}

}  // namespace
}  // namespace wq::cli
