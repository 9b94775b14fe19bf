// That figures are computed as said, and that a measurement which went wrong is not taken for one.

#include "bench/bench.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "bench/bare_drain.h"
#include "bench/drain.h"
#include "bench/item_maker.h"
#include "bench/result.h"

namespace wq::bench {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kItems = 1'000;

TEST(Results, AreTheMedianOfTheRatiosOfTheRounds) {
  const Result result{"a", "", "", {10, 40, 90}, "", {10, 20, 100}};
  EXPECT_DOUBLE_EQ(result.ratio().value(), 1.0);  // not 40 / 20
  EXPECT_DOUBLE_EQ(median({4, 1, 3, 2}), 2.5);
}

TEST(Results, ReachTheirGoalOrDoNot) {
  Result result{"a", "", "", {8}, "", {10}, Goal{Goal::Kind::ratio_at_least, 0.8}};
  EXPECT_TRUE(result.reached().value());
  result.goal->value = 0.81;
  EXPECT_FALSE(result.reached().value());
  result.goal = Goal{Goal::Kind::ratio_at_most, 0.8};
  EXPECT_TRUE(result.reached().value());
  result.goal->value = 0.79;
  EXPECT_FALSE(result.reached().value());
  result.goal = Goal{Goal::Kind::ours_at_most, 8};
  EXPECT_TRUE(result.reached().value());
  result.goal->value = 7.9;
  EXPECT_FALSE(result.reached().value());
  result.goal.reset();
  EXPECT_FALSE(result.reached().has_value());
}

TEST(Rounds, TakeTurns) {
  std::string order;
  const auto figures =
      interleave(2, {[&] { return (order += 'a').size(); }, [&] { return (order += 'b').size(); }});
  EXPECT_EQ(order, "abab");
  EXPECT_EQ(figures, (std::vector<std::vector<double>>{{1, 3}, {2, 4}}));
}

TEST(ItemMaker, MakesDistinctItemsOfOneLength) {
  ItemMaker maker;
  std::string_view item = maker.next();
  EXPECT_EQ(item, "item-" + std::string(45, '0'));
  for (int i = 0; i < 100; ++i) item = maker.next();
  EXPECT_EQ(item, "item-" + std::string(42, '0') + "100");
  EXPECT_EQ(ItemMaker('s').next(), "item-s" + std::string(44, '0'));
}

class Checks : public ::testing::Test {
 protected:
  Checks() : bench_(1, 1), queue_(kQueue, bench_.redis()) { bench_.fill(kItems); }

  std::vector<Lease> lease(std::size_t n) { return queue_.lease(n, 60s); }

  void settle(std::vector<Lease> leases, const Outcome& outcome = Outcome::complete()) {
    std::vector<Settlement> settlements;
    for (Lease& each : leases) settlements.push_back({std::move(each), outcome});
    static_cast<void>(queue_.settle(std::move(settlements)));
  }

  Bench bench_;
  Queue queue_;
};

TEST_F(Checks, AreContentWhenEachItemWasDoneOnce) {
  settle(lease(kItems));
  EXPECT_NO_THROW(bench_.check_all_done_once(kItems));
}

TEST_F(Checks, FindAnItemThatWasNotDone) {
  std::vector<Lease> all = lease(kItems);
  all.pop_back();
  settle(std::move(all));
  EXPECT_THROW(bench_.check_all_done_once(kItems), WrongResult);
}

TEST_F(Checks, FindAnItemThatWasWorkedOnTwice) {
  settle(lease(1), Outcome::release(0ms));
  settle(lease(kItems));
  EXPECT_THROW(bench_.check_all_done_once(kItems), WrongResult);
}

TEST_F(Checks, FindAnItemTooMany) {
  bench_.client().call({"LPUSH", kQueue, "another"});
  settle(lease(kItems));
  settle(lease(1));
  EXPECT_THROW(bench_.check_all_done_once(kItems), WrongResult);
}

TEST_F(Checks, FindADrainOfAnotherLengthThanItWasToBe) {
  EXPECT_THROW(static_cast<void>(drain(bench_, kItems - 1, 1, 100)), WrongResult);
}

TEST_F(Checks, FindABareLoopThatLeavesSomething) {
  for (const Begin begin : {Begin::when_leased, Begin::at_once}) {
    bench_.clear();
    bench_.fill(kItems);
    EXPECT_NO_THROW(static_cast<void>(bare_drain(bench_, kItems, 2, begin)));
    bench_.clear();
    bench_.fill(kItems);
    EXPECT_THROW(static_cast<void>(bare_drain(bench_, kItems + 1, 2, begin)), WrongResult);
    bench_.clear();
    bench_.fill(kItems);
    EXPECT_THROW(static_cast<void>(bare_one_by_one(bench_, kItems + 1, begin)), WrongResult);
  }
}

}  // namespace
}  // namespace wq::bench
