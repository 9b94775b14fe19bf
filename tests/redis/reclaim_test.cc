// The reclaimer: rules (a) and (b), promotion, and the scripts with lists that are stale.
#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <wq/error.h>
#include <wq/reclaimer.h>

#include "queue/operations.h"
#include "queue/pop_size.h"
#include "support/queue_test.h"

namespace wq::test {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::SizeIs;

class Reclaim : public QueueTest {
 protected:
  static constexpr std::chrono::milliseconds kLease = 60s;

  // A reclaimer that was here for long enough to take leases.
  void settle_in() {
    reclaimer_.pass(begin_);
    begin_ += kLease / 3;
  }
  Lease pushed_and_leased(const std::string& item) {
    push({item});
    return lease_one(queue_);
  }
  void move_to_processing(std::size_t n = 1) {
    for (std::size_t i = 0; i < n; ++i) {
      redis_.call({"RPOPLPUSH", key(Key::ready), key(Key::processing)});
    }
  }
  Reply reclaim(const std::vector<std::string>& items, std::int64_t tail_ms, int budget = 3) {
    std::vector<std::string> lease_keys;
    std::vector<std::string> arguments = {std::to_string(tail_ms), "90000000",
                                          std::to_string(budget)};
    for (const std::string& item : items) {
      lease_keys.push_back(lease_key(item));
      arguments.push_back(item);
    }
    return raw_script(internal::scripts::reclaim, lease_keys, arguments);
  }
  Lease lease_alone() {
    Lease lease = lease_one(queue_);
    EXPECT_TRUE(queue_.isolate(lease));
    return lease;
  }
  Reply requeue(const std::vector<std::string>& items) {
    std::vector<std::string> lease_keys;
    for (const std::string& item : items) lease_keys.push_back(lease_key(item));
    return raw_script(internal::scripts::requeue, lease_keys, items);
  }

  Queue queue_ = open_queue();
  Reclaimer reclaimer_{"q", options(), {.lease = kLease, .max_crashes = 3}};
  TimePoint begin_ = BootClock::now();
};

TEST_F(Reclaim, HandsBackAnItemWhoseLeaseRanOutAndChargesACrash) {
  const Lease lease = pushed_and_leased("a");
  end_lease("a");
  settle_in();
  const ReclaimReport report = reclaimer_.pass(begin_);
  EXPECT_EQ(report.reclaimed, 1U);
  EXPECT_TRUE(report.did_something());
  EXPECT_THAT(all(Key::ready), ElementsAre("a"));
  EXPECT_THAT(all(Key::processing), IsEmpty());
  EXPECT_FALSE(redis_.exists(lease_key("a")));
  EXPECT_EQ(counts().crashed, 1U);
  const auto json = nlohmann::json::parse(
      redis_.text({"HGET", key(Key::failures), hash_of("a")}).value_or("null"));
  EXPECT_EQ(json["kind"], "crash");
  EXPECT_EQ(json["holder"], queue_.session() + "#" + std::to_string(lease.fence));
  EXPECT_GT(json["at_ms"].get<std::int64_t>(), 0);
  const Lease again = lease_one(queue_);
  EXPECT_EQ(again.crashes, 1U);
  EXPECT_EQ(again.failures, 0U);
}

TEST_F(Reclaim, SaysWhoHeldTheItemAndWhereAsFarAsItsWorkersEntryTells) {
  struct Case {
    std::string entry;
    nlohmann::json worker;
    nlohmann::json host;
  };
  const Case cases[] = {{R"({"label":"box \"7\"","host":"node3","pid":9})", "box \"7\"", "node3"},
                        {R"({"host":"node3","label":5})", nullptr, "node3"},
                        {R"(["label"])", nullptr, nullptr},
                        {"no JSON", nullptr, nullptr}};
  push({"a"});
  settle_in();
  for (const Case& each : cases) {
    redis_.call({"HSET", key(Key::workers), queue_.session(), each.entry});
    redis_.call({"DEL", key(Key::crashes)});
    static_cast<void>(lease_one(queue_));
    end_lease("a");
    EXPECT_EQ(reclaimer_.pass(begin_).reclaimed, 1U);
    const auto json = nlohmann::json::parse(
        redis_.text({"HGET", key(Key::failures), hash_of("a")}).value_or("null"));
    EXPECT_EQ(json.value("worker", nlohmann::json()), each.worker) << each.entry;
    EXPECT_EQ(json.value("host", nlohmann::json()), each.host) << each.entry;
  }
}

