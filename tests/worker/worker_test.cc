// wq::Worker in this process, on a real Redis.
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <wq/error.h>
#include <wq/reclaimer.h>
#include <wq/worker.h>

#include "support/eventually.h"
#include "support/queue_test.h"
#include "support/wait_for_stop.h"

namespace wq::test {
namespace {

using namespace std::chrono_literals;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

// Backoffs that no test has to wait for; and leases that outlive a machine which stands still for
// a second.
WorkerOptions quick() {
  WorkerOptions options;
  options.retry.backoff_base = 1ms;
  options.retry.backoff_max = 1ms;
  options.retry.release_delay = 1ms;
  options.lease = 2s;
  return options;
}

class WorkerTest : public QueueTest {
 protected:
  explicit WorkerTest(const std::vector<std::string>& config = {}) : QueueTest(config) {}

  WorkerReport work(WorkerOptions options, const Handler& handler) {
    return Worker(keys_.queue(), this->options(), std::move(options), handler).run();
  }
  std::vector<std::string> results() {
    std::vector<std::string> items;
    for (const Result& result : open_queue().results("", 100'000)) items.push_back(result.item);
    return items;
  }
};

// A worker that runs beside the test; stopped and joined when it goes.
class Background {
 public:
  Background(std::string queue, RedisOptions redis, WorkerOptions options, Handler handler)
      : worker_(std::move(queue), std::move(redis), std::move(options), std::move(handler)),
        thread_([this] { report_ = worker_.run(); }) {}
  ~Background() {
    worker_.request_stop_now();
    if (thread_.joinable()) thread_.join();
  }
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  Worker& worker() { return worker_; }
  WorkerReport join() {
    thread_.join();
    return report_;
  }

 private:
  Worker worker_;
  WorkerReport report_;
  std::thread thread_;
};

TEST_F(WorkerTest, TwoOfThemDrainTenThousandItemsAndCommitEachOnce) {
  std::vector<std::string> items = numbered("item", 10'000);
  push(items);
  WorkerOptions options;
  options.concurrency = 2;
  const Handler handler = [](const Job& job) { return Outcome::complete(std::string(job.item)); };
  Background other(keys_.queue(), this->options(), options, handler);
  EXPECT_EQ(work(options, handler).end, WorkerEnd::drained);
  EXPECT_EQ(other.join().end, WorkerEnd::drained);
  // Not UnorderedElementsAreArray, which compares each result with each item.
  std::vector<std::string> committed = results();
  std::ranges::sort(committed);
  std::ranges::sort(items);
  EXPECT_EQ(committed, items);
  EXPECT_EQ(counts().completed, items.size());
}

TEST_F(WorkerTest, ABatchHandlerGetsSeveralItemsAndEachIsSettledOnItsOwn) {
  push(numbered("item", 1'000));
  WorkerOptions options = quick();
  options.batch = 50;
  options.retry.max_attempts = 1;
  std::atomic<std::size_t> largest{0};
  Worker worker(keys_.queue(), this->options(), options, [&largest](const Batch& batch) {
    largest = std::max(largest.load(), batch.leases.size());
    std::vector<Outcome> outcomes(batch.leases.size());
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      if (batch.leases[i].item.ends_with("7")) outcomes[i] = Outcome::fail("ends with 7");
    }
    return outcomes;
  });
  EXPECT_EQ(worker.run().end, WorkerEnd::drained);
  EXPECT_EQ(largest, 50U);
  EXPECT_EQ(counts().completed, 900U);
  EXPECT_EQ(counts().dead, 100U);
}

TEST_F(WorkerTest, AnExceptionOfTheHandlerIsAFailureWithItsMessage) {
  push({"a"});
  WorkerOptions options = quick();
  options.retry.max_attempts = 2;
  options.label = "box 1";
  const WorkerReport report =
      work(options, [](const Job&) -> Outcome { throw std::runtime_error("no such page"); });
  EXPECT_EQ(report.end, WorkerEnd::drained);
  EXPECT_EQ(report.failed, 2U);
  EXPECT_THAT(all(Key::dead), ElementsAre("a"));
  const std::string failure = redis_.text({"HGET", key(Key::failures), hash_of("a")}).value_or("");
  EXPECT_THAT(failure, ::testing::HasSubstr("no such page"));
  EXPECT_THAT(failure, ::testing::HasSubstr("box 1"));
}

TEST_F(WorkerTest, AFailedItemIsTriedAgainAndKnowsItsAttempt) {
  push({"a"});
  std::vector<std::uint32_t> attempts;
  const WorkerReport report = work(quick(), [&attempts](const Job& job) {
    attempts.push_back(job.lease.attempt());
    return job.lease.attempt() < 3 ? Outcome::fail("not yet") : Outcome::complete();
  });
  EXPECT_EQ(report.end, WorkerEnd::drained);
  EXPECT_THAT(attempts, ElementsAre(1U, 2U, 3U));
  EXPECT_FALSE(redis_.exists(key(Key::attempts)));
}

TEST_F(WorkerTest, ACrashThatTheHandlerReportsCostsNoAttempt) {
  push({"a"});
  WorkerOptions options = quick();
  options.retry.max_attempts = 1;
  options.retry.max_crashes = 2;
  options.label = "box 1";
  std::vector<std::uint32_t> crashes;
  const WorkerReport report = work(options, [&crashes](const Job& job) {
    crashes.push_back(job.lease.crashes);
    Failure failure;
    failure.message = "killed by signal 11";
    return Outcome::crash(failure);
  });
  EXPECT_EQ(report.end, WorkerEnd::drained);
  EXPECT_EQ(report.failed, 2U);
  EXPECT_EQ(report.counts.crashed, 2U);
  EXPECT_EQ(report.counts.failed, 0U);
  EXPECT_THAT(crashes, ElementsAre(0U, 1U));
  EXPECT_THAT(all(Key::dead), ElementsAre("a"));
  const std::string failure = redis_.text({"HGET", key(Key::failures), hash_of("a")}).value_or("");
  EXPECT_THAT(failure, ::testing::HasSubstr("killed by signal 11"));
  EXPECT_THAT(failure, ::testing::HasSubstr("box 1"));
  EXPECT_THAT(failure, ::testing::HasSubstr("\"wall_ms\":"));
  EXPECT_THAT(failure, ::testing::HasSubstr("\"host\":"));
}

TEST_F(WorkerTest, AFatalOutcomeKillsTheItemAtOnce) {
  push({"a", "b"});
  const WorkerReport report = work(quick(), [](const Job& job) {
    return job.item == "a" ? Outcome::fatal("broken") : Outcome::complete();
  });
  EXPECT_EQ(report.end, WorkerEnd::drained);
  EXPECT_THAT(all(Key::dead), ElementsAre("a"));
  EXPECT_EQ(report.counts.dead, 1U);
}

TEST_F(WorkerTest, AReleasedItemComesBackUncharged) {
  push({"a"});
  int calls = 0;
  const WorkerReport report = work(quick(), [&calls](const Job& job) {
    EXPECT_EQ(job.lease.attempt(), 1U);
    return ++calls < 3 ? Outcome::release() : Outcome::complete();
  });
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(report.released, 2U);
}

TEST_F(WorkerTest, FollowUpsAreWorkedOnBeforeTheQueueIsDrained) {
  push({"3"});
  std::vector<std::string> seen;
  const WorkerReport report = work(quick(), [&seen](const Job& job) {
    seen.emplace_back(job.item);
    Outcome outcome = Outcome::complete();
    const int n = std::stoi(std::string(job.item));
    if (n > 0) outcome.follow_ups = {std::to_string(n - 1)};
    return outcome;
  });
  EXPECT_EQ(report.end, WorkerEnd::drained);
  EXPECT_THAT(seen, ElementsAre("3", "2", "1", "0"));
  EXPECT_EQ(counts().pushed, 4U);
}

TEST_F(WorkerTest, AnItemThatTakesLongerThanTheLeaseIsRunOnce) {
  push({"a"});
  std::atomic<int> calls{0};
  WorkerOptions options = quick();
  // Renewed long before its end, so that no test machine stands still for all that is left.
  options.lease = 5s;
  const WorkerReport report = work(options, [&](const Job& job) {
    ++calls;
    const TimePoint begin = BootClock::now();
    EXPECT_TRUE(eventually([&] { return BootClock::now() - begin > options.lease + 2s; }));
    EXPECT_FALSE(job.stop.stop_requested());
    return Outcome::complete();
  });
  EXPECT_EQ(report.completed, 1U);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(counts().crashed, 0U);
}

TEST_F(WorkerTest, AHandlerWhoseLeaseIsLostIsToldAndItsCompletionIsRefused) {
  push({"a"});
  std::atomic<bool> first{true};
  const WorkerReport report = work(quick(), [&](const Job& job) {
    if (first.exchange(false)) {
      redis_.call({"SET", lease_key("a"), "somebody#1", "PX", "3600100"});
      wait_for_stop(job.stop);
      redis_.call({"DEL", lease_key("a")});
    }
    return Outcome::complete("by " + std::to_string(job.lease.fence));
  });
  EXPECT_EQ(report.end, WorkerEnd::drained);
  EXPECT_EQ(report.lost, 1U);
  EXPECT_EQ(report.completed, 1U);
  EXPECT_THAT(results(), ElementsAre("a"));
}

TEST_F(WorkerTest, AHandlerIsToldBeforeItsLeaseEndsWhenRedisDoesNotAnswer) {
  push({"a"});
  std::atomic<bool> running{false};
  std::atomic<bool> told{false};
  Background background(keys_.queue(), this->options(), quick(), [&](const Job& job) {
    if (running.exchange(true)) return Outcome::complete();
    wait_for_stop(job.stop);
    told = true;
    return Outcome::fail("was told to stop");
  });
  ASSERT_TRUE(eventually([&] { return running.load(); }));
  server_.freeze();
  const TimePoint frozen_at = BootClock::now();
  EXPECT_TRUE(eventually([&] { return told.load(); }));
  // The lease ends 2 s after its last renewal; some more is for a busy machine.
  EXPECT_LT(BootClock::now() - frozen_at, 5s);
  server_.thaw();
  EXPECT_EQ(background.join().end, WorkerEnd::drained);
  EXPECT_EQ(counts().failed, 0U);
}

TEST_F(WorkerTest, AHandlerThatTakesTooLongIsToldAndFailsAsTimeout) {
  push({"a"});
  WorkerOptions options = quick();
  options.timeout = 50ms;
  options.retry.max_attempts = 1;
  const WorkerReport report = work(options, [](const Job& job) {
    wait_for_stop(job.stop);
    return Outcome::fail("stopped");
  });
  EXPECT_EQ(report.failed, 1U);
  EXPECT_THAT(redis_.text({"HGET", key(Key::failures), hash_of("a")}).value_or(""),
              ::testing::HasSubstr("timeout"));
}

TEST_F(WorkerTest, StoppedItTakesNoCrashForTheItemsFault) {
  push({"a"});
  std::atomic<bool> running{false};
  std::atomic<bool> finish{false};
  Background background(keys_.queue(), this->options(), quick(), [&](const Job&) {
    running = true;
    EXPECT_TRUE(eventually([&] { return finish.load(); }));
    return Outcome::crash({});
  });
  ASSERT_TRUE(eventually([&] { return running.load(); }));
  background.worker().request_stop();
  finish = true;
  EXPECT_EQ(background.join().released, 1U);
  EXPECT_EQ(counts().ready, 1U);
  EXPECT_EQ(counts().crashed, 0U);
  EXPECT_FALSE(redis_.exists(key(Key::failures)));
}

TEST_F(WorkerTest, StoppedItLetsHandlersFinishWithinTheGraceTime) {
  push({"a", "b"});
  std::atomic<bool> running{false};
  std::atomic<bool> finish{false};
  Background background(keys_.queue(), this->options(), quick(), [&](const Job&) {
    running = true;
    EXPECT_TRUE(eventually([&] { return finish.load(); }));
    return Outcome::complete();
  });
  ASSERT_TRUE(eventually([&] { return running.load(); }));
  background.worker().request_stop();
  finish = true;
  const WorkerReport report = background.join();
  EXPECT_EQ(report.end, WorkerEnd::stopped);
  EXPECT_EQ(report.completed, 1U);
  EXPECT_EQ(counts().ready, 1U);
  EXPECT_EQ(counts().processing, 0U);
}

TEST_F(WorkerTest, StoppedAtOnceItTellsHandlersAndReleasesTheirItemsUncharged) {
  push({"a"});
  std::atomic<bool> running{false};
  Background background(keys_.queue(), this->options(), quick(), [&](const Job& job) {
    running = true;
    wait_for_stop(job.stop);
    return Outcome::fail("interrupted");
  });
  ASSERT_TRUE(eventually([&] { return running.load(); }));
  background.worker().request_stop_now();
  EXPECT_EQ(background.join().end, WorkerEnd::stopped);
  EXPECT_THAT(all(Key::ready), ElementsAre("a"));
  EXPECT_EQ(counts().failed, 0U);
  EXPECT_EQ(counts().crashed, 0U);
  EXPECT_FALSE(redis_.exists(lease_key("a")));
}

TEST_F(WorkerTest, StoppedWhileRedisIsAwayItLeavesWithoutWaitingForIt) {
  WorkerOptions options = quick();
  Background background(keys_.queue(), this->options(), options,
                        [](const Job&) { return Outcome::complete(); });
  ASSERT_TRUE(eventually([this] { return redis_.exists(key(Key::workers)); }));
  server_.kill();
  background.worker().request_stop();
  EXPECT_EQ(background.join().end, WorkerEnd::stopped);
  conserves_ = false;
  server_.start();
}

TEST_F(WorkerTest, StoppedItChargesNoTimeout) {
  push({"a"});
  std::atomic<bool> running{false};
  std::atomic<bool> stopped{false};
  WorkerOptions options = quick();
  options.timeout = 100ms;
  Background background(keys_.queue(), this->options(), options, [&](const Job& job) {
    running = true;
    EXPECT_TRUE(eventually([&] { return stopped.load(); }));
    wait_for_stop(job.stop);
    return Outcome::release();
  });
  ASSERT_TRUE(eventually([&] { return running.load(); }));
  background.worker().request_stop();
  stopped = true;
  EXPECT_EQ(background.join().released, 1U);
  EXPECT_EQ(counts().failed, 0U);
}

TEST_F(WorkerTest, NothingIsLeasedForASlotThatIsNotReady) {
  push(numbered("item", 20));
  WorkerOptions options = quick();
  options.batch = 8;
  std::atomic<bool> preparing{false};
  options.prepare = [&](unsigned, const std::stop_token& stop) {
    preparing = true;
    wait_for_stop(stop);
  };
  Worker loading(keys_.queue(), this->options(), options, BatchHandler{[](const Batch& batch) {
                   return std::vector<Outcome>(batch.leases.size(), Outcome::fail("not ready"));
                 }});
  WorkerReport report;
  std::thread thread([&] { report = loading.run(); });
  EXPECT_TRUE(eventually([&] { return preparing.load(); }));
  EXPECT_EQ(work(quick(), [](const Job&) { return Outcome::complete(); }).completed, 20U);
  thread.join();  // it ends with the queue, though it never was ready
  EXPECT_EQ(report.end, WorkerEnd::drained);
  EXPECT_EQ(report.released + report.failed, 0U);
}

TEST_F(WorkerTest, LoadingIsNotIdling) {
  push({"a"});
  WorkerOptions options = quick();
  options.max_idle = 50ms;
  options.prepare = [](unsigned, const std::stop_token&) {
    const TimePoint ready_at = BootClock::now() + 10 * 50ms;
    EXPECT_TRUE(eventually([&] { return BootClock::now() >= ready_at; }));
  };
  EXPECT_EQ(work(options, [](const Job&) { return Outcome::complete(); }).completed, 1U);
}

TEST_F(WorkerTest, ASlotThatCannotBePreparedEndsItAndKillsNothing) {
  push({"a"});
  WorkerOptions options = quick();
  options.prepare = [](unsigned, const std::stop_token&) { throw std::runtime_error("no model"); };
  EXPECT_THROW(work(options, [](const Job&) { return Outcome::complete(); }), std::runtime_error);
  EXPECT_EQ(counts().ready, 1U);
  EXPECT_EQ(counts().failed + counts().crashed, 0U);
}

TEST_F(WorkerTest, AHandlerThatCannotRunEndsItAndKillsNothing) {
  push({"a", "b", "c"});
  EXPECT_THROW(work(quick(), [](const Job&) -> Outcome { throw CannotRun("no such program"); }),
               CannotRun);
  EXPECT_EQ(counts().ready, 3U);
  EXPECT_EQ(counts().processing, 0U);
  EXPECT_FALSE(redis_.exists(key(Key::attempts)));
}

TEST_F(WorkerTest, ItHaltsAfterFailuresInARowBeforeTheFirstSuccess) {
  push(numbered("item", 100));
  WorkerOptions options = quick();
  options.halt_after = 5;
  const WorkerReport report = work(options, [](const Job&) { return Outcome::fail("no"); });
  EXPECT_EQ(report.end, WorkerEnd::halted);
  EXPECT_GE(report.failed, 5U);
  EXPECT_EQ(counts().processing, 0U);
}

TEST_F(WorkerTest, AfterASuccessFailuresInARowDoNotHaltItUnlessAsked) {
  push(numbered("item", 30));
  WorkerOptions options = quick();
  options.halt_after = 5;
  options.retry.max_attempts = 1;
  std::atomic<int> calls{0};
  const WorkerReport report = work(options, [&calls](const Job&) {
    // The first success must be settled before the failures are counted.
    return ++calls <= 1 ? Outcome::complete() : Outcome::fail("no");
  });
  EXPECT_EQ(report.end, WorkerEnd::drained);
  EXPECT_EQ(counts().dead, 29U);
}

TEST_F(WorkerTest, ItLeavesAfterAsManyItemsAsAsked) {
  push(numbered("item", 20));
  WorkerOptions options = quick();
  options.max_items = 7;
  options.concurrency = 3;
  const WorkerReport report = work(options, [](const Job&) { return Outcome::complete(); });
  EXPECT_EQ(report.end, WorkerEnd::max_items);
  EXPECT_EQ(report.completed, 7U);
  EXPECT_EQ(counts().ready, 13U);
  EXPECT_EQ(counts().processing, 0U);
}

TEST_F(WorkerTest, ItLeavesWhenThereWasNothingToDoForTooLong) {
  push({"a"});
  Queue other = open_queue();
  Lease held = lease_one(other);
  WorkerOptions options = quick();
  options.max_idle = 100ms;
  EXPECT_EQ(work(options, [](const Job&) { return Outcome::complete(); }).end, WorkerEnd::max_idle);
  EXPECT_THAT(other.settle({completed(std::move(held))}), ElementsAre(Settled::accepted));
}

TEST_F(WorkerTest, ItLeavesWhenTheQueueDoesNotBegin) {
  WorkerOptions options = quick();
  options.wait_open = 100ms;
  EXPECT_EQ(work(options, [](const Job&) { return Outcome::complete(); }).end,
            WorkerEnd::never_opened);
}

TEST_F(WorkerTest, ItWaitsForAQueueThatBeginsLater) {
  Background background(keys_.queue(), this->options(), quick(),
                        [](const Job&) { return Outcome::complete(); });
  ASSERT_TRUE(eventually([this] { return redis_.exists(key(Key::workers)); }));
  push({"a"});
  EXPECT_EQ(background.join().end, WorkerEnd::drained);
  EXPECT_EQ(counts().completed, 1U);
}

TEST_F(WorkerTest, ItStaysWhileAProducerHoldsTheQueueOpen) {
  Producer producer(keys_.queue(), this->options());
  producer.push("a");
  producer.flush();
  Background background(keys_.queue(), this->options(), quick(),
                        [](const Job&) { return Outcome::complete(); });
  ASSERT_TRUE(eventually([this] { return counts().completed == 1; }));
  producer.push("b");
  producer.finish();
  EXPECT_EQ(background.join().end, WorkerEnd::drained);
  EXPECT_EQ(counts().completed, 2U);
}

TEST_F(WorkerTest, APausedQueueIsLeftAloneUntilItIsResumed) {
  push({"a"});
  redis_.call({"SET", key(Key::paused), "1"});
  std::atomic<int> calls{0};
  Background background(keys_.queue(), this->options(), quick(), [&calls](const Job&) {
    ++calls;
    return Outcome::complete();
  });
  ASSERT_TRUE(eventually([this] { return redis_.exists(key(Key::workers)); }));
  EXPECT_EQ(calls, 0);
  redis_.call({"DEL", key(Key::paused)});
  EXPECT_EQ(background.join().end, WorkerEnd::drained);
  EXPECT_EQ(calls, 1);
}

TEST_F(WorkerTest, AQueueWhoseDataVanishesIsAnErrorAndNotASuccess) {
  conserves_ = false;
  push({"a"});
  EXPECT_THROW(work(quick(),
                    [this](const Job&) {
                      redis_.call({"FLUSHALL"});
                      return Outcome::complete();
                    }),
               ProtocolError);
}

TEST_F(WorkerTest, AWrongNumberOfOutcomesFailsTheWholeBatch) {
  push(numbered("item", 3));
  WorkerOptions options = quick();
  options.batch = 3;
  options.retry.max_attempts = 1;
  Worker worker(keys_.queue(), this->options(), options,
                [](const Batch&) { return std::vector<Outcome>{}; });
  EXPECT_EQ(worker.run().end, WorkerEnd::drained);
  EXPECT_EQ(counts().dead, 3U);
}

TEST_F(WorkerTest, FiguresMayBeReadWhileItRuns) {
  push(numbered("", 200));
  std::atomic<bool> go_on{false};
  Background background(keys_.queue(), options(), quick(), [&](const Job& job) {
    while (job.item == "100" && !go_on) std::this_thread::yield();
    return job.item.ends_with("7") ? Outcome::release() : Outcome::complete();
  });
  const Worker& worker = background.worker();
  EXPECT_TRUE(eventually([&] { return worker.stats().renewals > 0; }));
  EXPECT_GE(worker.stats().holding, 1U);
  go_on = true;
  EXPECT_TRUE(eventually([&] { return worker.stats().released > 20; }));
  background.worker().request_stop();
  const WorkerReport report = background.join();
  const WorkerStats stats = worker.stats();
  EXPECT_EQ(stats.completed, report.completed);
  EXPECT_EQ(stats.released, report.released);
  EXPECT_EQ(stats.holding, 0U);
  EXPECT_EQ(stats.reconnects, 0U);
  std::uint64_t calls = 0;
  for (const std::uint64_t each : stats.handler_calls) calls += each;
  EXPECT_GE(calls, report.completed);
  EXPECT_GT(stats.handler_time.count(), 0);
}

TEST_F(WorkerTest, AnItemThatHasCrashedIsNeverRunTogetherWithOthers) {
  push(numbered("item", 20));
  Queue dead_worker = open_queue();
  const std::vector<Lease> held = dead_worker.lease(10, 1min);
  ASSERT_THAT(held, SizeIs(10));
  for (const Lease& lease : held) end_lease(lease.item);
  Reclaimer reclaimer(keys_.queue(), this->options(), {.lease = 1ms, .max_crashes = 3});
  ASSERT_EQ(reclaimer.pass().reclaimed, 10U);

  WorkerOptions options = quick();
  options.batch = 8;
  std::vector<std::size_t> sizes;
  Worker worker(keys_.queue(), this->options(), options, [&sizes](const Batch& batch) {
    if (std::any_of(batch.leases.begin(), batch.leases.end(),
                    [](const Lease& lease) { return lease.crashes > 0; })) {
      sizes.push_back(batch.leases.size());
    }
    return std::vector<Outcome>(batch.leases.size());
  });
  EXPECT_EQ(worker.run().end, WorkerEnd::drained);
  EXPECT_THAT(sizes, SizeIs(10));
  EXPECT_THAT(sizes, Each(Eq(1U)));
}

// Some items have one crash left.
class WorkerWithItemsAtRisk : public WorkerTest {
 protected:
  void push_some(std::size_t at_risk, std::size_t others) {
    std::vector<std::string> items = numbered("risk", at_risk);
    for (const std::string& item : items) {
      redis_.call({"HSET", key(Key::crashes), hash_of(item), "2"});
    }
    const std::vector<std::string> more = numbered("other", others);
    items.insert(items.begin() + static_cast<std::ptrdiff_t>(at_risk / 2), more.begin(),
                 more.end());
    push(items);
  }
  static bool is_at_risk(const Job& job) { return job.item.starts_with("risk"); }
};

TEST_F(WorkerWithItemsAtRisk, RunsEachOfThemWhileItHoldsNothingElse) {
  push_some(6, 40);
  WorkerOptions options = quick();
  options.concurrency = 4;
  std::mutex mutex;
  unsigned running = 0;
  unsigned most = 0;
  const WorkerReport report = work(options, [&](const Job& job) {
    EXPECT_EQ(job.lease.alone, is_at_risk(job)) << job.item;
    {
      const std::lock_guard lock(mutex);
      most = std::max(most, ++running);
      if (is_at_risk(job)) {
        EXPECT_EQ(running, 1U) << job.item;
        EXPECT_THAT(all(Key::processing), SizeIs(1));
        EXPECT_TRUE(redis_.text({"GET", lease_key(job.item)}).value_or("").ends_with('!'));
      }
    }
    std::this_thread::yield();
    const std::lock_guard lock(mutex);
    --running;
    return Outcome::complete(std::string(job.item));
  });
  EXPECT_EQ(report.end, WorkerEnd::drained);
  EXPECT_EQ(report.completed, 46U);
  EXPECT_EQ(report.lost, 0U);
  EXPECT_THAT(results(), SizeIs(46));
}

TEST_F(WorkerWithItemsAtRisk, CountsOnlyWhatItRunsTowardsMaxItems) {
  push_some(5, 5);
  WorkerOptions options = quick();
  options.concurrency = 4;
  options.max_items = 7;
  const WorkerReport report = work(options, [](const Job&) { return Outcome::complete(); });
  EXPECT_EQ(report.end, WorkerEnd::max_items);
  EXPECT_EQ(report.completed, 7U);
}

// One that waits until the others here are done.
class WorkerThatKeepsAnItemAside : public WorkerWithItemsAtRisk {
 protected:
  // An item that runs and, behind it, one at risk that has been leased.
  void begin() {
    push({"other"});
    ASSERT_TRUE(eventually([this] { return runs_.load(); }));
    redis_.call({"HSET", key(Key::crashes), hash_of("risk"), "2"});
    push({"risk"});
    ASSERT_TRUE(eventually([this] { return redis_.exists(lease_key("risk")); }));
  }
  static WorkerOptions two_slots() {
    WorkerOptions options = quick();
    options.concurrency = 2;
    return options;
  }

  std::atomic<bool> runs_{false};
  std::atomic<bool> go_on_{false};
  std::atomic<unsigned> risks_{0};
  Background worker_{
      keys_.queue(), this->options(), two_slots(), [this](const Job& job) {
        if (job.item == "risk") {
          ++risks_;
          EXPECT_TRUE(go_on_) << "beside the other";
          return Outcome::complete();
        }
        runs_ = true;
        EXPECT_TRUE(eventually([&] { return go_on_.load() || job.stop.stop_requested(); }));
        return go_on_ ? Outcome::complete() : Outcome::release();
      }};
};

TEST_F(WorkerThatKeepsAnItemAside, RunsItWhenTheOthersAreDone) {
  begin();
  push({"third"});  // which is not begun beside it
  go_on_ = true;
  const WorkerReport report = worker_.join();
  EXPECT_EQ(report.end, WorkerEnd::drained);
  EXPECT_EQ(report.completed, 3U);
  EXPECT_EQ(risks_, 1U);
}

TEST_F(WorkerThatKeepsAnItemAside, GivesItBackUnchargedWhenItIsStopped) {
  begin();
  worker_.worker().request_stop_now();
  EXPECT_EQ(worker_.join().end, WorkerEnd::stopped);
  EXPECT_EQ(risks_, 0U);
  EXPECT_THAT(all(Key::ready), UnorderedElementsAre("risk", "other"));
  EXPECT_EQ(counts().crashed, 0U);
}

TEST_F(WorkerThatKeepsAnItemAside, DoesNotRunItOnceItsLeaseIsLost) {
  begin();
  redis_.call({"SET", lease_key("risk"), "another#1", "PX", "3700000"});
  ASSERT_TRUE(eventually([this] { return worker_.worker().stats().lost > 0; }));
  redis_.call({"LREM", key(Key::processing), "1", "risk"});
  redis_.call({"DEL", lease_key("risk")});
  foreign_pushes_ -= 1;  // somebody else has it
  go_on_ = true;
  EXPECT_EQ(worker_.join().end, WorkerEnd::drained);
  EXPECT_EQ(risks_, 0U);
}

TEST_F(WorkerTest, TellsReclaimersItsLeaseAndItsBudget) {
  push({"a"});
  WorkerOptions options = quick();
  options.lease = 7s;
  options.retry.max_crashes = 5;
  const WorkerReport report = work(options, [this](const Job&) {
    EXPECT_TRUE(eventually([this] {
      return redis_.text({"HGET", key(Key::stats), "lease_ms"}) == "7000" &&
             redis_.text({"HGET", key(Key::stats), "max_crashes"}) == "5";
    }));
    return Outcome::complete();
  });
  EXPECT_EQ(report.end, WorkerEnd::drained);
}

TEST_F(WorkerTest, ItemsOfAWorkerThatVanishedAreTakenOver) {
  push({"a", "b"});
  {
    Queue dead_worker = open_queue();
    static_cast<void>(lease_one(dead_worker, 100ms));
  }
  const WorkerReport report = work(quick(), [](const Job&) { return Outcome::complete(); });
  EXPECT_EQ(report.end, WorkerEnd::drained);
  EXPECT_EQ(report.completed, 2U);
  EXPECT_EQ(counts().crashed, 1U);
}

TEST_F(WorkerTest, WhenTheQueueIsDrainedNothingIsLeftButCountersAndFence) {
  push(numbered("item", 50));
  EXPECT_EQ(work(quick(), [](const Job&) { return Outcome::complete(); }).end, WorkerEnd::drained);
  // The reclaimer's office ends a moment later.
  EXPECT_TRUE(eventually([this] { return !redis_.exists(key(Key::reclaimer)); }));
  EXPECT_THAT(keys_left(), UnorderedElementsAre(key(Key::stats), key(Key::fence)));
}

class WorkerOnDurableRedis : public WorkerTest {
 protected:
  WorkerOnDurableRedis() : WorkerTest({"appendonly yes", "appendfsync always"}) {}
};

TEST_F(WorkerOnDurableRedis, ARestartOfRedisInTheMiddleLosesAndRepeatsNothing) {
  const std::vector<std::string> items = numbered("item", 500);
  push(items);
  std::atomic<unsigned> calls{0};
  WorkerOptions options;  // with a lease that outlives the restart
  Background background(keys_.queue(), this->options(), options, [&calls](const Job& job) {
    ++calls;
    return Outcome::complete(std::string(job.item));
  });
  ASSERT_TRUE(eventually([&] { return calls > 10; }));
  server_.restart();
  EXPECT_EQ(background.join().end, WorkerEnd::drained);
  redis_ = RedisClient(this->options());
  EXPECT_THAT(results(), ::testing::UnorderedElementsAreArray(items));
  EXPECT_EQ(counts().crashed, 0U);
}

class WorkerOnFullRedis : public WorkerTest {};

TEST_F(WorkerOnFullRedis, AQueueDrainsThoughRedisHasNoMemoryLeft) {
  push(numbered("item", 300));
  redis_.call({"CONFIG", "SET", "maxmemory", "1"});
  const WorkerReport report = work({}, [](const Job&) { return Outcome::complete(); });
  EXPECT_EQ(report.end, WorkerEnd::drained);
  EXPECT_EQ(counts().completed, 300U);
  EXPECT_EQ(counts().crashed, 0U);
}

}  // namespace
}  // namespace wq::test
