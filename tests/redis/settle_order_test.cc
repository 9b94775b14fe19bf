// settle: items leave processing from wherever they stand in it, in any order, and nothing else
// does.
#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <wq/queue.h>

#include "support/queue_test.h"

namespace wq::test {
namespace {

using namespace std::chrono_literals;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAreArray;

class SettleOrder : public QueueTest {
 protected:
  // The leases of i0, i1, ... in the order in which they were taken.
  std::vector<Lease> leased(std::size_t n) {
    push(numbered("i", n));
    return queue_.lease(n, 1min);
  }

  static std::vector<Lease> part(const std::vector<Lease>& leases, std::ptrdiff_t begin,
                                 std::ptrdiff_t end) {
    return {leases.begin() + begin, leases.begin() + end};
  }

  Queue queue_ = open_queue();
  std::mt19937 random_{20'260'801};
};

TEST_F(SettleOrder, TheOldestLeaveInOnePiece) {
  auto leases = leased(6);
  EXPECT_THAT(queue_.settle(all_completed({leases[0], leases[1], leases[2]})),
              Each(Settled::accepted));
  EXPECT_THAT(all(Key::processing), ElementsAre("i5", "i4", "i3"));
}

TEST_F(SettleOrder, TheNewestLeave) {
  auto leases = leased(6);
  EXPECT_THAT(queue_.settle(all_completed({leases[4], leases[5]})), Each(Settled::accepted));
  EXPECT_THAT(all(Key::processing), ElementsAre("i3", "i2", "i1", "i0"));
}

TEST_F(SettleOrder, WhatIsNotMeantStaysInPlace) {
  auto leases = leased(6);
  EXPECT_THAT(queue_.settle(all_completed({leases[0], leases[3], leases[5]})),
              Each(Settled::accepted));
  EXPECT_THAT(all(Key::processing), ElementsAre("i4", "i2", "i1"));
}

TEST_F(SettleOrder, AnItemOfSomebodyElseAtTheOldEndStays) {
  push({"other"});
  Queue other = open_queue();
  Lease held = lease_one(other);
  auto leases = leased(4);
  EXPECT_THAT(queue_.settle(all_completed(leases)), Each(Settled::accepted));
  EXPECT_THAT(all(Key::processing), ElementsAre("other"));
  EXPECT_THAT(other.settle({completed(std::move(held))}), ElementsAre(Settled::accepted));
}

TEST_F(SettleOrder, ALostLeaseInTheMiddleKeepsItsItemInPlace) {
  auto leases = leased(5);
  redis_.call({"DEL", lease_key("i2")});
  EXPECT_THAT(queue_.settle(all_completed(leases)),
              ElementsAre(Settled::accepted, Settled::accepted, Settled::lost, Settled::accepted,
                          Settled::accepted));
  EXPECT_THAT(all(Key::processing), ElementsAre("i2"));
}

TEST_F(SettleOrder, TheSameLeaseTwiceAtTheOldEndTakesOneItem) {
  auto leases = leased(3);
  redis_.call({"RPUSH", key(Key::processing), "i0"});  // an equal item, popped before
  redis_.call({"HINCRBY", key(Key::stats), "pushed", "1"});
  const auto answers = queue_.settle(all_completed({leases[0], leases[0], leases[1]}));
  EXPECT_EQ(std::count(answers.begin(), answers.end(), Settled::accepted), 2);
  EXPECT_THAT(all(Key::processing), UnorderedElementsAreArray({"i0", "i2"}));
}

TEST_F(SettleOrder, MoreSettlementsThanItemsInProcessing) {
  auto leases = leased(4);
  redis_.call({"LREM", key(Key::processing), "0", "i2"});
  redis_.call({"LPUSH", key(Key::ready), "i2"});
  EXPECT_THAT(queue_.settle(all_completed(leases)),
              ElementsAre(Settled::accepted, Settled::accepted, Settled::lost, Settled::accepted));
  EXPECT_THAT(all(Key::processing), IsEmpty());
}

TEST_F(SettleOrder, OthersAtTheOldEndAreMovedToTheNewEndInTheirOrder) {
  auto leases = leased(40);
  EXPECT_THAT(queue_.settle(all_completed(part(leases, 10, 30))), Each(Settled::accepted));
  std::vector<std::string> left = items_of(part(leases, 30, 40));
  const auto moved = items_of(part(leases, 0, 10));
  left.insert(left.begin(), moved.begin(), moved.end());
  std::reverse(left.begin(), left.begin() + 10);
  std::reverse(left.begin() + 10, left.end());
  EXPECT_EQ(all(Key::processing), left);
  EXPECT_THAT(queue_.settle(all_completed(part(leases, 0, 10))), Each(Settled::accepted));
  EXPECT_THAT(all(Key::processing), SizeIs(10));
}

TEST_F(SettleOrder, OthersAtTheNewEndStayThereInTheirOrder) {
  auto leases = leased(400);
  EXPECT_THAT(queue_.settle(all_completed(part(leases, 370, 390))), Each(Settled::accepted));
  std::vector<std::string> left = items_of(part(leases, 0, 370));
  const auto newer = items_of(part(leases, 390, 400));
  left.insert(left.end(), newer.begin(), newer.end());
  std::reverse(left.begin(), left.end());
  EXPECT_EQ(all(Key::processing), left);
}

// One in a hundred: too far apart to move the others, near enough to read them.
TEST_F(SettleOrder, ItemsInTheMidstOfMany) {
  auto leases = leased(1'000);
  std::vector<Lease> some;
  std::vector<std::string> left;
  for (std::size_t i = 0; i < leases.size(); ++i) {
    if (i % 100 == 50) {
      some.push_back(leases[i]);
    } else {
      left.push_back(leases[i].item);
    }
  }
  std::shuffle(some.begin(), some.end(), random_);
  EXPECT_THAT(queue_.settle(all_completed(some)), Each(Settled::accepted));
  std::reverse(left.begin(), left.end());
  EXPECT_EQ(all(Key::processing), left);
  EXPECT_THAT(queue_.settle(all_completed(some)), Each(Settled::lost));
}

TEST_F(SettleOrder, ItemsInTheMidstOfSoManyThatNobodyReadsThem) {
  auto leases = leased(1'000);
  push(numbered("j", 1'000));
  const auto later = queue_.lease(1'000, 1min);
  leases.insert(leases.end(), later.begin(), later.end());
  std::vector<Lease> some;
  for (std::size_t i = 600; i < 1'400; i += 100) some.push_back(leases[i]);
  std::shuffle(some.begin(), some.end(), random_);
  EXPECT_THAT(queue_.settle(all_completed(some)), Each(Settled::accepted));
  EXPECT_THAT(all(Key::processing), SizeIs(1'992));
  EXPECT_THAT(queue_.settle(all_completed(some)), Each(Settled::lost));
}

TEST_F(SettleOrder, EqualItemsOfOthersInTheMidstStay) {
  auto leases = leased(1'000);
  std::vector<Lease> some;
  std::vector<std::string> left;
  for (std::size_t i = 0; i < leases.size(); ++i) {
    if (i % 100 == 50) {
      some.push_back(leases[i]);
      left.push_back(leases[i].item);  // the copy below
      redis_.call({"RPUSH", key(Key::processing), leases[i].item});
      ++foreign_pushes_;
    } else {
      left.push_back(leases[i].item);
    }
  }
  EXPECT_THAT(queue_.settle(all_completed(some)), Each(Settled::accepted));
  EXPECT_THAT(all(Key::processing), UnorderedElementsAreArray(left));
}

TEST_F(SettleOrder, ManyLeasesOfItemsThatAreGone) {
  const auto leases = leased(20);
  redis_.call({"RENAME", key(Key::processing), key(Key::ready)});
  EXPECT_THAT(queue_.settle(all_completed(leases)), Each(Settled::lost));
  EXPECT_THAT(redis_.list({"KEYS", "q:leased_by_session:*"}), IsEmpty());
  EXPECT_THAT(all(Key::ready), SizeIs(20));
}

TEST_F(SettleOrder, AFenceThatWentBackTakesNothingOfOthers) {
  auto leases = leased(400);
  redis_.call({"SET", key(Key::fence), "1"});
  EXPECT_THAT(queue_.settle(all_completed(part(leases, 100, 200))), Each(Settled::accepted));
  EXPECT_THAT(all(Key::processing), SizeIs(300));
  EXPECT_THAT(queue_.settle(all_completed(part(leases, 100, 200))), Each(Settled::lost));
}

TEST_F(SettleOrder, AnyOrderAndAnyMixtureOfOutcomes) {
  std::vector<Lease> open = leased(300);
  std::size_t accepted = 0;
  while (!open.empty()) {
    std::shuffle(open.begin(), open.end(), random_);
    const std::size_t n = std::min<std::size_t>(open.size(), 1 + random_() % 40);
    std::vector<Lease> some(open.end() - static_cast<std::ptrdiff_t>(n), open.end());
    open.resize(open.size() - n);
    if (random_() % 3 == 0) {  // sometimes in the order in which they were leased
      std::sort(some.begin(), some.end(),
                [](const Lease& a, const Lease& b) { return a.fence < b.fence; });
    }
    std::vector<Settlement> batch;
    const bool plain = random_() % 2 == 0;
    for (Lease& lease : some) {
      Outcome outcome = Outcome::complete();
      if (!plain && random_() % 2 == 0) outcome = Outcome::complete("r");
      if (!plain && random_() % 4 == 0) outcome = Outcome::fatal("no");
      batch.push_back({std::move(lease), std::move(outcome)});
    }
    const auto answers = queue_.settle(std::move(batch));
    EXPECT_THAT(answers, Each(Settled::accepted));
    accepted += answers.size();
    const auto left = all(Key::processing);
    EXPECT_THAT(left, UnorderedElementsAreArray(items_of(open)));
    EXPECT_EQ(left.size(), 300 - accepted);
  }
  const Counts end = counts();
  EXPECT_EQ(end.completed + end.dead, 300U);
  EXPECT_TRUE(end.drained());
  EXPECT_THAT(redis_.list({"KEYS", "q:leased_by_session:*"}), IsEmpty());
}

TEST_F(SettleOrder, EqualItemsAreSettledOnceForEachLease) {
  push({"same", "x", "same", "y", "same"});
  auto leases = queue_.lease(5, 1min);
  ASSERT_THAT(leases, SizeIs(3));
  EXPECT_THAT(queue_.settle(all_completed(std::move(leases))), Each(Settled::accepted));
  EXPECT_THAT(all(Key::processing), ElementsAre("same", "same"));
}

}  // namespace
}  // namespace wq::test