TEST_F(Reclaim, LeavesALeaseThatLives) {
  static_cast<void>(pushed_and_leased("a"));
  settle_in();
  EXPECT_FALSE(reclaimer_.pass(begin_).did_something());
  EXPECT_THAT(all(Key::processing), ElementsAre("a"));
}

TEST_F(Reclaim, WhatRanOutComesNext) {
  static_cast<void>(pushed_and_leased("a"));
  push({"b"});
  end_lease("a");
  settle_in();
  reclaimer_.pass(begin_);
  EXPECT_EQ(lease_one(queue_).item, "a");
}

TEST_F(Reclaim, AnItemIsDeadWhenItsCrashesAreSpent) {
  push({"a"});
  settle_in();
  for (int crash = 1; crash <= 3; ++crash) {
    ASSERT_EQ(lease_alone().crashes, static_cast<std::uint32_t>(crash - 1));
    end_lease("a");
    const ReclaimReport report = reclaimer_.pass(begin_);
    EXPECT_EQ(report.reclaimed, crash < 3 ? 1U : 0U);
    EXPECT_EQ(report.died, crash < 3 ? 0U : 1U);
  }
  EXPECT_THAT(all(Key::dead), ElementsAre("a"));
  EXPECT_EQ(counts().crashed, 3U);
  EXPECT_EQ(counts().died, 1U);
  EXPECT_TRUE(counts().drained());
}

TEST_F(Reclaim, ChargesWhatItsWorkerHeldBesideOthersNoLastCrash) {
  push({"a"});
  settle_in();
  for (const std::uint32_t charged : {0U, 1U, 2U, 2U, 2U}) {
    EXPECT_EQ(lease_one(queue_).crashes, charged);
    end_lease("a");
    EXPECT_EQ(reclaimer_.pass(begin_).reclaimed, 1U);
  }
  EXPECT_EQ(counts().crashed, 5U);  // each lease that ran out, charged or not
  EXPECT_EQ(lease_alone().crashes, 2U);
  end_lease("a");
  EXPECT_EQ(reclaimer_.pass(begin_).died, 1U);
}

TEST_F(Reclaim, OfABudgetOfOneTheFirstCrashBesideOthersIsNotedAndTheNextAloneIsTheLast) {
  push({"a"});
  Reclaimer strict("q", options(), {.lease = 0ms, .max_crashes = 1});
  static_cast<void>(lease_one(queue_));
  end_lease("a");
  EXPECT_EQ(strict.pass(begin_).reclaimed, 1U);
  const Lease again = lease_alone();
  EXPECT_EQ(again.crashes, 1U);
  EXPECT_TRUE(at_risk(again, {.max_crashes = 1}));
  end_lease("a");
  EXPECT_EQ(strict.pass(begin_).died, 1U);
}

TEST_F(Reclaim, OfABudgetOfOneTheFirstCrashAloneIsTheLast) {
  push({"a"});
  Reclaimer strict("q", options(), {.lease = 0ms, .max_crashes = 1});
  static_cast<void>(lease_alone());
  end_lease("a");
  EXPECT_EQ(strict.pass(begin_).died, 1U);
  EXPECT_THAT(redis_.text({"HGET", key(Key::failures), hash_of("a")}).value_or(""),
              ::testing::HasSubstr("its worker held nothing else"));
}

