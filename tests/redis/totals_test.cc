// Totals: added by a settlement, once for each item.
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <wq/admin.h>
#include <wq/error.h>
#include <wq/queue.h>

#include "support/queue_test.h"

namespace wq::test {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class TotalsOfAQueue : public QueueTest {
 protected:
  static Settlement with(Lease lease, std::vector<Total> totals) {
    Outcome outcome = Outcome::complete();
    outcome.totals = std::move(totals);
    return {std::move(lease), std::move(outcome)};
  }
  Settled settle(Lease lease, std::vector<Total> totals) {
    return queue_.settle({with(std::move(lease), std::move(totals))}).at(0);
  }
  Lease pushed(const std::string& item) {
    push({item});
    return lease_one(queue_);
  }
  // Each new connection raises the fence.
  void expect_unchanged(std::vector<std::string> before) {
    std::vector<std::string> now = everything();
    for (auto* const keys : {&before, &now}) {
      std::erase_if(*keys, [](const std::string& each) { return each.starts_with("q:fence "); });
    }
    EXPECT_EQ(now, before);
  }
  [[nodiscard]] std::vector<std::string> sums() {
    std::vector<std::string> all;
    for (const KeyTotals& each : queue_.totals().keys) all.push_back(each.key + " " + each.sum);
    return all;
  }

  Queue queue_ = open_queue();
};

TEST_F(TotalsOfAQueue, AreAddedWithTheCompletion) {
  push({"a", "b"});
  std::vector<Lease> leases = queue_.lease(2, std::chrono::minutes{1});
  ASSERT_EQ(leases.size(), 2U);
  const auto settled =
      queue_.settle({with(leases[0], {Total::sum("x", 1.5), Total::count("x"), Total::min("x", 4)}),
                     with(leases[1], {Total::sum("x", 2.75), Total::count("x"), Total::min("x", -4),
                                      Total::max("\xff", 7)})});
  EXPECT_THAT(settled, Each(Settled::accepted));
  const Totals totals = queue_.totals();
  ASSERT_EQ(totals.keys.size(), 2U);
  EXPECT_EQ(totals.keys[0].key, "x");
  EXPECT_EQ(totals.keys[0].sum, "4.25");
  EXPECT_EQ(totals.keys[0].count, "2");
  EXPECT_EQ(totals.keys[0].min, "-4");
  EXPECT_EQ(totals.keys[0].max, "");
  EXPECT_EQ(totals.keys[1].key, "\xff");
  EXPECT_EQ(totals.keys[1].max, "7");
}

TEST_F(TotalsOfAQueue, AreNotAddedByALostOrAFailedAttempt) {
  const Lease lease = pushed("a");
  redis_.call({"DEL", lease_key("a")});
  EXPECT_EQ(settle(lease, {Total::sum("x", 1.0)}), Settled::lost);
  EXPECT_THAT(sums(), IsEmpty());

  const Lease other = pushed("b");
  Outcome failed = Outcome::fail("no");
  failed.totals = {Total::sum("x", 1.0)};
  EXPECT_EQ(queue_.settle({{other, failed}}).at(0), Settled::accepted);
  EXPECT_THAT(sums(), IsEmpty());
}

TEST_F(TotalsOfAQueue, HaveNoLimit) {
  std::vector<std::string> items = numbered("", 25);
  push(items);
  for (int i = 0; i < 20; ++i) {
    settle(lease_one(queue_), {Total::sum("up", std::int64_t{1'000'000'000'000'000'000}),
                               Total::sum("down", std::int64_t{-1'000'000'000'000'000'000})});
  }
  for (int i = 0; i < 5; ++i) settle(lease_one(queue_), {Total::sum("up", std::int64_t{-1})});
  EXPECT_THAT(sums(), ElementsAre("down -20000000000000000000", "up 19999999999999999995"));
}

TEST_F(TotalsOfAQueue, CarryFractionsIntoTheWholePart) {
  push(numbered("", 3));
  redis_.call({"HSET", key(Key::totals), "sx", "7", "fx", "9223372036854775000"});
  for (int i = 0; i < 3; ++i) settle(lease_one(queue_), {Total::sum("x", 0.999)});
  EXPECT_THAT(sums(), ElementsAre("x 9223372046.851775"));
}

TEST_F(TotalsOfAQueue, ReplaceWhatIsNoNumber) {
  push({"a", "b"});
  redis_.call({"HSET", key(Key::totals), "sx", "0.5"});
  EXPECT_EQ(settle(lease_one(queue_), {Total::sum("x", 2.0)}), Settled::accepted);
  EXPECT_EQ(settle(lease_one(queue_), {Total::sum("x", 3.0)}), Settled::accepted);
  EXPECT_THAT(sums(), ElementsAre("x 5"));
}

TEST_F(TotalsOfAQueue, OfAThousandItemsWithManyKeysEachAreSettledAtOnce) {
  push(numbered("", 1'000));
  std::vector<Total> totals;
  for (int i = 0; i < 400; ++i) totals.push_back(Total::count(std::to_string(i)));
  std::vector<Settlement> settlements;
  for (Lease& lease : queue_.lease(1'000, std::chrono::minutes{5})) {
    settlements.push_back(with(std::move(lease), totals));
  }
  EXPECT_THAT(queue_.settle(std::move(settlements)), Each(Settled::accepted));
  EXPECT_EQ(queue_.totals().keys.at(7).count, "1000");
  EXPECT_EQ(queue_.totals().keys.size(), 400U);
}

TEST_F(TotalsOfAQueue, CountDifferentKeys) {
  push(numbered("", 10));
  for (int i = 0; i < 10; ++i) {
    settle(lease_one(queue_), {Total::distinct("k" + std::to_string(i % 4))});
  }
  EXPECT_EQ(queue_.totals().distinct, 4U);
}

TEST_F(TotalsOfAQueue, ThatCannotBeAddedAreRefusedBeforeAnythingIsWritten) {
  const Lease lease = pushed("a");
  const auto before = everything();
  EXPECT_THROW(settle(lease, {{Reduction::sum, "x", "much"}}), std::invalid_argument);
  EXPECT_EQ(everything(), before);
  for (const Key in_the_way : {Key::totals, Key::distinct}) {
    redis_.call({"SADD", key(in_the_way), "of somebody else"});
    const auto with_it = everything();
    EXPECT_THROW(settle(lease, {Total::distinct("x"), Total::count("x")}), RefusedError);
    expect_unchanged(with_it);
    redis_.call({"DEL", key(in_the_way)});
  }
  redis_.call({"SET", key(Key::distinct), "no HyperLogLog"});
  const auto with_it = everything();
  EXPECT_THROW(settle(lease, {Total::distinct("x")}), Error);
  expect_unchanged(with_it);
}

TEST_F(TotalsOfAQueue, GoWithTheQueue) {
  settle(pushed("a"), {Total::count("x"), Total::distinct("x")});
  Admin(keys_.queue(), options()).purge();
  EXPECT_FALSE(redis_.exists(key(Key::totals)));
  EXPECT_FALSE(redis_.exists(key(Key::distinct)));
  conserves_ = false;
}

}  // namespace
}  // namespace wq::test
