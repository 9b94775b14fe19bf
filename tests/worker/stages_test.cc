// Stages: a queue is drained only when the queues before it are.
#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <wq/admin.h>
#include <wq/error.h>
#include <wq/producer.h>
#include <wq/worker.h>

#include "support/eventually.h"
#include "support/queue_test.h"

namespace wq::test {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Stages : public QueueTest {
 protected:
  void fill(const std::string& queue, const std::vector<std::string>& items) {
    Producer producer(queue, options(), {});
    for (const std::string& item : items) producer.push(item);
    producer.finish();
  }

  [[nodiscard]] WorkerOptions after(std::vector<std::string> stages) {
    WorkerOptions worker;
    worker.after = std::move(stages);
    worker.log = [this](LogLevel, std::string_view text) {
      const std::lock_guard lock(mutex_);
      log_.append(text).append("\n");
    };
    return worker;
  }

  [[nodiscard]] std::string log() {
    const std::lock_guard lock(mutex_);
    return log_;
  }

  WorkerReport work(
      const std::string& queue, WorkerOptions worker = {},
      const Handler& handler = [](const Job&) { return Outcome::complete(); }) {
    return Worker(queue, options(), std::move(worker), handler).run();
  }
  [[nodiscard]] std::future<WorkerReport> start(const std::string& queue, WorkerOptions worker) {
    return std::async(std::launch::async, [this, queue, worker] { return work(queue, worker); });
  }

  [[nodiscard]] bool has_recorded(const std::string& queue, const std::string& stage) {
    const Counts counts = counts_of(queue);
    return std::any_of(counts.after.begin(), counts.after.end(), [&](const EarlierStage& each) {
      return each.queue == stage && !each.id.empty();
    });
  }

