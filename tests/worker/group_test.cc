// A worker of all queues that match a pattern, on a real Redis.
#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <wq/admin.h>
#include <wq/clock.h>
#include <wq/error.h>
#include <wq/producer.h>
#include <wq/worker.h>

#include "base/keys.h"
#include "redis/command_buffer.h"
#include "redis/connection.h"
#include "script/script.h"
#include "support/eventually.h"
#include "support/fault_proxy.h"
#include "support/queue_test.h"

namespace wq::test {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Group : public QueueTest {
 protected:
  [[nodiscard]] std::int64_t server_ms() { return redis_.call({"TIME"}).value().time_ms(); }

  /// Keeps the order in which items are begun, by their queues.
  BatchHandler noting() {
    return [this](const Batch& batch) {
      const std::lock_guard lock(mutex_);
      for (const Lease& lease : batch.leases) {
        EXPECT_TRUE(lease.item.starts_with(std::string(batch.queue) + "-")) << lease.item;
        begun_.emplace_back(batch.queue);
      }
      return std::vector<Outcome>(batch.leases.size(), Outcome::complete());
    };
  }

  WorkerReport work(const std::string& pattern, WorkerOptions worker = {}) {
    return Worker(QueueGroup{pattern}, options(), std::move(worker), noting()).run();
  }

  [[nodiscard]] WorkerOptions logging() {
    WorkerOptions worker;
    worker.log = [this](LogLevel level, std::string_view text) {
      const std::lock_guard lock(mutex_);
      if (level == LogLevel::warning) warnings_.emplace_back(text);
      if (level == LogLevel::info) notices_.emplace_back(text);
    };
    return worker;
  }

  [[nodiscard]] bool has_notice(std::string_view text) {
    const std::lock_guard lock(mutex_);
    return std::any_of(notices_.begin(), notices_.end(), [text](const std::string& each) {
      return each.find(text) != std::string::npos;
    });
  }

  /// How many items of any queue were begun before the last one of `queue`.
  [[nodiscard]] std::size_t begun_before_the_last_of(const std::string& queue) const {
    const auto last = std::find(begun_.rbegin(), begun_.rend(), queue);
    return static_cast<std::size_t>(begun_.rend() - last) - 1;
  }

