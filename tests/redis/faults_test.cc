// Answers that never come: what is sent again, and what the caller is told.
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <wq/error.h>
#include <wq/queue.h>
#include <wq/reclaimer.h>

#include "queue/lease_stream.h"
#include "support/eventually.h"
#include "support/fault_proxy.h"
#include "support/queue_test.h"

namespace wq::test {
namespace {

using namespace std::chrono_literals;
using ::testing::AnyOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class Faults : public QueueTest {
 protected:
  explicit Faults(const std::vector<std::string>& config = {}) : QueueTest(config) {}

  void return_orphans() {
    Reclaimer reclaimer("q", options());
    const TimePoint begin = BootClock::now();
    for (const auto time : {0s, 3s, 6s}) reclaimer.pass(begin + time);
  }

  FaultProxy proxy_{server_};
  Queue queue_{"q", proxy_.options()};
};

TEST_F(Faults, ASettlementWhoseAnswerIsLostIsCommittedOnceAndUnknown) {
  push({"a", "b"});
  auto leases = queue_.lease(2, 1min);
  proxy_.lose_answer_to(internal::scripts::settle.sha1);
  Outcome outcome = Outcome::complete("r");
  outcome.follow_ups = {"c"};
  EXPECT_THAT(queue_.settle({{leases[0], outcome}, {leases[1], Outcome::fail("no")}}),
              Each(Settled::unknown));
  EXPECT_EQ(proxy_.faults(), 1U);
  const Counts now = counts();
  EXPECT_EQ(now.completed, 1U);
  EXPECT_EQ(now.failed, 1U);
  EXPECT_EQ(now.pushed, 3U);
  EXPECT_THAT(queue_.results("", 10), SizeIs(1));
}

TEST_F(Faults, ASettlementThatIsLostOnTheWayIsAcceptedTheSecondTime) {
  push({"a"});
  Lease lease = lease_one(queue_);
  proxy_.lose_request(internal::scripts::settle.sha1);
  EXPECT_THAT(queue_.settle({{std::move(lease), Outcome::complete("r")}}),
              ElementsAre(Settled::accepted));
  EXPECT_EQ(proxy_.faults(), 1U);
  EXPECT_THAT(queue_.results("", 10), SizeIs(1));
}

TEST_F(Faults, ASettlementThatArrivesLateIsNotCommittedTwice) {
  push({"a"});
  Lease lease = lease_one(queue_);
  proxy_.delay_request(internal::scripts::settle.sha1);
  EXPECT_THAT(queue_.settle({{std::move(lease), Outcome::complete("r")}}),
              ElementsAre(Settled::accepted));
  proxy_.deliver();
  EXPECT_THAT(queue_.results("", 10), SizeIs(1));
  EXPECT_EQ(counts().completed, 1U);
}

TEST_F(Faults, AFailureThatArrivesLateIsNotChargedTwice) {
  push({"a"});
  RetryPolicy policy;
  policy.backoff_base = 0ms;
  proxy_.delay_request(internal::scripts::settle.sha1);
  EXPECT_THAT(queue_.settle({{lease_one(queue_), Outcome::fail("no")}}, policy),
              ElementsAre(Settled::accepted));
  const Lease again = lease_one(queue_);  // the same item with another fence
  proxy_.deliver();
  EXPECT_THAT(queue_.settle({completed(again)}), ElementsAre(Settled::accepted));
  EXPECT_EQ(counts().failed, 1U);
}

TEST_F(Faults, WhatAPopTookWhoseAnswerIsLostComesBackUncharged) {
  push(numbered("i", 5));
  proxy_.lose_answer_to(internal::scripts::pop.sha1);
  EXPECT_THAT(queue_.lease(3, 1min), SizeIs(2));
  EXPECT_EQ(counts().processing, 5U);
  return_orphans();
  EXPECT_EQ(counts().ready, 3U);
  EXPECT_EQ(counts().crashed, 0U);
  const auto leases = queue_.lease(5, 1min);
  ASSERT_THAT(leases, SizeIs(3));
  for (const Lease& lease : leases) EXPECT_EQ(lease.attempt(), 1U);
}

TEST_F(Faults, ALeaseWhoseAnswerIsLostIsOurs) {
  push(numbered("i", 3));
  proxy_.lose_answer_to("q:leased_by_session:" + hash_of("i1"));
  const auto leases = queue_.lease(3, 1min);
  EXPECT_EQ(proxy_.faults(), 1U);
  EXPECT_EQ(items_of(leases), numbered("i", 3));
  EXPECT_THAT(queue_.settle(all_completed(leases)), Each(Settled::accepted));
}

TEST_F(Faults, ALeaseThatIsLostOnTheWayIsTakenTheSecondTime) {
  push(numbered("i", 3));
  proxy_.lose_request("q:leased_by_session:" + hash_of("i1"));
  const auto leases = queue_.lease(3, 1min);
  EXPECT_EQ(items_of(leases), numbered("i", 3));
  EXPECT_THAT(queue_.settle(all_completed(leases)), Each(Settled::accepted));
}

TEST_F(Faults, ALeaseThatArrivesAfterItsItemWasDoneHoldsAnEqualItemBackForAsLongAndLosesNothing) {
  push({"a"});
  proxy_.delay_request("q:leased_by_session:" + hash_of("a"));
  EXPECT_THAT(queue_.settle({completed(lease_one(queue_))}), ElementsAre(Settled::accepted));
  proxy_.deliver();
  EXPECT_TRUE(redis_.exists(lease_key("a")));
  push({"a"});
  EXPECT_THAT(queue_.lease(1, 1min), IsEmpty());
  end_lease("a");
  Reclaimer reclaimer("q", options());
  const TimePoint begin = BootClock::now();
  reclaimer.pass(begin);
  EXPECT_EQ(reclaimer.pass(begin + 1min).reclaimed, 1U);
  EXPECT_EQ(lease_one(queue_).crashes, 1U);
}

TEST_F(Faults, ALeaseWhoseAnswerIsLostIsNotTakenForOursWhenAnotherHoldsTheItem) {
  push({"same", "same"});
  Queue other = open_queue();
  Lease held = lease_one(other);
  proxy_.lose_answer_to("q:leased_by_session:" + hash_of("same"));
  EXPECT_THAT(queue_.lease(1, 1min), IsEmpty());
  EXPECT_EQ(proxy_.faults(), 1U);
  EXPECT_THAT(other.settle({completed(std::move(held))}), ElementsAre(Settled::accepted));
}

TEST_F(Faults, ARenewalWhoseAnswerIsLostIsRepeated) {
  push({"a"});
  const std::vector<Lease> leases = queue_.lease(1, 1min);
  proxy_.lose_answer_to(internal::scripts::renew.sha1);
  EXPECT_THAT(queue_.renew(leases, 1min), ElementsAre(true));
  EXPECT_EQ(proxy_.faults(), 1U);
}

TEST_F(Faults, AnItemThatABlockingPopTookWhoseAnswerIsLostComesBack) {
  push({"a"});
  internal::ReconnectingConnection link(proxy_.options(), {});
  internal::LeaseStream stream(link, keys_, "session");
  proxy_.lose_answer_to("BRPOPLPUSH");
  EXPECT_FALSE(stream.wait_for_item(1s));
  EXPECT_EQ(counts().processing, 1U);
  return_orphans();
  EXPECT_TRUE(stream.wait_for_item(1s));
}

TEST_F(Faults, TwoRequestsUnderWayAreBothSentAgain) {
  push(numbered("i", 40));
  internal::ReconnectingConnection link(proxy_.options(), {});
  internal::LeaseStream stream(link, keys_, "session");
  stream.post({}, 10);
  static_cast<void>(stream.take());
  stream.post({}, 10);
  proxy_.lose_answer_to(internal::scripts::pop.sha1);
  stream.post({}, 10);
  EXPECT_EQ(items_of(stream.take().leased), numbered("i", 10));
  static_cast<void>(stream.take());
  EXPECT_EQ(proxy_.faults(), 1U);
  stream.post({}, 0);
  EXPECT_GE(stream.take().leased.size(), 10U);
  return_orphans();
  const Counts now = counts();
  EXPECT_EQ(now.ready + now.processing, 40U);
}

TEST_F(Faults, ScriptFlushInTheMiddleIsNotNoticed) {
  push(numbered("i", 3));
  for (int n = 0; n < 3; ++n) {
    redis_.call({"SCRIPT", "FLUSH"});
    auto leases = queue_.lease(1, 1min);
    ASSERT_THAT(leases, SizeIs(1));
    redis_.call({"SCRIPT", "FLUSH"});
    EXPECT_THAT(queue_.renew(leases, 1min), ElementsAre(true));
    redis_.call({"SCRIPT", "FLUSH"});
    EXPECT_THAT(queue_.settle(all_completed(std::move(leases))), ElementsAre(Settled::accepted));
  }
  EXPECT_TRUE(counts().drained());
}

TEST_F(Faults, AConnectionThatIsKilledIsReplaced) {
  push(numbered("i", 8));
  for (int n = 0; n < 8; ++n) {
    redis_.call({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
    auto leases = queue_.lease(1, 1min);
    ASSERT_THAT(leases, SizeIs(1));
    redis_.call({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
    EXPECT_THAT(queue_.settle(all_completed(std::move(leases))),
                ElementsAre(AnyOf(Settled::accepted, Settled::unknown)));
  }
  EXPECT_EQ(counts().completed, 8U);
}

TEST_F(Faults, AServerThatHangsForLongerThanTheTimeoutIsLeftAndItsAnswerNotMistaken) {
  RedisOptions options = this->options();
  options.command_timeout = 1s;
  std::atomic<bool> gave_up{false};
  options.log = [&gave_up](LogLevel, std::string_view) { gave_up = true; };
  Queue queue("q", options);
  push({"a", "b"});
  Lease lease = lease_one(queue);
  server_.freeze();
  std::vector<Settled> settled;
  std::thread settling([&] { settled = queue.settle({{lease, Outcome::complete("r")}}); });
  EXPECT_TRUE(eventually([&] { return gave_up.load(); }));
  server_.thaw();
  settling.join();
  EXPECT_THAT(settled, ElementsAre(Settled::unknown));  // the first was carried out after all
  EXPECT_THAT(queue.results("", 10), SizeIs(1));
  EXPECT_EQ(lease_one(queue).item, "b");
}

TEST_F(Faults, PastThePatienceTheCallGivesUpAndTheObjectGoesOnLater) {
  push({"a"});
  RedisOptions options = this->options();
  options.patience = 100ms;
  Queue queue("q", options);
  auto leases = queue.lease(1, 1min);
  server_.freeze();
  server_.kill();
  EXPECT_THROW(static_cast<void>(queue.settle(all_completed(leases))), ConnectionError);
  EXPECT_THROW(static_cast<void>(queue.counts()), ConnectionError);
  server_.start();
  EXPECT_THAT(queue.settle(all_completed(leases)), ElementsAre(Settled::lost));
  conserves_ = false;  // the data is gone
}

class DurableFaults : public Faults {
 protected:
  DurableFaults() : Faults({"appendonly yes", "appendfsync always"}) {}
  void TearDown() override { conserves_ = false; }
};

TEST_F(DurableFaults, ARestartBetweenLeaseAndSettlementLosesNothing) {
  push(numbered("i", 100));
  Queue queue = open_queue();
  auto leases = queue.lease(100, 1min);
  const std::uint64_t fence = leases.back().fence;
  server_.restart();
  EXPECT_THAT(queue.settle(all_completed(std::move(leases))), Each(Settled::accepted));
  push({"more"});
  EXPECT_GT(lease_one(queue).fence, fence);
  expect_conserved();
}

TEST_F(DurableFaults, ARestartInTheMiddleOfAPushLosesAndRepeatsNothing) {
  std::atomic<bool> away{false};
  RedisOptions options = this->options();
  options.log = [&away](LogLevel, std::string_view) { away = true; };
  Producer producer("q", options);
  std::thread pusher([&] {
    for (const std::string& item : numbered("i", 20'000)) producer.push(item);
    // Only when the server went away in between: else there was no middle.
    static_cast<void>(eventually([&] { return away.load(); }));
    for (const std::string& item : numbered("j", 20'000)) producer.push(item);
  });
  EXPECT_TRUE(eventually([&] { return producer.report().pushed > 2'000; }));
  server_.kill();
  EXPECT_TRUE(eventually([&] { return away.load(); }));
  server_.start();
  pusher.join();
  const PushReport report = producer.finish();
  EXPECT_EQ(report.pushed, 40'000U);
  EXPECT_EQ(report.unknown, 0U);
  EXPECT_EQ(counts().ready, 40'000U);
  EXPECT_EQ(counts().pushed, 40'000U);
  expect_conserved();
}

TEST_F(DurableFaults, RestartsInTheMiddleOfADrainLoseAndRepeatNothing) {
  push(numbered("i", 3'000));
  std::atomic<int> settled{0};
  std::thread worker([&] {
    Queue queue = open_queue();
    while (true) {
      auto leases = queue.lease(50, 1min);
      if (leases.empty()) break;
      std::vector<Settlement> settlements;
      for (Lease& lease : leases) {
        settlements.push_back({std::move(lease), Outcome::complete("r")});
      }
      settled += static_cast<int>(queue.settle(std::move(settlements)).size());
    }
  });
  for (const int threshold : {500, 1'500}) {
    EXPECT_TRUE(eventually([&] { return settled > threshold; }));
    server_.restart();
  }
  worker.join();
  return_orphans();
  const Counts now = counts();
  EXPECT_EQ(now.completed + now.ready + now.processing, 3'000U);
  EXPECT_EQ(open_queue().results("", 10'000).size(), now.completed);
  EXPECT_EQ(now.crashed, 0U);
  expect_conserved();
}

}  // namespace
}  // namespace wq::test