  std::mutex mutex_;
  std::string log_;
};

TEST_F(Stages, WaitForWhatTheOneBeforeMayPush) {
  fill("one", {"a", "b"});
  auto second = start("two", after({"one"}));
  ASSERT_TRUE(eventually([this] { return has_recorded("two", "one"); }));
  const WorkerReport first = work("one", {}, [this](const Job& job) {
    fill("two", {"of " + std::string(job.item)});
    return Outcome::complete();
  });
  EXPECT_EQ(first.end, WorkerEnd::drained);
  const WorkerReport report = second.get();
  EXPECT_EQ(report.end, WorkerEnd::drained);
  EXPECT_EQ(report.completed, 2U);
}

TEST_F(Stages, AreDrainedWithoutAnItemIfTheOneBeforePushedNone) {
  fill("one", {"a"});
  EXPECT_EQ(work("one").end, WorkerEnd::drained);
  EXPECT_EQ(work("two", after({"one"})).end, WorkerEnd::drained);
}

TEST_F(Stages, WaitForTheOnesBeforeTheOneBefore) {
  fill("one", {"a"});
  auto third = start("three", after({"two"}));
  auto second = start("two", after({"one"}));
  ASSERT_TRUE(eventually([this] { return has_recorded("two", "one"); }));
  EXPECT_TRUE(eventually([this] { return Queue("three", options()).state() == QueueState::open; }));
  EXPECT_EQ(work("one").end, WorkerEnd::drained);
  EXPECT_EQ(second.get().end, WorkerEnd::drained);
  EXPECT_EQ(third.get().end, WorkerEnd::drained);
  EXPECT_EQ(Queue("three", options()).state(), QueueState::drained);
}

TEST_F(Stages, AreRememberedForWorkersThatAreNotTold) {
  fill("one", {"a"});
  fill("two", {"b"});
  WorkerOptions one_item = after({"one"});
  one_item.max_items = 1;
  EXPECT_EQ(work("two", one_item).end, WorkerEnd::max_items);
  EXPECT_TRUE(counts_of("two").drained());
  auto second = start("two", after({}));
  EXPECT_TRUE(
      eventually([this] { return log().find("the queue 'one' before it") != std::string::npos; }));
  EXPECT_EQ(work("one").end, WorkerEnd::drained);
  EXPECT_EQ(second.get().end, WorkerEnd::drained);
}

TEST_F(Stages, DoNotWaitForOneThatWasPurged) {
  fill("one", {"a"});
  auto second = start("two", after({"one"}));
  ASSERT_TRUE(eventually([this] { return has_recorded("two", "one"); }));
  Admin("one", options()).purge();
  EXPECT_EQ(second.get().end, WorkerEnd::drained);
}

TEST_F(Stages, DoNotWaitForItemsThatWereDropped) {
  fill("one", {"a"});
  auto second = start("two", after({"one"}));
  ASSERT_TRUE(eventually([this] { return has_recorded("two", "one"); }));
  EXPECT_EQ(Admin("one", options()).drop(std::vector<std::string>{"a"}, ItemState::ready).size(),
            1U);
  EXPECT_EQ(second.get().end, WorkerEnd::drained);
}

TEST_F(Stages, GiveUpOneThatDoesNotBegin) {
  WorkerOptions worker = after({"one"});
  worker.wait_open = 1ms;
  EXPECT_EQ(work("two", worker).end, WorkerEnd::never_opened);
}

TEST_F(Stages, SayWhichOneTheyWaitFor) {
  fill("one", {"a"});
  auto second = start("two", after({"one"}));
  EXPECT_TRUE(
      eventually([this] { return log().find("the queue 'one' before it") != std::string::npos; }));
  EXPECT_THAT(log(), HasSubstr("waiting: the queue is empty, and the queue 'one' before it is not "
                               "drained: ready 1, processing 0"));
  EXPECT_EQ(work("one").end, WorkerEnd::drained);
  EXPECT_EQ(second.get().end, WorkerEnd::drained);
}

TEST_F(Stages, GoOnWithoutTheDeadLettersOfTheOneBefore) {
  fill("one", {"a"});
  work("one", {}, [](const Job&) { return Outcome::fatal("no"); });
  const WorkerReport report = work("two", after({"one"}));
  EXPECT_EQ(report.end, WorkerEnd::drained);
  EXPECT_EQ(report.dead_before, 1U);
}

TEST_F(Stages, WaitForTheDeadLettersOfTheOneBeforeIfAsked) {
  fill("one", {"a"});
  work("one", {}, [](const Job&) { return Outcome::fatal("no"); });
  WorkerOptions worker = after({"one"});
  worker.wait_for_dead = true;
  auto second = start("two", worker);
  EXPECT_TRUE(eventually([this] { return log().find("1 dead letter") != std::string::npos; }));
  EXPECT_EQ(Admin("one", options()).retry(std::vector<std::string>{"a"}).size(), 1U);
  EXPECT_EQ(work("one").end, WorkerEnd::drained);
  EXPECT_EQ(second.get().end, WorkerEnd::drained);
}

TEST_F(Stages, AreNotDrainedWhileAProducerHasYetToPushToThem) {
  fill("one", {"a"});
  EXPECT_EQ(work("one").end, WorkerEnd::drained);
  Producer producer("two", options(), {});
  auto second = start("two", after({"one"}));
  ASSERT_TRUE(eventually([this] { return has_recorded("two", "one"); }));
  EXPECT_EQ(Queue("two", options()).state(), QueueState::open);
  producer.push("b");
  producer.finish();
  EXPECT_EQ(second.get().completed, 1U);
}

TEST_F(Stages, AreNotDrainedWithAnItemThatWasPushedPastUs) {
  fill("one", {"a"});
  EXPECT_EQ(work("one").end, WorkerEnd::drained);
  redis_.call({"LPUSH", "two", "b"});
  EXPECT_EQ(work("two", after({"one"})).completed, 1U);
}

TEST_F(Stages, HaveNotBegunOnlyIfNoneOfThemIsAtWork) {
  fill("second", {"a"});
  WorkerOptions worker = after({"first", "second"});
  worker.wait_open = 1ms;
  auto third = start("third", worker);
  EXPECT_TRUE(eventually(
      [this] { return log().find("the queue 'second' before it") != std::string::npos; }));
  EXPECT_EQ(work("second").end, WorkerEnd::drained);
  EXPECT_EQ(third.get().end, WorkerEnd::never_opened);
}

TEST_F(Stages, WaitAgainForOneThatWasPurgedIfAWorkerIsToldOfItAnew) {
  fill("one", {"a"});
  EXPECT_EQ(work("one").end, WorkerEnd::drained);
  EXPECT_EQ(work("two", after({"one"})).end, WorkerEnd::drained);
  Admin("one", options()).purge();
  WorkerOptions worker = after({"one"});
  worker.wait_open = 1ms;
  EXPECT_EQ(work("two", worker).end, WorkerEnd::never_opened);
}

TEST_F(Stages, AreRecordedAgainWhenRedisHasLostTheOrder) {
  fill("one", {"a"});
  auto second = start("two", after({"one"}));
  ASSERT_TRUE(eventually([this] { return has_recorded("two", "one"); }));
  redis_.call({"HDEL", "two:stats", "after:one"});
  EXPECT_TRUE(eventually([this] { return has_recorded("two", "one"); }));
  EXPECT_EQ(work("one").end, WorkerEnd::drained);
  EXPECT_EQ(second.get().end, WorkerEnd::drained);
}

TEST_F(Stages, AreNotRecordedIfOneOfThemCannotBe) {
  EXPECT_THROW(work("two", after({"one", "two"})), std::invalid_argument);
  EXPECT_FALSE(redis_.exists("two:stats"));
}

class FollowUpStages : public Stages {
 protected:
  static WorkerOptions with_follow_ups_to(const std::string& queue) {
    WorkerOptions worker;
    worker.follow_ups_to = {queue};
    return worker;
  }
};

TEST_F(FollowUpStages, HoldTheirTargetOpenUntilTheirOwnQueueIsDrained) {
  fill("one", {"a"});
  fill("two", {"b"});
  std::promise<void> may_end;
  auto first = std::async(std::launch::async, [&] {
    return work("one", with_follow_ups_to("two"), [&](const Job&) {
      may_end.get_future().wait();
      Outcome outcome = Outcome::complete();
      outcome.follow_ups = {FollowUp::to("two", "of a")};
      return outcome;
    });
  });
  ASSERT_TRUE(eventually([this] { return has_recorded("two", "one"); }));
  auto second = start("two", {});
  ASSERT_TRUE(eventually([this] { return counts_of("two").completed == 1; }));
  EXPECT_TRUE(counts_of("two").drained());
  EXPECT_EQ(Queue("two", options()).state(), QueueState::open);
  may_end.set_value();
  EXPECT_EQ(first.get().end, WorkerEnd::drained);
  EXPECT_EQ(second.get().completed, 2U);
}

// As of a crawler that fetches pages and parses them in two queues.
TEST_F(FollowUpStages, ThatFeedEachOtherAreDrainedTogether) {
  fill("one", {"16"});
  const auto count_down_to = [](const std::string& queue) {
    return [queue](const Job& job) {
      Outcome outcome = Outcome::complete();
      const int number = std::stoi(std::string(job.item));
      if (number > 0) outcome.follow_ups = {FollowUp::to(queue, std::to_string(number - 1))};
      return outcome;
    };
  };
  auto second = std::async(std::launch::async, [&] {
    return work("two", with_follow_ups_to("one"), count_down_to("one"));
  });
  ASSERT_TRUE(eventually([this] { return !counts_of("one").after.empty(); }));
  const WorkerReport first = work("one", with_follow_ups_to("two"), count_down_to("two"));
  EXPECT_EQ(first.end, WorkerEnd::drained);
  EXPECT_EQ(first.completed, 9U);
  EXPECT_EQ(second.get().completed, 8U);
}

TEST_F(FollowUpStages, ThatFeedEachOtherWaitForTheFirstItem) {
  WorkerOptions worker;
  worker.follow_ups_to = {"one", "two"};
  worker.wait_open = 1ms;
  const Handler handler = [](const Job&) { return Outcome::complete(); };
  EXPECT_EQ(Worker({{"one"}, {"two"}}, options(), worker, handler).run().end,
            WorkerEnd::never_opened);
}

TEST_F(FollowUpStages, AreHeldOpenAgainWhenRedisHasLostThat) {
  fill("one", {"a"});
  std::promise<void> may_end;
  auto first = std::async(std::launch::async, [&] {
    return work("one", with_follow_ups_to("two"), [&](const Job&) {
      may_end.get_future().wait();
      return Outcome::complete();
    });
  });
  ASSERT_TRUE(eventually([this] { return has_recorded("two", "one"); }));
  redis_.call({"DEL", "two:stats"});
  EXPECT_TRUE(eventually([this] { return has_recorded("two", "one"); }));
  may_end.set_value();
  EXPECT_EQ(first.get().end, WorkerEnd::drained);
}

TEST_F(FollowUpStages, WithAKeyOfAnotherTypeAreRefusedBeforeAnItemIsBegun) {
  fill("one", {"a"});
  redis_.call({"SET", "two:seen", "text"});
  EXPECT_THROW(work("one", with_follow_ups_to("two")), RefusedError);
  EXPECT_EQ(counts_of("one").leased, 0U);
}

TEST_F(FollowUpStages, ThatWereNotNamedGetNothing) {
  fill("one", {"a"});
  WorkerOptions worker = after({});
  worker.follow_ups_to = {"two"};
  const WorkerReport report = work("one", worker, [](const Job&) {
    Outcome outcome = Outcome::complete();
    outcome.follow_ups = {FollowUp::to("two", "b"), FollowUp::to("three", "c")};
    return outcome;
  });
  EXPECT_EQ(report.counts.dead, 1U);
  EXPECT_EQ(counts_of("two").pushed, 0U);
  EXPECT_EQ(counts_of("three").pushed, 0U);
  EXPECT_THAT(log(), HasSubstr("for the queue 'three', which the worker was not told of"));
}

TEST_F(Stages, CannotBeACycle) {
  fill("one", {"a"});
  WorkerOptions leaves = after({"one"});
  leaves.max_idle = 1ms;
  EXPECT_EQ(work("two", leaves).end, WorkerEnd::max_idle);
  leaves = after({"two"});
  leaves.max_idle = 1ms;
  EXPECT_EQ(work("three", leaves).end, WorkerEnd::max_idle);
  EXPECT_THROW(work("one", after({"three"})), std::invalid_argument);
  EXPECT_THROW(work("one", after({"one"})), std::invalid_argument);
  EXPECT_TRUE(counts_of("one").after.empty());
}

// Two workers that check at the same time may record one each.
TEST_F(Stages, ThatAreACycleAreDrainedTogether) {
  fill("one", {"a"});
  fill("two", {"b"});
  redis_.call({"HSET", "one:stats", "after:two", counts_of("two").id});
  redis_.call({"HSET", "two:stats", "after:one", counts_of("one").id});
  auto first = start("one", {});
  ASSERT_TRUE(eventually([this] { return counts_of("one").completed == 1; }));
  EXPECT_EQ(Queue("one", options()).state(), QueueState::open);
  EXPECT_EQ(work("two").end, WorkerEnd::drained);
  EXPECT_EQ(first.get().end, WorkerEnd::drained);
  EXPECT_EQ(Queue("one", options()).state(), QueueState::drained);
}

}  // namespace
}  // namespace wq::test