  std::mutex mutex_;
  std::vector<std::string> begun_;
  std::vector<std::string> warnings_;
  std::vector<std::string> notices_;
};

TEST_F(Group, IsDrainedWhenAllQueuesThatMatchAreAndNoOtherIsTouched) {
  for (const char* queue : {"tenant-a", "tenant-b", "tenant-c", "other", "my-tenant-d"}) {
    fill(queue, 7);
  }
  const WorkerReport report = work("tenant-*");
  EXPECT_EQ(report.end, WorkerEnd::drained);
  EXPECT_EQ(report.completed, 21U);
  ASSERT_EQ(report.queues.size(), 1U);
  EXPECT_EQ(report.counts.pushed, 21U);
  EXPECT_EQ(report.counts.completed, 21U);
  EXPECT_EQ(counts_of("tenant-b").completed, 7U);
  EXPECT_EQ(counts_of("other").ready, 7U);
  EXPECT_EQ(counts_of("my-tenant-d").ready, 7U);
}

TEST_F(Group, TakesQueuesThatBeginWhileItRuns) {
  Producer holder("tenant-first", options(), {});
  std::thread worker([this] { EXPECT_EQ(work("tenant-*").completed, 3U); });
  for (const char* queue : {"tenant-x", "tenant-y", "tenant-z"}) {
    fill(queue, 1);
    EXPECT_TRUE(eventually([&] { return counts_of(queue).completed == 1; })) << queue;
  }
  holder.finish();
  worker.join();
  EXPECT_THAT(begun_, ElementsAre("tenant-x", "tenant-y", "tenant-z"));
}

TEST_F(Group, ServesItsQueuesInTurnHoweverLongOneOfThemIs) {
  fill("tenant-long", 5'000);
  for (int i = 0; i < 20; ++i) fill("tenant-" + std::to_string(i), 5);
  EXPECT_EQ(work("tenant-*").completed, 5'100U);
  for (int i = 0; i < 20; ++i) {
    EXPECT_LE(begun_before_the_last_of("tenant-" + std::to_string(i)), 1'000U) << i;
  }
}

TEST_F(Group, GivesEachQueueOneItemAtATimeIfTheyTakeLong) {
  for (const char* queue : {"tenant-a", "tenant-b", "tenant-c"}) fill(queue, 3);
  // Longer than what is taken ahead of the slots.
  Worker it(QueueGroup{"tenant-*"}, options(), {}, [this](const Job& job) {
    begun_.emplace_back(job.queue);
    const TimePoint end = BootClock::now() + 120ms;
    while (BootClock::now() < end) std::this_thread::yield();
    return Outcome::complete();
  });
  EXPECT_EQ(it.run().completed, 9U);
  for (std::size_t turn = 0; turn < 3; ++turn) {
    std::vector<std::string> queues(begun_.begin() + static_cast<std::ptrdiff_t>(3 * turn),
                                    begun_.begin() + static_cast<std::ptrdiff_t>(3 * turn + 3));
    std::sort(queues.begin(), queues.end());
    EXPECT_THAT(queues, ElementsAre("tenant-a", "tenant-b", "tenant-c")) << turn;
  }
}

// Pushed past the producers of wq, which would take a connection for each queue.
TEST_F(Group, IsFairBetweenTenThousandQueues) {
  constexpr std::size_t kQueues = 10'000;
  constexpr std::size_t kLong = 20'000;
  internal::CommandBuffer fill_all;
  const auto register_queue = [&](const std::string& queue) {
    fill_all.command({"ZADD", "wq:queues", "1", queue});
  };
  for (std::size_t i = 0; i < kQueues; ++i) {
    const std::string queue = "g" + std::to_string(i);
    register_queue(queue);
    fill_all.command({"LPUSH", queue, queue + "-0"});
  }
  register_queue("glong");
  for (std::size_t i = 0; i < kLong; ++i) {
    fill_all.command({"LPUSH", "glong", "glong-" + std::to_string(i)});
  }
  internal::Connection(options()).call(fill_all);
  EXPECT_EQ(work("g*").completed, kQueues + kLong);
  std::map<std::string, std::size_t> items;
  for (const std::string& queue : begun_) ++items[queue];
  EXPECT_EQ(items.size(), kQueues + 1);
  const auto last_of_short = std::find_if(
      begun_.rbegin(), begun_.rend(), [](const std::string& queue) { return queue != "glong"; });
  const auto of_long = std::count(last_of_short, begun_.rend(), "glong");
  EXPECT_LE(of_long, 2'000) << "it is one of 10,001, and has a turn of at most 100 items";
}

TEST_F(Group, NeverMixesQueuesInABatch) {
  for (const char* queue : {"tenant-a", "tenant-b", "tenant-c"}) fill(queue, 50);
  WorkerOptions worker;
  worker.batch = 16;
  worker.max_delay = 20ms;
  worker.concurrency = 3;
  EXPECT_EQ(work("tenant-*", worker).completed, 150U);  // `noting` looks at each batch
}

TEST_F(Group, LosesAndRepeatsNothingThroughConnectionsThatBreak) {
  for (int i = 0; i < 30; ++i) fill("tenant-" + std::to_string(i), 40);
  FaultProxy proxy(server_);
  const std::vector<std::string_view> parts{internal::scripts::settle.sha1,
                                            internal::scripts::pop.sha1,
                                            internal::scripts::attach.sha1, "LLEN", "NX"};
  std::atomic<bool> over = false;
  std::thread breaker([&] {
    for (std::size_t i = 0; !over && i < 3 * parts.size(); ++i) {
      const unsigned before = proxy.faults();
      if (i % 2 == 0) {
        proxy.lose_answer_to(parts[i % parts.size()]);
      } else {
        proxy.lose_request(parts[i % parts.size()]);
      }
      static_cast<void>(eventually([&] { return over || proxy.faults() > before; }));
    }
  });
  WorkerOptions worker;
  worker.lease = 2s;
  worker.concurrency = 2;
  std::map<std::string, int> completed;
  worker.settled = [&](const Settlement& each) {
    if (each.outcome.kind == Outcome::Kind::complete) ++completed[each.lease.item];
  };
  RedisOptions through = proxy.options();
  const WorkerReport report = Worker(QueueGroup{"tenant-*"}, through, worker, [](const Job& job) {
                                const TimePoint end = BootClock::now() + 1ms;
                                while (BootClock::now() < end) std::this_thread::yield();
                                return Outcome::complete(std::string(job.lease.item));
                              }).run();
  over = true;
  breaker.join();
  EXPECT_EQ(report.end, WorkerEnd::drained);
  EXPECT_GT(proxy.faults(), 5U);
  for (int i = 0; i < 30; ++i) {
    const std::string queue = "tenant-" + std::to_string(i);
    EXPECT_EQ(counts_of(queue).completed, 40U) << queue;
    EXPECT_EQ(Queue(queue, options()).results("", 100).size(), 40U) << queue;
  }
  for (const auto& [item, times] : completed) EXPECT_EQ(times, 1) << item;
}

TEST_F(Group, ReturnsTheItemsOfADeadWorkerOfAQueueThatHasNothingReady) {
  fill("tenant-a", 1);
  fill("tenant-b", 1);
  Queue dead("tenant-a", options());
  static_cast<void>(lease_one(dead, 200ms));
  redis_.call({"HSET", "tenant-a:stats", "lease_ms", "300"});  // as its worker would have it
  WorkerOptions worker;
  worker.lease = 300ms;
  const WorkerReport report = work("tenant-*", worker);
  EXPECT_EQ(report.end, WorkerEnd::drained);
  EXPECT_EQ(report.completed, 2U);
  EXPECT_EQ(counts_of("tenant-a").crashed, 1U);
}

TEST_F(Group, RetriesItemsAfterTheirDelay) {
  fill("tenant-a", 2);
  WorkerOptions worker;
  worker.lease = 200ms;
  worker.retry.backoff_base = worker.retry.backoff_max = 10ms;
  Worker it(QueueGroup{"tenant-*"}, options(), worker, [](const Job& job) {
    return job.lease.attempt() == 1 ? Outcome::fail("once") : Outcome::complete();
  });
  const WorkerReport report = it.run();
  EXPECT_EQ(report.end, WorkerEnd::drained);
  EXPECT_EQ(report.completed, 2U);
  EXPECT_EQ(report.failed, 2U);
}

TEST_F(Group, WaitsForAProducerAndSaysWhichUntilItsHoldHasExpired) {
  fill("tenant-a", 1);
  fill("tenant-b", 1);
  redis_.call({"ZADD", "tenant-b:producers", std::to_string(server_ms() + 3'000), "gone"});
  redis_.call({"HSET", internal::Keys("tenant-b").replay("gone"), "hold_ms", "100"});
  WorkerOptions worker = logging();
  worker.lease = 200ms;
  EXPECT_EQ(work("tenant-*", worker).end, WorkerEnd::drained);
  EXPECT_TRUE(has_notice("waiting: queue 'tenant-b': "));
}

TEST_F(Group, GoesOnWithoutAQueueThatIsPurgedWhileItsItemsAreHeld) {
  fill("tenant-a", 1);
  fill("tenant-b", 30);
  std::atomic<bool> begun = false;
  WorkerOptions worker;
  worker.concurrency = 2;
  worker.lease = 300ms;
  std::thread purger([&] {
    EXPECT_TRUE(eventually([&] { return begun && counts_of("tenant-b").completed > 0; }));
    static_cast<void>(Admin("tenant-a", options()).purge());
  });
  Worker it(QueueGroup{"tenant-*"}, options(), worker, [&](const Job& job) {
    if (job.queue == "tenant-b") return Outcome::complete();
    begun = true;
    while (!job.stop.stop_requested()) std::this_thread::yield();
    return Outcome::complete();
  });
  const WorkerReport report = it.run();
  purger.join();
  EXPECT_EQ(report.end, WorkerEnd::drained);
  EXPECT_EQ(report.completed, 30U);
  EXPECT_EQ(counts_of("tenant-a").completed, 0U);
}

TEST_F(Group, PassesOverAQueueThatRedisRefusesAndSaysSoOnce) {
  fill("tenant-a", 3);
  fill("tenant-b", 3);
  redis_.call({"SET", "tenant-b:dead", "of another application"});
  fill("tenant-c", 3);
  redis_.call({"DEL", "tenant-c"});
  redis_.call({"SET", "tenant-c", "of another application"});
  redis_.call({"ZADD", "wq:queues", "1", "tenant-b", "1", "tenant-c"});
  const WorkerReport report = work("tenant-*", logging());
  EXPECT_TRUE(redis_.text({"ZSCORE", "wq:queues", "tenant-b"})) << "it is not gone";
  EXPECT_TRUE(redis_.text({"ZSCORE", "wq:queues", "tenant-c"}));
  EXPECT_EQ(report.completed, 3U);
  EXPECT_EQ(warnings_.size(), 2U);
  for (const std::string& each : warnings_) {
    EXPECT_THAT(each, AllOf(HasSubstr("is passed over: "), HasSubstr("tenant-")));
  }
  redis_.call({"DEL", "tenant-b:dead"});
  redis_.call({"DEL", "tenant-c"});
}

TEST_F(Group, OutlivesAQueueThatRedisBeginsToRefuse) {
  for (const char* key : {"workers", "stats", "attempts"}) {
    SCOPED_TRACE(key);
    const std::string bad = "tenant-" + std::string(key);
    fill(bad, 2);
    fill("tenant-good", 20);
    std::atomic<bool> begun = false;
    std::atomic<bool> spoilt = false;
    WorkerOptions worker = logging();
    worker.lease = 300ms;
    worker.concurrency = 2;
    Worker it(QueueGroup{"tenant-*"}, options(), worker, [&](const Job& job) {
      if (job.queue == bad && !begun.exchange(true)) {  // redis_ is for one thread
        redis_.call({"DEL", bad + ":" + key});
        redis_.call({"SET", bad + ":" + key, "of another application"});
        spoilt = true;
        const TimePoint end = BootClock::now() + 2'500ms;  // past a heartbeat
        while (BootClock::now() < end && !job.stop.stop_requested()) std::this_thread::yield();
      }
      return job.queue == bad ? Outcome::fail("bad") : Outcome::complete();
    });
    std::thread stopper([&] {
      EXPECT_TRUE(eventually([&] { return spoilt && counts_of("tenant-good").completed == 20; }));
      std::this_thread::yield();
      it.request_stop();
    });
    const WorkerReport report = it.run();
    stopper.join();
    EXPECT_EQ(report.end, WorkerEnd::stopped);
    EXPECT_EQ(report.completed, 20U);
    redis_.call({"FLUSHALL"});
  }
}

TEST_F(Group, ReturnsItemsAlsoBesideAQueueThatNoReclaimerCanPass) {
  for (const char* queue : {"tenant-a", "tenant-b"}) {
    fill(queue, 1);
    Queue dead(queue, options());
    static_cast<void>(lease_one(dead, 200ms));
    redis_.call({"HSET", std::string(queue) + ":stats", "lease_ms", "300"});
  }
  redis_.call({"SET", "tenant-b:replays", "of another application"});
  WorkerOptions worker = logging();
  worker.lease = 300ms;
  Worker it(QueueGroup{"tenant-*"}, options(), worker, noting());
  std::thread stopper([&] {
    EXPECT_TRUE(eventually([&] { return counts_of("tenant-a").completed == 1; }));
    it.request_stop();
  });
  it.run();
  stopper.join();
  EXPECT_EQ(counts_of("tenant-a").completed, 1U);
  redis_.call({"FLUSHALL"});
}

TEST_F(Group, AsksForNoMoreThanArrivesInTimeFromAllQueuesTogether) {
  constexpr std::size_t kBytes = 300'000;
  for (int i = 0; i < 16; ++i) {
    const std::string queue = "tenant-" + std::to_string(i);
    Producer producer(queue, options(), {});
    producer.push(queue + "-" + std::string(kBytes, 'x'));
    producer.finish();
  }
  FaultProxy proxy(server_);
  proxy.slow_down(1'000'000);
  WorkerOptions worker = logging();
  worker.concurrency = 16;
  Worker it(QueueGroup{"tenant-*"}, proxy.options(), worker, noting());
  EXPECT_EQ(it.run().completed, 16U);
  EXPECT_THAT(warnings_, ::testing::IsEmpty());
}

TEST_F(Group, NamesTheQueueToAHandlerThatHasSettledAllItsItems) {
  fill("tenant-a", 1);
  fill("tenant-b", 1);
  Producer holder("tenant-b", options(), {});
  std::atomic<int> begun = 0;
  std::atomic<bool> second = false;
  WorkerOptions worker;
  worker.concurrency = 2;
  Worker it(QueueGroup{"tenant-*"}, options(), worker, [&](const Batch& batch) {
    const std::string queue(batch.queue);
    if (begun++ > 0) {
      second = true;
      return std::vector<Outcome>{Outcome::complete()};
    }
    batch.settle(0, Outcome::complete());
    EXPECT_TRUE(eventually([&] { return counts_of(queue).completed == 1; }));
    fill("tenant-later", 1);
    EXPECT_TRUE(eventually([&] { return counts_of("tenant-later").completed == 1; }));
    EXPECT_EQ(batch.queue, queue);
    holder.finish();
    return std::vector<Outcome>{};
  });
  EXPECT_EQ(it.run().completed, 3U);
  EXPECT_TRUE(second);
}

TEST_F(Group, IsDrainedWhenItsLastQueueIsPurged) {
  fill("tenant-a", 1);
  Producer holder("tenant-a", options(), {});
  WorkerOptions worker;
  worker.wait_open = 1h;
  std::thread worker_thread([&] {
    const WorkerReport report = work("tenant-*", worker);
    EXPECT_EQ(report.end, WorkerEnd::drained);
    EXPECT_EQ(report.completed, 1U);
  });
  EXPECT_TRUE(eventually([&] { return counts_of("tenant-a").completed == 1; }));
  static_cast<void>(Admin("tenant-a", options()).purge());
  worker_thread.join();
}

TEST_F(Group, WaitsForAQueueThatIsPaused) {
  fill("tenant-a", 3);
  fill("tenant-b", 3);
  redis_.call({"SET", internal::Keys("tenant-a")[Key::paused], "1"});
  WorkerOptions worker;
  worker.max_idle = 1s;
  const WorkerReport report = work("tenant-*", worker);
  EXPECT_EQ(report.end, WorkerEnd::max_idle);
  EXPECT_THAT(begun_, ElementsAre("tenant-b", "tenant-b", "tenant-b"));
  EXPECT_EQ(counts_of("tenant-a").ready, 3U);
}

TEST_F(Group, SaysThatItWaitsForAProducerThatHasPushedNothing) {
  Producer holder("tenant-a", options(), {});
  WorkerOptions worker = logging();
  std::thread stopper([&] {
    EXPECT_TRUE(eventually([&] {
      return has_notice(
          "waiting: queue 'tenant-a': the queue is empty, and a producer holds it open");
    }));
    holder.finish();
  });
  worker.wait_open = 1ms;
  EXPECT_EQ(work("tenant-*", worker).end, WorkerEnd::never_opened);
  stopper.join();
}

TEST_F(Group, EndsIfNoneOfItsQueuesBeginsInTime) {
  WorkerOptions worker;
  worker.wait_open = 1ms;
  EXPECT_EQ(work("tenant-*", worker).end, WorkerEnd::never_opened);
}

TEST_F(Group, SaysThatItWaitsForAnyQueue) {
  WorkerOptions worker = logging();
  worker.wait_open = 1h;
  Worker it(QueueGroup{"tenant-*"}, options(), worker, noting());
  std::thread stopper([&] {
    EXPECT_TRUE(eventually([&] {
      return has_notice(
          "waiting: no queue that matches 'tenant-*' has begun; the worker exits "
          "3600s after its start if none does");
    }));
    it.request_stop();
  });
  EXPECT_EQ(it.run().end, WorkerEnd::stopped);
  stopper.join();
}

TEST_F(Group, ForgetsNamesOfQueuesThatAreGoneButNotThoseThatMayBegin) {
  const std::string now = std::to_string(server_ms());
  redis_.call({"ZADD", "wq:queues", "1", "tenant-gone", now, "tenant-coming", "1", "other"});
  fill("tenant-a", 1);
  redis_.call({"ZADD", "wq:queues", "1", "tenant-a"});
  EXPECT_EQ(work("tenant-*").end, WorkerEnd::drained);
  EXPECT_FALSE(redis_.text({"ZSCORE", "wq:queues", "tenant-gone"}));
  EXPECT_TRUE(redis_.text({"ZSCORE", "wq:queues", "tenant-coming"}));
  EXPECT_TRUE(redis_.text({"ZSCORE", "wq:queues", "tenant-a"}));
  EXPECT_TRUE(redis_.text({"ZSCORE", "wq:queues", "other"}));
}

TEST_F(Group, RunsAnItemThatMayKillItsWorkerAlone) {
  fill("tenant-a", 20);
  fill("tenant-b", 20);
  redis_.call({"HSET", "tenant-b:crashes", hash_of("tenant-b-7"), "1"});
  WorkerOptions worker;
  worker.concurrency = 4;
  worker.retry.max_crashes = 2;
  std::atomic<int> running = 0;
  std::atomic<bool> was_alone = false;
  Worker it(QueueGroup{"tenant-*"}, options(), worker, [&](const Job& job) {
    ++running;
    const TimePoint end = BootClock::now() + 2ms;
    while (BootClock::now() < end) std::this_thread::yield();
    if (job.lease.item == "tenant-b-7") was_alone = job.lease.alone && running == 1;
    --running;
    return Outcome::complete();
  });
  EXPECT_EQ(it.run().completed, 40U);
  EXPECT_TRUE(was_alone);
}

TEST_F(Group, ShowsAWorkerInTheQueuesOfWhichItHoldsItems) {
  fill("tenant-a", 1);
  fill("tenant-b", 1);
  std::atomic<bool> seen = false;
  std::thread looker([&] {
    EXPECT_TRUE(eventually([&] { return redis_.integer({"HLEN", "tenant-a:workers"}) == 1; }));
    EXPECT_EQ(redis_.integer({"HLEN", "tenant-b:workers"}), 0);
    seen = true;
  });
  Worker it(QueueGroup{"tenant-*"}, options(), {}, [&](const Job& job) {
    while (job.queue == "tenant-a" && !seen) std::this_thread::yield();
    return Outcome::complete();
  });
  EXPECT_EQ(it.run().completed, 2U);
  looker.join();
  EXPECT_EQ(redis_.integer({"EXISTS", "tenant-a:workers"}), 0);
}

TEST_F(Group, HasTheStatisticsOfAllItsQueuesTogether) {
  for (int i = 0; i < 40; ++i) fill("tenant-" + std::to_string(i), 3);
  Worker it(QueueGroup{"tenant-*"}, options(), {}, noting());
  it.run();
  ASSERT_EQ(it.queue_stats().size(), 1U);
  EXPECT_EQ(it.stats().completed, 120U);
  EXPECT_EQ(it.stats().holding, 0U);
  EXPECT_EQ(it.counts().completed, 120U);
}

TEST_F(Group, OfTwoWorkersSharesTheQueues) {
  for (int i = 0; i < 20; ++i) fill("tenant-" + std::to_string(i), 50);
  std::vector<std::thread> workers;
  std::atomic<std::uint64_t> completed = 0;
  for (int i = 0; i < 2; ++i) {
    workers.emplace_back([&] {
      const WorkerReport report = work("tenant-*");
      EXPECT_EQ(report.end, WorkerEnd::drained);
      completed += report.completed;
    });
  }
  for (std::thread& each : workers) each.join();
  EXPECT_EQ(completed, 1'000U);
}

TEST_F(Group, RefusesOptionsThatItCannotHave) {
  const auto refusal = [this](const std::string& pattern, const WorkerOptions& worker) {
    try {
      Worker(QueueGroup{pattern}, options(), worker,
             [](const Job&) { return Outcome::complete(); });
    } catch (const std::invalid_argument& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  EXPECT_THAT(refusal("", {}), HasSubstr("the pattern of the queues is empty"));
  WorkerOptions strict;
  strict.strict = true;
  WorkerOptions after;
  after.after = {"x"};
  WorkerOptions feeds;
  feeds.follow_ups_to = {"x"};
  for (const WorkerOptions& each : {strict, after, feeds}) {
    EXPECT_THAT(refusal("a*", each), HasSubstr("neither an order nor stages"));
  }
}

}  // namespace
}  // namespace wq::test