TEST_F(Reclaim, GoesByTheBudgetAndTheLeaseThatWorkersHaveSaidUnlessItIsToldOthers) {
  push({"a"});
  redis_.call({"HSET", key(Key::stats), "max_crashes", "5", "lease_ms", "3000"});
  redis_.call({"HSET", key(Key::crashes), hash_of("a"), "3"});
  Reclaimer as_said("q", options());
  static_cast<void>(lease_alone());
  end_lease("a");
  EXPECT_EQ(as_said.pass(begin_).reclaimed, 0U);  // workers have a third of a lease to renew
  EXPECT_EQ(as_said.pass(begin_ + 999ms).reclaimed, 0U);
  EXPECT_EQ(as_said.pass(begin_ + 1s).reclaimed, 1U);
  static_cast<void>(lease_alone());
  end_lease("a");
  EXPECT_EQ(as_said.pass(begin_ + 1s).died, 1U);
}

// As of a queue that begins long after its workers have started.
TEST_F(Reclaim, GoesByTheLeaseThatWorkersSayAfterItHasConnected) {
  Reclaimer early("q", options());
  static_cast<void>(early.pass(begin_));
  push({"a"});
  redis_.call({"HSET", key(Key::stats), "lease_ms", "3000"});
  static_cast<void>(lease_alone());
  end_lease("a");
  EXPECT_EQ(early.pass(begin_ + 999ms).reclaimed, 0U);
  EXPECT_EQ(early.pass(begin_ + 1s).reclaimed, 1U);
}

TEST_F(Reclaim, EqualItemsThatDieAreMerged) {
  push({"same", "same"});
  settle_in();
  for (int n = 0; n < 2; ++n) {
    redis_.call({"HSET", key(Key::crashes), hash_of("same"), "2"});
    static_cast<void>(lease_alone());
    end_lease("same");
    EXPECT_EQ(reclaimer_.pass(begin_).died, 1U);
  }
  EXPECT_EQ(counts().merged, 1U);
  EXPECT_EQ(counts().dead, 1U);
}

TEST_F(Reclaim, LeavesWorkersAThirdOfALeaseToRenewAfterItHasConnected) {
  static_cast<void>(pushed_and_leased("a"));
  end_lease("a");
  EXPECT_EQ(reclaimer_.pass(begin_).reclaimed, 0U);
  EXPECT_EQ(reclaimer_.pass(begin_ + kLease / 3 - 1ms).reclaimed, 0U);
  EXPECT_EQ(reclaimer_.pass(begin_ + kLease / 3).reclaimed, 1U);
}

