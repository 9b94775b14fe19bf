// WorkerOptions::durable_replicas, with real replicas.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <wq/error.h>
#include <wq/producer.h>
#include <wq/worker.h>

#include "support/eventually.h"
#include "support/queue_test.h"
#include "support/replicated_redis.h"

namespace wq::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

WorkerOptions durable_worker() {
  WorkerOptions options;
  options.durable_replicas = 1;
  options.lease = 2s;
  options.log = no_log;
  return options;
}

Outcome echo(const Job& job) { return Outcome::complete(std::string(job.item)); }

/// Without an append-only file, where WAIT is all there is, and with one, where newer servers have
/// WAITAOF too.
class DurableWorker : public ::testing::TestWithParam<std::string> {
 protected:
  [[nodiscard]] static std::vector<std::string> config() { return {"appendonly " + GetParam()}; }

  void push(const std::vector<std::string>& items, const std::string& queue = "q") {
    Producer producer(queue, redis_.options());
    for (const std::string& item : items) producer.push(item);
    producer.finish();
  }
  [[nodiscard]] std::multiset<std::string> results() {
    std::multiset<std::string> items;
    for (const Result& each : Queue("q", redis_.primary().options()).results("", 100'000)) {
      items.insert(each.item);
    }
    return items;
  }
  [[nodiscard]] Counts counts() { return Queue("q", redis_.primary().options()).counts(); }
  /// The keys that only a run has.
  [[nodiscard]] std::vector<std::string> marks() {
    return RedisClient(redis_.primary().options()).list({"KEYS", "*:settled"});
  }

  ReplicatedRedis redis_{2, config()};
};

INSTANTIATE_TEST_SUITE_P(Aof, DurableWorker, ::testing::Values("no", "yes"),
                         [](const ::testing::TestParamInfo<std::string>& each) {
                           return each.param;
                         });

TEST_P(DurableWorker, DrainsAQueueAndLeavesNoMarks) {
  push(numbered("i", 500));
  WorkerOptions options = durable_worker();
  options.durable_replicas = 2;  // whichever is promoted
  Worker worker("q", redis_.options(), options, echo);
  const WorkerReport report = worker.run();
  EXPECT_EQ(report.end, WorkerEnd::drained);
  EXPECT_EQ(report.completed, 500U);
  EXPECT_EQ(worker.stats().unconfirmed, 0U);
  EXPECT_THAT(marks(), IsEmpty());
  redis_.fail_over_to(redis_.replica());
  EXPECT_THAT(results(), SizeIs(500)) << "on the replica too";
  EXPECT_TRUE(counts().drained());
}

TEST_P(DurableWorker, CountsWhatIsSettledOnlyWhenAReplicaHasIt) {
  push(numbered("i", 3));
  std::atomic<unsigned> settled{0};
  WorkerOptions options = durable_worker();
  options.settled = [&settled](const Settlement& /*each*/) { ++settled; };
  Worker worker("q", redis_.options(), options, [this](const Job& job) {
    if (job.item == "i0") {
      redis_.replica(0).freeze();
      redis_.replica(1).freeze();
    }
    return echo(job);
  });
  auto ended = std::async(std::launch::async, [&] { return worker.run(); });
  ASSERT_TRUE(
      eventually([&] { return counts().completed == 3 && worker.stats().unconfirmed == 3; }));
  EXPECT_EQ(settled, 0U);
  EXPECT_EQ(worker.stats().completed, 0U);
  redis_.replica(0).thaw();
  const WorkerReport report = ended.get();
  EXPECT_EQ(report.end, WorkerEnd::drained);
  EXPECT_EQ(report.completed, 3U);
  EXPECT_EQ(settled, 3U);
  redis_.replica(1).thaw();
}

TEST_P(DurableWorker, WhatCountedIsOnTheReplicaWheneverThePrimaryDies) {
  push(numbered("i", 20'000));
  std::mutex mutex;
  std::vector<std::string> counted;
  std::atomic<std::size_t> n{0};
  WorkerOptions options = durable_worker();
  options.durable_replicas = 2;  // whichever is promoted
  options.grace = 0s;
  options.settled = [&](const Settlement& each) {
    const std::lock_guard lock(mutex);
    counted.push_back(each.lease.item);
    ++n;
  };
  // However fast it is, it cannot end before the primary dies.
  std::atomic<std::size_t> begun{0};
  Worker worker("q", redis_.options(), options, [&](const Job& job) {
    if (++begun > 19'000) {
      while (!job.stop.stop_requested()) std::this_thread::yield();
      return Outcome::release();
    }
    return echo(job);
  });
  auto ended = std::async(std::launch::async, [&] { return worker.run(); });
  EXPECT_TRUE(eventually([&] { return n >= 500; }));
  redis_.primary().kill();
  worker.request_stop_now();
  EXPECT_EQ(ended.get().end, WorkerEnd::stopped);
  redis_.fail_over_to(redis_.replica());
  const std::multiset<std::string> there = results();
  std::sort(counted.begin(), counted.end());  // the matcher compares each with each
  EXPECT_TRUE(std::includes(there.begin(), there.end(), counted.begin(), counted.end()));
  EXPECT_LT(counted.size(), 20'000U) << "it was killed too late to show anything";
}

TEST_P(DurableWorker, SettlementsThatTheNextPrimaryLacksAreUnknownAndRunAgain) {
  push(numbered("i", 30));
  redis_.wait_until_all_have_all();
  std::mutex mutex;
  std::multiset<std::string> counted;
  WorkerOptions options = durable_worker();
  options.settled = [&](const Settlement& each) {
    const std::lock_guard lock(mutex);
    counted.insert(each.lease.item);
  };
  std::atomic<unsigned> runs{0};
  Worker worker("q", redis_.options(), options, [&](const Job& job) {
    if (runs++ == 0) {
      redis_.cut_off(redis_.replica(0));
      redis_.cut_off(redis_.replica(1));
    }
    return echo(job);
  });
  auto ended = std::async(std::launch::async, [&] { return worker.run(); });
  ASSERT_TRUE(eventually([&] { return worker.stats().unconfirmed == 30; }));
  redis_.fail_over_to(redis_.replica(0), true);
  const WorkerReport report = ended.get();
  EXPECT_EQ(report.end, WorkerEnd::drained);
  EXPECT_EQ(report.unknown, 30U);
  EXPECT_EQ(report.completed, 30U);
  const std::multiset<std::string> once = [] {
    const std::vector<std::string> items = numbered("i", 30);
    return std::multiset<std::string>(items.begin(), items.end());
  }();
  EXPECT_EQ(counted, once);
  EXPECT_EQ(results(), once);
  EXPECT_THAT(marks(), IsEmpty());
}

TEST_P(DurableWorker, TakesNoItemsWithoutItsReplicasAndGivesUpAfterItsPatience) {
  push({"a"});
  RedisOptions redis = redis_.options();
  redis.patience = 1s;
  WorkerOptions options = durable_worker();
  options.durable_replicas = 3;
  Worker worker("q", redis, options, echo);
  try {
    worker.run();
    ADD_FAILURE() << "it ended as if all was well";
  } catch (const ConnectionError& error) {
    EXPECT_THAT(error.what(), HasSubstr("2 of the 3 replicas that --durable asks for are"));
  }
  EXPECT_EQ(counts().ready, 1U);
  EXPECT_EQ(counts().leased, 0U);
}

TEST_P(DurableWorker, IsNotDrainedBeforeAReplicaHasThat) {
  push({"a"});
  Worker("q", redis_.options(), durable_worker(), echo).run();
  redis_.replica(0).freeze();
  redis_.replica(1).freeze();
  RedisOptions redis = redis_.options();
  redis.patience = 1s;
  Worker worker("q", redis, durable_worker(), echo);
  EXPECT_THROW(worker.run(), ConnectionError) << "although it has settled nothing";
  redis_.replica(0).thaw();
  redis_.replica(1).thaw();
}

TEST_P(DurableWorker, OfAGroupOfQueuesConfirmsEach) {
  for (const char* queue : {"g-1", "g-2", "g-3"}) push(numbered("i", 50), queue);
  Worker worker(QueueGroup{"g-*"}, redis_.options(), durable_worker(), echo);
  const WorkerReport report = worker.run();
  EXPECT_EQ(report.end, WorkerEnd::drained);
  EXPECT_EQ(report.completed, 150U);
  EXPECT_THAT(marks(), IsEmpty());
}

TEST_P(DurableWorker, OfSeveralQueuesConfirmsEach) {
  for (const char* queue : {"a", "b"}) push(numbered("i", 50), queue);
  Worker worker(std::vector<QueueShare>{{"a", 1}, {"b", 2}}, redis_.options(), durable_worker(),
                echo);
  const WorkerReport report = worker.run();
  EXPECT_EQ(report.end, WorkerEnd::drained);
  EXPECT_EQ(report.completed, 100U);
  EXPECT_THAT(marks(), IsEmpty());
}

}  // namespace
}  // namespace wq::test
