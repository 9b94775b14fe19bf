#include "worker/scheduler.h"

#include <cstddef>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wq::internal {
namespace {

using namespace std::chrono_literals;
using ::testing::Each;
using ::testing::ElementsAre;

/// A worker that wants items of queues which have any number of them, or as many as is said.
class Scheduling : public ::testing::Test {
 protected:
  void begin(std::vector<unsigned> weights, const WorkerOptions& options = {}) {
    std::vector<QueueShare> queues;
    for (const unsigned weight : weights) queues.push_back({"q", weight});
    scheduler_.emplace(queues, options);
    open_.assign(weights.size(), true);
    leased_.assign(weights.size(), 0);
  }

  std::vector<std::size_t> divide(std::size_t want) {
    std::vector<std::size_t> shares;
    scheduler_->divide(want, open_, now_, shares);
    for (std::size_t i = 0; i < shares.size(); ++i) leased_[i] += shares[i];
    return shares;
  }

  /// The queues in the order in which they are asked for one item each time.
  std::string order(int items) {
    std::string order;
    for (int i = 0; i < items; ++i) {
      const auto shares = divide(1);
      for (std::size_t queue = 0; queue < shares.size(); ++queue) {
        if (shares[queue] > 0) order += static_cast<char>('a' + queue);
      }
    }
    return order;
  }

  std::optional<Scheduler> scheduler_;
  std::vector<bool> open_;
  std::vector<std::size_t> leased_;
  TimePoint now_{1h};
};

TEST_F(Scheduling, GivesTheOnlyQueueAllThatIsWanted) {
  begin({1});
  EXPECT_THAT(divide(1'000), ElementsAre(1'000));
}

TEST_F(Scheduling, TakesTurnsByWeightThatGoOnHoweverFewItemsAreWantedAtATime) {
  begin({2, 1});
  const std::string a(Scheduler::kShortestTurn, 'a');
  const std::string b(Scheduler::kShortestTurn, 'b');
  EXPECT_EQ(order(static_cast<int>(6 * a.size())), a + b + a + a + b + a);
}

TEST_F(Scheduling, GivesATurnToAnotherQueueIfItsQueueHasNoItems) {
  begin({1, 1});
  EXPECT_EQ(order(1), "a");
  open_[0] = false;
  EXPECT_EQ(order(2), "bb");
}

TEST_F(Scheduling, KeepsTheSharesOverAnyThousandLeasesHoweverManyAreWantedAtATime) {
  for (const std::size_t want : {1U, 3U, 7U, 100U, 1'000U}) {
    begin({6, 3, 1});
    std::vector<std::vector<std::size_t>> after{{0, 0, 0}};
    std::size_t leased = 0;
    while (leased < 20'000) {
      divide(want);
      after.push_back(leased_);
      leased = leased_[0] + leased_[1] + leased_[2];
    }
    std::size_t from = 0;
    for (const auto& now : after) {
      const auto sum = [](const auto& of) { return of[0] + of[1] + of[2]; };
      while (sum(now) - sum(after[from]) >= 1'000 + Scheduler::kMostAtOnce) ++from;
      const std::size_t window = sum(now) - sum(after[from]);
      if (window < 1'000) continue;
      const double parts[] = {0.6, 0.3, 0.1};
      for (std::size_t queue = 0; queue < 3; ++queue) {
        const double share =
            static_cast<double>(now[queue] - after[from][queue]) / static_cast<double>(window);
        ASSERT_NEAR(share, parts[queue], 0.05) << "queue " << queue << ", " << want << " at a time";
      }
    }
  }
}

TEST_F(Scheduling, GivesTheOthersWhatAQueueWithoutItemsDoesNotUse) {
  begin({8, 1, 1});
  open_[0] = false;
  EXPECT_THAT(divide(64), ElementsAre(0, 32, 32));
}

TEST_F(Scheduling, GivesNoCreditForTheTimeWithoutItems) {
  begin({1, 1});
  open_[0] = false;
  for (int i = 0; i < 100; ++i) divide(60);
  open_[0] = true;
  const auto before = leased_;
  for (int i = 0; i < 100; ++i) divide(60);
  EXPECT_NEAR(static_cast<double>(leased_[0] - before[0]),
              static_cast<double>(leased_[1] - before[1]), Scheduler::kShortestTurn);
}

TEST_F(Scheduling, ChargesNoQueueForItemsThatItDidNotHave) {
  begin({1, 1});
  EXPECT_THAT(divide(64), ElementsAre(32, 32));
  scheduler_->answered(0, 32);
  scheduler_->answered(1, 0);
  EXPECT_THAT(divide(32), ElementsAre(32, 0)) << "as if it had never been asked";
}

TEST_F(Scheduling, ChargesAQueueThatWasOpenAllTheTimeOnlyForItsItems) {
  begin({1, 1});
  for (int i = 0; i < 10; ++i) divide(64);
  EXPECT_THAT(divide(64), ElementsAre(32, 32));
  scheduler_->answered(0, 32);
  EXPECT_THAT(divide(32), ElementsAre(32, 0));
}

TEST_F(Scheduling, FillsABatchFromOneQueueEvenIfItIsWantedInParts) {
  WorkerOptions options;
  options.batch = 32;
  begin({1, 1}, options);
  EXPECT_THAT(divide(32), ElementsAre(32, 0));
  EXPECT_THAT(divide(20), ElementsAre(0, 20));
  EXPECT_THAT(divide(44), ElementsAre(32, 12)) << "the batch that was begun is filled first";
  EXPECT_THAT(divide(64), ElementsAre(32, 32));
}

TEST_F(Scheduling, AsksForNothingWhereNothingIsWantedOrNoQueueIsOpen) {
  begin({1, 2});
  EXPECT_THAT(divide(0), Each(0U));
  open_ = {false, false};
  EXPECT_THAT(divide(10), Each(0U));
}

class SchedulingInOrder : public Scheduling {
 protected:
  SchedulingInOrder() { options_.strict = true; }
  WorkerOptions options_;
};

TEST_F(SchedulingInOrder, GivesTheFirstQueueThatHasItemsEverything) {
  begin({1, 9, 1}, options_);
  EXPECT_EQ(order(5), "aaaaa");
  open_[0] = false;
  EXPECT_EQ(order(5), "bbbbb");
  open_[0] = true;
  EXPECT_EQ(order(2), "aa");
}

TEST_F(SchedulingInOrder, BoostsAQueueThatWasNotAskedForTooLong) {
  options_.boost_after = 10s;
  begin({1, 1, 1}, options_);
  EXPECT_EQ(order(3), "aaa");
  now_ += 9'999ms;
  EXPECT_EQ(order(2), "aa");
  now_ += 1ms;
  EXPECT_EQ(order(4), "bcaa") << "each of them once";
  now_ += 10s;
  EXPECT_EQ(order(4), "abca") << "at the same time, in order";
}

TEST_F(SchedulingInOrder, BoostsNoQueueThatHadNoItems) {
  options_.boost_after = 10s;
  begin({1, 1}, options_);
  order(1);
  open_[1] = false;
  now_ += 10s;
  EXPECT_EQ(order(1), "a");
  open_[1] = true;
  EXPECT_EQ(order(2), "aa") << "its time begins when it may have items";
  now_ += 9s;
  EXPECT_EQ(order(1), "a");
  now_ += 1s;
  EXPECT_EQ(order(2), "ba");
}

}  // namespace
}  // namespace wq::internal