TEST_F(Reclaim, CountsFromTheLatestConnection) {
  static_cast<void>(pushed_and_leased("a"));
  settle_in();
  end_lease("a");
  redis_.call({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
  EXPECT_EQ(reclaimer_.pass(begin_).reclaimed, 0U);
  EXPECT_EQ(reclaimer_.pass(begin_ + kLease / 3).reclaimed, 1U);
}

TEST_F(Reclaim, CutsAnImpossibleLeaseDown) {
  static_cast<void>(pushed_and_leased("a"));
  for (const bool no_expiry : {true, false}) {
    if (no_expiry) {
      redis_.call({"PERSIST", lease_key("a")});
    } else {
      redis_.call({"PEXPIRE", lease_key("a"), "9000000000"});
    }
    EXPECT_FALSE(reclaimer_.pass(begin_).did_something());
    const auto longest_ms = (internal::kLongestLease + internal::kLeaseTail).count();
    EXPECT_THAT(redis_.integer({"PTTL", lease_key("a")}),
                AllOf(Ge(longest_ms - 60'000), Le(longest_ms)));
  }
}

TEST_F(Reclaim, ReturnsAnItemWithoutALeaseInTheThirdPassAfterTheGracePeriodUncharged) {
  push({"a"});
  move_to_processing();
  EXPECT_EQ(reclaimer_.pass(begin_).returned, 0U);
  EXPECT_EQ(reclaimer_.pass(begin_ + 5s).returned, 0U);  // the second
  EXPECT_EQ(reclaimer_.pass(begin_ + 5s).returned, 1U);
  EXPECT_THAT(all(Key::ready), ElementsAre("a"));
  EXPECT_EQ(counts().returned, 1U);
  EXPECT_EQ(counts().crashed, 0U);
  EXPECT_EQ(lease_one(queue_).attempt(), 1U);
}

TEST_F(Reclaim, WaitsForTheGracePeriodHoweverManyPasses) {
  push({"a"});
  move_to_processing();
  for (auto time = 0ms; time < 5s; time += 500ms) {
    EXPECT_EQ(reclaimer_.pass(begin_ + time).returned, 0U);
  }
  EXPECT_EQ(reclaimer_.pass(begin_ + 5s).returned, 1U);
}

TEST_F(Reclaim, BeginsAnewWhenTheItemHadALeaseInBetween) {
  push({"a"});
  move_to_processing();
  reclaimer_.pass(begin_);
  reclaimer_.pass(begin_ + 3s);
  redis_.call({"SET", lease_key("a"), "s#1", "EX", "4000"});
  reclaimer_.pass(begin_ + 4s);
  redis_.call({"DEL", lease_key("a")});
  EXPECT_EQ(reclaimer_.pass(begin_ + 6s).returned, 0U);
  EXPECT_EQ(reclaimer_.pass(begin_ + 8s).returned, 0U);
  EXPECT_EQ(reclaimer_.pass(begin_ + 11s).returned, 1U);
}

TEST_F(Reclaim, BeginsAnewOnANewConnection) {
  push({"a"});
  move_to_processing();
  reclaimer_.pass(begin_);
  reclaimer_.pass(begin_ + 3s);
  redis_.call({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
  EXPECT_EQ(reclaimer_.pass(begin_ + 6s).returned, 0U);
  EXPECT_EQ(reclaimer_.pass(begin_ + 8s).returned, 0U);
  EXPECT_EQ(reclaimer_.pass(begin_ + 11s).returned, 1U);
}

TEST_F(Reclaim, ReturnsEverythingThatIsDueInOnePass) {
  const auto items = numbered("i", 3'000);
  push(items);
  while (redis_.integer({"LLEN", key(Key::ready)}) > 0) {
    script(internal::scripts::pop, {}, {"1000", "id"});
  }
  reclaimer_.pass(begin_);
  reclaimer_.pass(begin_ + 3s);
  EXPECT_EQ(reclaimer_.pass(begin_ + 6s).returned, 3'000U);
  EXPECT_EQ(counts().ready, 3'000U);
}

TEST_F(Reclaim, TakesEverythingThatRanOutInOnePass) {
  push(numbered("i", 1'000));
  ASSERT_THAT(queue_.lease(1'000, 1min), SizeIs(1'000));
  for (const std::string& item : numbered("i", 1'000)) end_lease(item);
  settle_in();
  EXPECT_EQ(reclaimer_.pass(begin_).reclaimed, 1'000U);
}

TEST_F(Reclaim, ReadsHugeItemsAsWell) {
  std::vector<std::string> items;
  for (const char c : {'a', 'b', 'c'}) items.emplace_back(3'000'000, c);
  push(items);
  move_to_processing(3);
  reclaimer_.pass(begin_);
  reclaimer_.pass(begin_ + 3s);
  // They take longer to arrive at whoever popped them than a small one.
  const auto grace = internal::unleased_grace(3'000'000);
  EXPECT_EQ(reclaimer_.pass(begin_ + grace - 1ms).returned, 0U);
  EXPECT_EQ(reclaimer_.pass(begin_ + grace).returned, 3U);
}

TEST_F(Reclaim, WhatHasNoLeaseGoesBackBehindAllOthers) {
  push({"a"});
  move_to_processing();
  push({"b"});
  for (const auto after : {0s, 3s, 6s}) reclaimer_.pass(begin_ + after);
  EXPECT_THAT(all(Key::ready), ElementsAre("a", "b"));  // the next is on the right
}

TEST_F(Reclaim, GetsThroughWhereRedisBreaksAConnectionOverALargeAnswer) {
  redis_.call({"CONFIG", "SET", "client-output-buffer-limit", "normal 1048576 0 0"});
  std::vector<std::string> items;
  for (const char c : {'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'}) items.emplace_back(400'000, c);
  push(items);
  move_to_processing(8);
  for (const auto after : {0s, 3s, 6s}) reclaimer_.pass(begin_ + after);
  EXPECT_EQ(counts().returned, 8U);
}

TEST_F(Reclaim, PromotesWhatIsDue) {
  push({"due", "later"});
  const std::int64_t now_ms = redis_.time_ms();
  redis_.call({"DEL", key(Key::ready)});
  redis_.call({"ZADD", key(Key::delayed), std::to_string(now_ms - 1), "due",
               std::to_string(now_ms + 60'000), "later"});
  EXPECT_EQ(reclaimer_.pass(begin_).promoted, 1U);
  EXPECT_THAT(all(Key::ready), ElementsAre("due"));
  EXPECT_THAT(all(Key::delayed), ElementsAre("later"));
}

TEST_F(Reclaim, PromotesAnyNumberInOnePass) {
  for (const std::string& item : numbered("i", 250)) {
    redis_.call({"ZADD", key(Key::delayed), "1", item});
  }
  foreign_pushes_ = 250;
  EXPECT_EQ(reclaimer_.pass(begin_).promoted, 250U);
}

TEST_F(Reclaim, CutsAnImpossibleDelayDown) {
  push({"a"});
  redis_.call({"DEL", key(Key::ready)});
  redis_.call({"ZADD", key(Key::delayed), "99999999999999", "a"});
  reclaimer_.pass(begin_);
  const auto left_ms =
      std::stoll(redis_.text({"ZSCORE", key(Key::delayed), "a"}).value_or("0")) - redis_.time_ms();
  EXPECT_THAT(left_ms, AllOf(Ge(internal::kLongestDelay.count() - 60'000),
                             Le(internal::kLongestDelay.count())));
}

TEST_F(Reclaim, CountsALeaseOfARedisWqClientOnceAndLeavesItAlone) {
  push({"a"});
  move_to_processing();
  redis_.call({"SET", lease_key("a"), "a-uuid-without-the-mark", "EX", "60"});
  settle_in();
  EXPECT_EQ(counts().foreign, 1U);
  EXPECT_FALSE(reclaimer_.pass(begin_).did_something());
  EXPECT_EQ(counts().foreign, 1U);
  EXPECT_EQ(redis_.text({"GET", lease_key("a")}), "a-uuid-without-the-mark");
}

TEST_F(Reclaim, ALeaseKeyOfAnotherTypeDoesNotKeepOthersFromBeingHandedBack) {
  push({"odd", "a"});
  ASSERT_THAT(queue_.lease(2, 1min), SizeIs(2));
  redis_.call({"DEL", lease_key("odd")});
  redis_.call({"LPUSH", lease_key("odd"), "x"});
  end_lease("a");
  settle_in();
  EXPECT_EQ(reclaimer_.pass(begin_).reclaimed, 1U);
  EXPECT_THAT(all(Key::processing), ElementsAre("odd"));
}

TEST_F(Reclaim, OnAStaleListTheScriptsLookAgain) {
  push({"renewed", "settled", "leased"});
  const auto leases = queue_.lease(2, 1min);
  ASSERT_THAT(leases, SizeIs(2));
  static_cast<void>(queue_.settle({completed(leases[1])}));
  ASSERT_THAT(queue_.lease(1, 1min), SizeIs(1));
  const auto before = everything();
  const Reply reclaimed = reclaim({"renewed", "settled", "leased", "never seen"}, 3'600'000);
  EXPECT_EQ(reclaimed.checked().value()[0].integer(), 0);
  EXPECT_EQ(requeue({"renewed", "settled", "leased", "never seen"}).checked().value().integer(), 0);
  EXPECT_EQ(everything(), before);
}

TEST_F(Reclaim, CalledTwiceTheScriptsDoItOnce) {
  static_cast<void>(pushed_and_leased("a"));
  end_lease("a");
  EXPECT_EQ(reclaim({"a", "a"}, 3'600'000).checked().value()[0].integer(), 1);
  EXPECT_EQ(reclaim({"a"}, 3'600'000).checked().value()[0].integer(), 0);
  EXPECT_EQ(counts().crashed, 1U);
  move_to_processing();
  EXPECT_EQ(requeue({"a", "a"}).checked().value().integer(), 1);
  EXPECT_EQ(requeue({"a"}).checked().value().integer(), 0);
  EXPECT_EQ(counts().returned, 1U);
}

TEST_F(Reclaim, ALeaseThatRanOutWithoutAnItemIsRemovedAndChargesNothing) {
  static_cast<void>(pushed_and_leased("a"));
  end_lease("a");
  redis_.call({"DEL", key(Key::processing)});
  redis_.call({"LPUSH", key(Key::ready), "a"});
  EXPECT_EQ(reclaim({"a"}, 3'600'000).checked().value()[0].integer(), 0);
  EXPECT_FALSE(redis_.exists(lease_key("a")));
  EXPECT_FALSE(redis_.exists(key(Key::crashes)));
  EXPECT_EQ(counts().crashed, 0U);
}

TEST_F(Reclaim, AKeyOfAnotherTypeStopsTheScriptsBeforeTheFirstWrite) {
  conserves_ = false;
  for (const Key in_the_way : {Key::processing, Key::ready, Key::dead, Key::crashes, Key::failures,
                               Key::stats, Key::delayed}) {
    redis_.call({"FLUSHALL"});
    push({"a", "b"});
    ASSERT_THAT(queue_.lease(1, 1min), SizeIs(1));
    end_lease("a");
    move_to_processing();
    redis_.call({"ZADD", key(Key::delayed), "1", "c"});
    redis_.call({"DEL", key(in_the_way)});
    redis_.call({"SET", key(in_the_way), "x"});
    const auto before = everything();
    const auto is_used = [in_the_way](const internal::Script& script) {
      return std::find(script.keys.begin(), script.keys.end(), in_the_way) != script.keys.end();
    };
    if (is_used(internal::scripts::reclaim)) {
      EXPECT_TRUE(reclaim({"a"}, 3'600'000).has_error("WRONGTYPE")) << key(in_the_way);
    }
    if (is_used(internal::scripts::requeue)) {
      EXPECT_TRUE(requeue({"b"}).has_error("WRONGTYPE")) << key(in_the_way);
    }
    if (is_used(internal::scripts::promote)) {
      EXPECT_TRUE(raw_script(internal::scripts::promote, {}, {"100", "1"}).has_error("WRONGTYPE"))
          << key(in_the_way);
    }
    EXPECT_EQ(everything(), before) << key(in_the_way);
  }
}

TEST_F(Reclaim, TwoReclaimersDoNoHarm) {
  push(numbered("i", 50));
  ASSERT_THAT(queue_.lease(25, 1min), SizeIs(25));
  for (const std::string& item : numbered("i", 25)) end_lease(item);
  script(internal::scripts::pop, {}, {"25", "id"});
  Reclaimer other("q", options(), {.lease = kLease, .max_crashes = 3});
  ReclaimReport total;
  for (const auto time : {0s, 3s, 20s, 21s}) {
    total += reclaimer_.pass(begin_ + time);
    total += other.pass(begin_ + time);
  }
  EXPECT_EQ(total.reclaimed, 25U);
  EXPECT_EQ(total.returned, 25U);
  EXPECT_EQ(counts().ready, 50U);
  EXPECT_EQ(counts().crashed, 25U);
}

TEST_F(Reclaim, RunEndsAtOnceWhenThereIsNothingToDo) {
  static_cast<void>(pushed_and_leased("a"));
  EXPECT_FALSE(reclaimer_.run().did_something());
}

TEST_F(Reclaim, RunWaitsForTheCourtesyAndHandsBackWhatRanOut) {
  static_cast<void>(pushed_and_leased("a"));
  end_lease("a");
  Reclaimer quick("q", options(), {.lease = 300ms, .max_crashes = 3});
  EXPECT_EQ(quick.run().reclaimed, 1U);
}

}  // namespace
}  // namespace wq::test
