// settle: each answer, through the C++ API.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <wq/error.h>
#include <wq/queue.h>

#include "support/queue_test.h"

namespace wq::test {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::Le;
using ::testing::SizeIs;

class Settle : public QueueTest {
 protected:
  Settled settle(Lease lease, Outcome outcome, const RetryPolicy& policy = {}) {
    std::vector<Settlement> one;
    one.push_back({std::move(lease), std::move(outcome)});
    return queue_.settle(std::move(one), policy).at(0);
  }
  Lease pushed(const std::string& item) {
    push({item});
    return lease_one(queue_);
  }
  nlohmann::json failure_of(std::string_view item) {
    return nlohmann::json::parse(
        redis_.text({"HGET", key(Key::failures), hash_of(item)}).value_or("null"));
  }
  // How far away the item's turn is.
  std::int64_t delay_ms(std::string_view item) {
    return std::stoll(redis_.text({"ZSCORE", key(Key::delayed), item}).value_or("0")) -
           redis_.time_ms();
  }

  Queue queue_ = open_queue();
};

TEST_F(Settle, ACompletionRemovesTheItemAndItsLeaseAndIsCounted) {
  EXPECT_EQ(settle(pushed("a"), Outcome::complete()), Settled::accepted);
  EXPECT_FALSE(redis_.exists(lease_key("a")));
  EXPECT_FALSE(redis_.exists(key(Key::processing)));
  EXPECT_FALSE(redis_.exists(key(Key::results)));
  EXPECT_EQ(counts().completed, 1U);
  EXPECT_TRUE(counts().drained());
}

TEST_F(Settle, AResultIsStoredWithTheItem) {
  const Lease lease = pushed("a");
  EXPECT_EQ(settle(lease, Outcome::complete("the result")), Settled::accepted);
  const auto results = queue_.results("", 10);
  ASSERT_THAT(results, SizeIs(1));
  EXPECT_EQ(results[0].item, "a");
  EXPECT_EQ(results[0].result, "the result");
  EXPECT_FALSE(results[0].is_json);
}

TEST_F(Settle, ResultsOfOneBatchMayBeJsonOrNot) {
  push(numbered("", 6));
  std::vector<Settlement> settlements;
  for (Lease& lease : queue_.lease(6, 1min)) settlements.push_back({std::move(lease), {}});
  ASSERT_THAT(settlements, SizeIs(6));
  settlements[0].outcome = Outcome::complete_json("[0]");
  settlements[1].outcome = Outcome::complete_json("[1]");
  settlements[2].outcome = Outcome::complete("two");
  settlements[4].outcome = Outcome::complete("");
  settlements[5].outcome = Outcome::complete_json("not checked");
  ASSERT_THAT(queue_.settle(std::move(settlements)), Each(Settled::accepted));
  std::vector<std::string> found;
  for (const Result& each : queue_.results("", 10)) {
    found.push_back(each.item + (each.is_json ? " json " : " text ") + each.result);
  }
  EXPECT_THAT(found, ElementsAre("0 json [0]", "1 json [1]", "2 text two", "4 text ",
                                 "5 json not checked"));
}

TEST_F(Settle, AnEmptyResultIsStored) {
  EXPECT_EQ(settle(pushed("a"), Outcome::complete("")), Settled::accepted);
  EXPECT_THAT(queue_.results("", 10), SizeIs(1));
}

TEST_F(Settle, AResultsTimeToLiveIsThatOfTheLastResult) {
  RetryPolicy policy;
  policy.results_ttl = std::chrono::hours{1};
  EXPECT_EQ(settle(pushed("a"), Outcome::complete("r"), policy), Settled::accepted);
  EXPECT_THAT(redis_.integer({"PTTL", key(Key::results)}), AllOf(Ge(3'500'000), Le(3'600'000)));
  EXPECT_EQ(settle(pushed("b"), Outcome::complete("r")), Settled::accepted);
  EXPECT_EQ(redis_.integer({"PTTL", key(Key::results)}), -1);
  EXPECT_EQ(settle(pushed("c"), Outcome::complete(), policy), Settled::accepted);
  EXPECT_EQ(redis_.integer({"PTTL", key(Key::results)}), -1) << "it had no result";
  EXPECT_THAT(queue_.results("", 10), SizeIs(2));
}

TEST_F(Settle, APolicyOutOfItsRangesIsRefusedBeforeAnythingIsWritten) {
  const Lease lease = pushed("a");
  RetryPolicy policy;
  policy.results_ttl = kLongestResultsTtl + 1ms;
  EXPECT_THROW(settle(lease, Outcome::complete("r"), policy), std::invalid_argument);
  policy.results_ttl = -1ms;
  EXPECT_THROW(settle(lease, Outcome::complete("r"), policy), std::invalid_argument);
  EXPECT_EQ(settle(lease, Outcome::complete("r")), Settled::accepted);
}

TEST_F(Settle, AResultRemovesThoseThatAreOlderThanTheirTimeToLiveAWholeBlockAtATime) {
  const std::string now_ms = std::to_string(redis_.time_ms() - 1'800'000);
  for (int i = 0; i < 250; ++i) {
    redis_.call({"XADD", key(Key::results), "1-*", "item", "old", "result", "r"});
  }
  redis_.call({"XADD", key(Key::results), now_ms, "item", "young", "result", "r"});
  RetryPolicy policy;
  policy.results_ttl = std::chrono::hours{1};
  EXPECT_EQ(settle(pushed("a"), Outcome::complete("r"), policy), Settled::accepted);
  const auto results = queue_.results("", 1'000);
  ASSERT_THAT(results, SizeIs(AllOf(Ge(2U), Le(102U))));
  EXPECT_EQ(results[results.size() - 2].item, "young");
  EXPECT_EQ(results.back().item, "a");
}

TEST_F(Settle, ResultsAreTrimmedUpToTheOneThatIsNamed) {
  for (const std::string& item : numbered("", 5)) {
    EXPECT_EQ(settle(pushed(item), Outcome::complete("r")), Settled::accepted);
  }
  const auto before = queue_.results("", 10);
  EXPECT_EQ(queue_.trim_results(before[2].id), 3U);
  EXPECT_EQ(queue_.trim_results(before[2].id), 0U);
  const auto after = queue_.results("", 10);
  ASSERT_THAT(after, SizeIs(2));
  EXPECT_EQ(after[0].id, before[3].id);
  for (const char* id : {"", "1", "1-", "-1", "1-0-0", "1-x", "99999999999999999999-0"}) {
    EXPECT_THROW(queue_.trim_results(id), std::invalid_argument) << id;
  }
  EXPECT_EQ(queue_.trim_results("18446744073709551614-18446744073709551615"), 2U);
}

TEST_F(Settle, FollowUpsArePushedWithTheCompletion) {
  const Lease lease = pushed("a");
  Outcome outcome = Outcome::complete("r");
  outcome.follow_ups = {"b", "", "c"};
  EXPECT_EQ(settle(lease, outcome), Settled::accepted);
  EXPECT_THAT(all(Key::ready), ElementsAre("c", "", "b"));
  EXPECT_EQ(counts().pushed, 4U);
  EXPECT_EQ(counts().completed, 1U);
}

TEST_F(Settle, AFollowUpWhoseKeyWasSeenIsNotPushed) {
  push({"a", "b"});
  std::vector<Settlement> both = all_completed(queue_.lease(2, 1min));
  for (Settlement& each : both) {
    each.outcome.follow_ups = {"any", FollowUp::once("page"), FollowUp::once("page")};
  }
  EXPECT_THAT(queue_.settle(std::move(both)), Each(Settled::accepted));
  EXPECT_THAT(all(Key::ready), ElementsAre("any", "page", "any"));
  EXPECT_EQ(counts().pushed, 5U);
  const Lease page = lease_one(queue_);
  Outcome again = Outcome::complete();
  again.follow_ups = {FollowUp::once("page"), FollowUp::once("")};
  EXPECT_EQ(settle(page, again), Settled::accepted);
  EXPECT_EQ(counts().pushed, 6U) << "of the two, only the empty item";
}

TEST_F(Settle, TheKeyOfAFollowUpMayBeOtherThanTheItem) {
  const Lease lease = pushed("a");
  Outcome outcome = Outcome::complete();
  outcome.follow_ups = {FollowUp::once("page at depth 1", "page"),
                        FollowUp::once("page at depth 2", "page"), "page"};
  EXPECT_EQ(settle(lease, outcome), Settled::accepted);
  EXPECT_THAT(all(Key::ready), ElementsAre("page", "page at depth 1"));
}

TEST_F(Settle, FollowUpsAndProducersSeeTheSameKeys) {
  push({"a", "b"}, {.once = true});
  const Lease lease = lease_one(queue_);
  ASSERT_EQ(lease.item, "a");
  Outcome outcome = Outcome::complete();
  outcome.follow_ups = {FollowUp::once("a"), FollowUp::once("b"), FollowUp::once("c")};
  EXPECT_EQ(settle(lease, outcome), Settled::accepted);
  EXPECT_THAT(all(Key::ready), ElementsAre("c", "b"));
  push({"c", "d"}, {.once = true});
  EXPECT_THAT(all(Key::ready), ElementsAre("d", "c", "b"));
}

TEST_F(Settle, ALostCompletionSeesNoKey) {
  const Lease lease = pushed("a");
  redis_.call({"DEL", lease_key("a")});
  Outcome outcome = Outcome::complete();
  outcome.follow_ups = {FollowUp::once("page")};
  EXPECT_EQ(settle(lease, outcome), Settled::lost);
  EXPECT_FALSE(redis_.exists(key(Key::seen)));
}

TEST_F(Settle, AFailureWaitsOutABackoffAndIsRecorded) {
  Failure failure;
  failure.kind = FailureKind::exit;
  failure.message = "it said no";
  failure.exit_code = 3;
  failure.max_rss_bytes = 4'096;
  failure.stdout_tail = "page 3\xff";
  failure.stderr_tail = "last words \xff";
  failure.cpu_time = 1'500ms;
  failure.wall_time = 2s;
  failure.worker = "who";
  failure.host = "where";
  RetryPolicy policy;
  policy.backoff_base = 10s;
  EXPECT_EQ(settle(pushed("a"), Outcome::fail(failure), policy), Settled::accepted);
  EXPECT_THAT(all(Key::delayed), ElementsAre("a"));
  EXPECT_THAT(delay_ms("a"), AllOf(Ge(4'000), Le(10'000)));
  EXPECT_EQ(redis_.text({"HGET", key(Key::attempts), hash_of("a")}), "1");
  EXPECT_FALSE(redis_.exists(lease_key("a")));
  const auto json = failure_of("a");
  EXPECT_EQ(json["kind"], "exit");
  EXPECT_EQ(json["message"], "it said no");
  EXPECT_EQ(json["exit_code"], 3);
  EXPECT_EQ(json["max_rss_bytes"], 4'096);
  EXPECT_EQ(json["cpu_ms"], 1'500);
  EXPECT_EQ(json["wall_ms"], 2'000);
  EXPECT_EQ(json["worker"], "who");
  EXPECT_EQ(json["host"], "where");
  EXPECT_EQ(json["stdout_tail"], "page 3\xef\xbf\xbd");
  EXPECT_EQ(json["stderr_tail"], "last words \xef\xbf\xbd");
  EXPECT_LE(json["at_ms"].get<std::int64_t>(), redis_.time_ms());
  EXPECT_EQ(counts().failed, 1U);
  EXPECT_EQ(counts().completed, 0U);
}

TEST_F(Settle, ALaterFailureWaitsLonger) {
  Lease lease = pushed("a");
  lease.failures = 3;
  RetryPolicy policy;
  policy.max_attempts = 10;
  policy.backoff_base = 10s;
  EXPECT_EQ(settle(lease, Outcome::fail("no"), policy), Settled::accepted);
  EXPECT_THAT(delay_ms("a"), AllOf(Ge(39'000), Le(80'000)));
}

TEST_F(Settle, AFailureWithoutBackoffIsLeasedNext) {
  push({"a", "b"});
  RetryPolicy policy;
  policy.backoff_base = 0ms;
  EXPECT_EQ(settle(lease_one(queue_), Outcome::fail("no"), policy), Settled::accepted);
  const Lease again = lease_one(queue_);
  EXPECT_EQ(again.item, "a");
  EXPECT_EQ(again.failures, 1U);
}

TEST_F(Settle, TheLastAttemptThatFailsIsDead) {
  Lease lease = pushed("a");
  lease.failures = 2;
  EXPECT_EQ(settle(lease, Outcome::fail("no")), Settled::accepted);
  EXPECT_THAT(all(Key::dead), ElementsAre("a"));
  EXPECT_EQ(redis_.text({"HGET", key(Key::attempts), hash_of("a")}), "1");
  EXPECT_EQ(failure_of("a")["message"], "no");
  EXPECT_EQ(counts().died, 1U);
  EXPECT_EQ(counts().failed, 1U);
  EXPECT_TRUE(counts().drained());
}

TEST_F(Settle, ACrashIsChargedApartFromFailuresAndWaitsOutABackoff) {
  Failure failure;
  failure.kind = FailureKind::signal;
  failure.message = "killed by signal 11";
  RetryPolicy policy;
  policy.max_attempts = 1;
  policy.backoff_base = 10s;
  EXPECT_EQ(settle(pushed("a"), Outcome::crash(failure), policy), Settled::accepted);
  EXPECT_THAT(all(Key::delayed), ElementsAre("a"));
  EXPECT_THAT(delay_ms("a"), AllOf(Ge(4'000), Le(10'000)));
  EXPECT_FALSE(redis_.exists(lease_key("a")));
  EXPECT_EQ(redis_.text({"HGET", key(Key::crashes), hash_of("a")}), "1");
  EXPECT_FALSE(redis_.exists(key(Key::attempts)));
  EXPECT_EQ(failure_of("a")["kind"], "signal");
  EXPECT_EQ(counts().crashed, 1U);
  EXPECT_EQ(counts().failed, 0U);
}

TEST_F(Settle, ACrashWithoutBackoffIsLeasedNextAndKnown) {
  push({"a", "b"});
  RetryPolicy policy;
  policy.backoff_base = 0ms;
  EXPECT_EQ(settle(lease_one(queue_), Outcome::crash({}), policy), Settled::accepted);
  const Lease again = lease_one(queue_);
  EXPECT_EQ(again.item, "a");
  EXPECT_EQ(again.crashes, 1U);
  EXPECT_EQ(again.failures, 0U);
}

TEST_F(Settle, TheLastCrashIsDeadAndFailuresDoNotCountForIt) {
  Lease lease = pushed("a");
  lease.crashes = 1;
  lease.failures = 2;
  EXPECT_EQ(settle(lease, Outcome::crash({}), {.backoff_base = 0ms}), Settled::accepted);
  EXPECT_THAT(all(Key::ready), ElementsAre("a"));
  lease = lease_one(queue_);
  lease.crashes = 2;
  EXPECT_EQ(settle(lease, Outcome::crash({})), Settled::accepted);
  EXPECT_THAT(all(Key::dead), ElementsAre("a"));
  EXPECT_EQ(counts().died, 1U);
  EXPECT_EQ(counts().crashed, 2U);
  EXPECT_EQ(counts().failed, 0U);
  EXPECT_TRUE(counts().drained());
}

TEST_F(Settle, ACompletionForgetsReportedCrashes) {
  const Lease lease = pushed("a");
  EXPECT_EQ(settle(lease, Outcome::crash({}), {.backoff_base = 0ms}), Settled::accepted);
  EXPECT_EQ(settle(lease_one(queue_), Outcome::complete()), Settled::accepted);
  EXPECT_FALSE(redis_.exists(key(Key::crashes)));
  EXPECT_FALSE(redis_.exists(key(Key::failures)));
}

TEST_F(Settle, AFatalFailureIsDeadAtOnce) {
  EXPECT_EQ(settle(pushed("a"), Outcome::fatal("hopeless")), Settled::accepted);
  EXPECT_THAT(all(Key::dead), ElementsAre("a"));
  EXPECT_EQ(failure_of("a")["message"], "hopeless");
  EXPECT_EQ(counts().died, 1U);
  const auto died_ms = std::stoll(redis_.text({"ZSCORE", key(Key::dead), "a"}).value_or("0"));
  EXPECT_THAT(redis_.time_ms() - died_ms, AllOf(Ge(0), Le(60'000)));
}

TEST_F(Settle, AReleaseWaitsForTheDelayOfThePolicyAndCostsNothing) {
  RetryPolicy policy;
  policy.release_delay = 20s;
  EXPECT_EQ(settle(pushed("a"), Outcome::release(), policy), Settled::accepted);
  EXPECT_THAT(delay_ms("a"), AllOf(Ge(15'000), Le(20'000)));
  EXPECT_FALSE(redis_.exists(key(Key::attempts)));
  EXPECT_FALSE(redis_.exists(key(Key::failures)));
  EXPECT_EQ(counts().released, 1U);
}

TEST_F(Settle, AReleaseWaitsForItsOwnDelay) {
  EXPECT_EQ(settle(pushed("a"), Outcome::release(30s)), Settled::accepted);
  EXPECT_THAT(delay_ms("a"), AllOf(Ge(25'000), Le(30'000)));
}

TEST_F(Settle, AReleaseWithoutDelayIsLeasedNext) {
  push({"a", "b"});
  const Lease lease = lease_one(queue_);
  EXPECT_EQ(settle(lease, Outcome::release(0ms)), Settled::accepted);
  const Lease again = lease_one(queue_);
  EXPECT_EQ(again.item, "a");
  EXPECT_EQ(again.attempt(), 1U);
  EXPECT_GT(again.fence, lease.fence);
}

TEST_F(Settle, ALeaseOfSomebodyElseIsLostAndNothingIsWritten) {
  const Lease lease = pushed("a");
  redis_.call({"SET", lease_key("a"), "0123456789abcdef#1"});
  const auto before = everything();
  Outcome complete = Outcome::complete("r");
  complete.follow_ups = {"b"};
  for (const Outcome& outcome : {complete, Outcome::fail("no"), Outcome::crash({}),
                                 Outcome::fatal("no"), Outcome::release(), Outcome::release(0ms)}) {
    EXPECT_EQ(settle(lease, outcome), Settled::lost);
  }
  EXPECT_EQ(everything(), before);
}

TEST_F(Settle, ALeaseOfOursWithAnotherFenceIsLost) {
  Lease lease = pushed("a");
  --lease.fence;
  const auto before = everything();
  EXPECT_EQ(settle(lease, Outcome::complete()), Settled::lost);
  EXPECT_EQ(everything(), before);
}

TEST_F(Settle, AnAbsentLeaseIsLostAndNothingIsWritten) {
  const Lease lease = pushed("a");
  redis_.call({"DEL", lease_key("a")});
  const auto before = everything();
  EXPECT_EQ(settle(lease, Outcome::complete("r")), Settled::lost);
  EXPECT_EQ(everything(), before);
}

TEST_F(Settle, ALeaseOfAnotherTypeIsLost) {
  const Lease lease = pushed("a");
  redis_.call({"DEL", lease_key("a")});
  redis_.call({"LPUSH", lease_key("a"), "x"});
  EXPECT_EQ(settle(lease, Outcome::complete("r")), Settled::lost);
}

TEST_F(Settle, AnItemThatIsNotInProcessingIsLostAndItsLeaseRemoved) {
  const Lease lease = pushed("a");
  redis_.call({"DEL", key(Key::processing)});
  for (const bool with_result : {true, false}) {
    redis_.call({"SET", lease_key("a"), queue_.session() + "#" + std::to_string(lease.fence)});
    EXPECT_EQ(settle(lease, with_result ? Outcome::complete("r") : Outcome::complete()),
              Settled::lost);
    EXPECT_FALSE(redis_.exists(lease_key("a")));
  }
  EXPECT_FALSE(redis_.exists(key(Key::results)));
  EXPECT_EQ(counts().completed, 0U);
  conserves_ = false;  // we took the item away
}

TEST_F(Settle, ALeaseThatEndedButWasNotReclaimedIsStillOurs) {
  const Lease lease = pushed("a");
  end_lease("a");
  EXPECT_EQ(settle(lease, Outcome::complete()), Settled::accepted);
}

TEST_F(Settle, EveryItemOfABatchIsJudgedOnItsOwn) {
  push({"done", "lost", "fail", "fatal", "back", "later", "gone"});
  const auto leases = queue_.lease(7, 1min);
  ASSERT_THAT(leases, SizeIs(7));
  redis_.call({"DEL", lease_key("lost")});
  redis_.call({"LREM", key(Key::processing), "1", "gone"});
  std::vector<Settlement> batch = {
      {leases[0], Outcome::complete("r")}, {leases[1], Outcome::complete("r")},
      {leases[2], Outcome::fail("no")},    {leases[3], Outcome::fatal("no")},
      {leases[4], Outcome::release(0ms)},  {leases[5], Outcome::release(1min)},
      {leases[6], Outcome::complete("r")}};
  EXPECT_THAT(queue_.settle(batch),
              ElementsAre(Settled::accepted, Settled::lost, Settled::accepted, Settled::accepted,
                          Settled::accepted, Settled::accepted, Settled::lost));
  EXPECT_THAT(all(Key::processing), ElementsAre("lost"));
  EXPECT_THAT(all(Key::ready), ElementsAre("back"));
  EXPECT_THAT(all(Key::delayed), ElementsAre("fail", "later"));
  EXPECT_THAT(all(Key::dead), ElementsAre("fatal"));
  EXPECT_THAT(queue_.results("", 10), SizeIs(1));
  push_past_us({"gone"});  // puts back what the test took away
  foreign_pushes_ = 0;
}

TEST_F(Settle, TheSameLeaseTwiceInACallIsAcceptedOnce) {
  push({"a", "b"});
  const auto leases = queue_.lease(2, 1min);
  const auto answers = queue_.settle(
      {completed(leases[0]), completed(leases[1]), completed(leases[0]), completed(leases[0])});
  EXPECT_THAT(answers, SizeIs(4));
  EXPECT_EQ(std::count(answers.begin(), answers.end(), Settled::accepted), 2);
  EXPECT_EQ(answers[1], Settled::accepted);
  EXPECT_EQ(counts().completed, 2U);
  EXPECT_TRUE(counts().drained());
}

TEST_F(Settle, ASecondSettlementOfTheSameLeaseIsLost) {
  const Lease lease = pushed("a");
  EXPECT_EQ(settle(lease, Outcome::complete("r")), Settled::accepted);
  EXPECT_EQ(settle(lease, Outcome::complete("r")), Settled::lost);
  EXPECT_EQ(settle(lease, Outcome::fail("no")), Settled::lost);
  EXPECT_THAT(queue_.results("", 10), SizeIs(1));
  EXPECT_EQ(counts().failed, 0U);
}

TEST_F(Settle, ACompletionForgetsEarlierFailures) {
  for (const bool with_result : {true, false}) {
    const Lease lease = pushed("a");
    for (const Key hash : {Key::attempts, Key::crashes, Key::failures}) {
      redis_.call({"HSET", key(hash), hash_of("a"), "1", hash_of("other"), "1"});
    }
    EXPECT_EQ(settle(lease, with_result ? Outcome::complete("r") : Outcome::complete()),
              Settled::accepted);
    for (const Key hash : {Key::attempts, Key::crashes, Key::failures}) {
      EXPECT_THAT(redis_.list({"HKEYS", key(hash)}), ElementsAre(hash_of("other")));
    }
  }
}

TEST_F(Settle, AFailureDoesNotForgetEarlierOnes) {
  const Lease lease = pushed("a");
  redis_.call({"HSET", key(Key::attempts), hash_of("a"), "1"});
  redis_.call({"HSET", key(Key::crashes), hash_of("a"), "1"});
  EXPECT_EQ(settle(lease, Outcome::fail("no")), Settled::accepted);
  EXPECT_EQ(redis_.text({"HGET", key(Key::attempts), hash_of("a")}), "2");
  EXPECT_EQ(redis_.text({"HGET", key(Key::crashes), hash_of("a")}), "1");
}

TEST_F(Settle, EqualItemsThatMeetAmongTheDelayedOrTheDeadAreCountedAsMerged) {
  for (const Outcome& outcome : {Outcome::release(1min), Outcome::fatal("no")}) {
    const auto merged = counts().merged;
    EXPECT_EQ(settle(pushed("same"), outcome), Settled::accepted);
    EXPECT_EQ(counts().merged, merged);
    EXPECT_EQ(settle(pushed("same"), outcome), Settled::accepted);
    EXPECT_EQ(counts().merged, merged + 1);
    expect_conserved();
  }
}

TEST_F(Settle, AnEqualItemStaysInProcessingWhenOneIsCompleted) {
  push({"same", "same"});
  const auto leases = queue_.lease(2, 1min);
  ASSERT_THAT(leases, SizeIs(1));
  EXPECT_EQ(settle(leases[0], Outcome::complete()), Settled::accepted);
  EXPECT_THAT(all(Key::processing), ElementsAre("same"));
}

TEST_F(Settle, AKeyOfAnotherTypeStopsItBeforeTheFirstWrite) {
  conserves_ = false;
  for (const Key in_the_way : {Key::processing, Key::stats, Key::fence, Key::attempts, Key::crashes,
                               Key::failures, Key::results, Key::ready, Key::delayed, Key::dead}) {
    redis_.call({"FLUSHALL"});
    push({"a", "b", "c", "d"});
    const auto leases = queue_.lease(4, 1min);
    ASSERT_THAT(leases, SizeIs(4));
    redis_.call({"DEL", key(in_the_way)});
    redis_.call({in_the_way == Key::fence ? "LPUSH" : "SET", key(in_the_way), "x"});
    const auto before = everything();
    EXPECT_THROW(static_cast<void>(queue_.settle({{leases[0], Outcome::complete("r")},
                                                  {leases[1], Outcome::fail("no")},
                                                  {leases[2], Outcome::fatal("no")},
                                                  {leases[3], Outcome::release(0ms)}})),
                 RefusedError)
        << key(in_the_way);
    EXPECT_EQ(everything(), before) << key(in_the_way);
  }
}

TEST_F(Settle, TakesTheGreatestBatchInOneCall) {
  push(numbered("i", Queue::kMaxBatch));
  auto leases = queue_.lease(Queue::kMaxBatch, 1min);
  ASSERT_THAT(leases, SizeIs(Queue::kMaxBatch));
  EXPECT_THAT(queue_.settle(all_completed(std::move(leases))), Each(Settled::accepted));
  EXPECT_EQ(counts().completed, Queue::kMaxBatch);
}

TEST_F(Settle, RefusesAnImpossibleNumberOfSettlements) {
  EXPECT_THROW(static_cast<void>(queue_.settle({})), std::invalid_argument);
  EXPECT_THROW(static_cast<void>(queue_.settle(std::vector<Settlement>(Queue::kMaxBatch + 1))),
               std::invalid_argument);
}

}  // namespace
}  // namespace wq::test
