// A worker of several queues, on a real Redis.
#include <algorithm>
#include <atomic>
#include <cmath>
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

class SeveralQueues : public QueueTest {
 protected:
  /// Works all queues off; keeps the order in which their items were begun.
  WorkerReport work(std::vector<QueueShare> queues, WorkerOptions worker = {}) {
    const BatchHandler handler = [this](const Batch& batch) {
      const std::lock_guard lock(mutex_);
      for (const Lease& lease : batch.leases) {
        EXPECT_TRUE(lease.item.starts_with(std::string(batch.queue) + "-")) << lease.item;
        begun_.emplace_back(batch.queue);
      }
      return std::vector<Outcome>(batch.leases.size(), Outcome::complete());
    };
    return Worker(std::move(queues), options(), std::move(worker), handler).run();
  }

  /// How far the share of `queue` in any 1,000 of the first `n` items is from `share`, at most.
  [[nodiscard]] double farthest(const std::string& queue, double share, std::size_t n) const {
    double farthest = 0;
    std::size_t of_queue = 0;
    for (std::size_t i = 0; i < n; ++i) {
      of_queue += begun_[i] == queue ? 1 : 0;
      if (i >= 1'000) of_queue -= begun_[i - 1'000] == queue ? 1 : 0;
      if (i < 999) continue;
      farthest = std::max(farthest, std::abs(static_cast<double>(of_queue) / 1'000 - share));
    }
    return farthest;
  }

  void expect_shares_by_weight(const WorkerOptions& worker);

  std::mutex mutex_;
  std::vector<std::string> begun_;
};

void SeveralQueues::expect_shares_by_weight(const WorkerOptions& worker) {
  fill("a", 6'000);
  fill("b", 3'000);
  fill("c", 3'000);
  const WorkerReport report = work({{"a", 6}, {"b", 3}, {"c", 1}}, worker);
  EXPECT_EQ(report.end, WorkerEnd::drained);
  EXPECT_EQ(report.completed, 12'000U);
  for (const std::string queue : {"a", "b", "c"}) {
    const Counts counts = counts_of(queue);
    EXPECT_TRUE(counts.drained()) << queue;
    EXPECT_EQ(counts.completed, counts.pushed) << queue;
  }
  ASSERT_EQ(begun_.size(), 12'000U);
  constexpr std::size_t kAllHaveItems = 9'000;  // of the 10,000 that a and b last
  EXPECT_LE(farthest("a", 0.6, kAllHaveItems), 0.05);
  EXPECT_LE(farthest("b", 0.3, kAllHaveItems), 0.05);
  EXPECT_LE(farthest("c", 0.1, kAllHaveItems), 0.05);
  EXPECT_EQ(begun_.back(), "c") << "what the others no longer use goes to it";
}

TEST_F(SeveralQueues, ShareTheLeasesByWeightWhileAllHaveItemsAndAreAllDrained) {
  expect_shares_by_weight({});
}

TEST_F(SeveralQueues, ShareTheLeasesByWeightInManySlots) {
  WorkerOptions worker;
  worker.concurrency = 8;
  expect_shares_by_weight(worker);
}

// In one slot: of several threads, some may get their batches and not be heard of for long.
TEST_F(SeveralQueues, ShareTheLeasesByWeightInBatches) {
  WorkerOptions worker;
  worker.batch = 16;
  worker.max_delay = 10ms;
  expect_shares_by_weight(worker);
}

TEST_F(SeveralQueues, TakeWholeBatchesAgainAfterAnItemThatHadCrashed) {
  fill("a", 2'000);
  fill("b", 1);
  redis_.call({"HSET", "b:crashes", hash_of("b-0"), "1"});
  WorkerOptions worker;
  worker.batch = 100;
  worker.retry.max_crashes = 9;
  std::size_t calls = 0;
  const WorkerReport report =
      Worker({{"a"}, {"b"}}, options(), worker, [&](const Batch& batch) {
        const std::lock_guard lock(mutex_);
        ++calls;
        return std::vector<Outcome>(batch.leases.size(), Outcome::complete());
      }).run();
  EXPECT_EQ(report.completed, 2'001U);
  EXPECT_LE(calls, 200U);
}

TEST_F(SeveralQueues, GiveBackTheItemsOfTheOthersWhenOneWasPurged) {
  fill("a", 1);
  fill("b", 1);
  std::atomic<bool> begun = false;
  WorkerOptions two_slots;
  two_slots.concurrency = 2;
  Worker worker({{"a"}, {"b"}}, options(), two_slots, [&](const Job& job) {
    if (job.queue == "b") return Outcome::complete();
    begun = true;
    while (!job.stop.stop_requested()) std::this_thread::yield();
    return Outcome::release();
  });
  std::thread purger([&] {
    EXPECT_TRUE(eventually([&] { return begun && counts_of("b").completed == 1; }));
    static_cast<void>(Admin("b", options()).purge());
  });
  EXPECT_THROW(worker.run(), ProtocolError);
  purger.join();
  const Counts counts = counts_of("a");
  EXPECT_EQ(counts.ready + counts.delayed, 1U);
  EXPECT_EQ(counts.processing, 0U);
  EXPECT_EQ(counts.crashed, 0U);
}

// As the handlers of another worker do it that push an item of one queue to the other.
TEST_F(SeveralQueues, AreNotDrainedWhileAnItemMovesFromOneToTheOther) {
  fill("a", 1);
  fill("b", 1);
  Queue b("b", options());
  const Lease held = lease_one(b);
  FaultProxy proxy(server_);
  std::atomic<int> looks_at_b = 0;
  proxy.watch([&](std::string_view bytes) {
    const bool looks = bytes.find(internal::scripts::counts.sha1) != std::string_view::npos &&
                       bytes.find("b:stats") != std::string_view::npos;
    // Not at the first look, when a has its item still.
    if (!looks || counts_of("a").completed < 1 || looks_at_b++ > 0) return;
    fill("a", 2);
    EXPECT_EQ(b.settle({{held, Outcome::complete()}}).front(), Settled::accepted);
  });
  const WorkerReport report = Worker({{"a"}, {"b"}}, proxy.options(), {}, [](const Job&) {
                                return Outcome::complete();
                              }).run();
  proxy.watch({});
  EXPECT_EQ(report.end, WorkerEnd::drained);
  EXPECT_EQ(report.completed, 3U);
}

TEST_F(SeveralQueues, HaveTheTermsOfTheWorkerAlsoIfTheyBeginWhileItIsBusyWithAnother) {
  fill("a", 1);
  WorkerOptions worker;
  worker.concurrency = 2;
  worker.retry.max_crashes = 7;
  std::atomic<bool> may_end = false;
  std::thread late([&] {
    fill("b", 1);
    EXPECT_TRUE(eventually([&] { return redis_.text({"HGET", "b:stats", "max_crashes"}) == "7"; }));
    may_end = true;
  });
  const WorkerReport report = Worker({{"a"}, {"b"}}, options(), worker, [&](const Job& job) {
                                while (job.queue == "a" && !may_end) std::this_thread::yield();
                                return Outcome::complete();
                              }).run();
  late.join();
  EXPECT_EQ(report.completed, 2U);
}

TEST_F(SeveralQueues, InOrderAreServedOneAfterTheOther) {
  fill("late", 50);
  fill("urgent", 50);
  WorkerOptions worker;
  worker.strict = true;
  work({{"urgent"}, {"late"}}, worker);
  ASSERT_EQ(begun_.size(), 100U);
  EXPECT_EQ(std::count(begun_.begin(), begun_.begin() + 50, "urgent"), 50);
}

TEST_F(SeveralQueues, InOrderLeaveNoneBehindForLongerThanTheBoost) {
  fill("endless", 2'000);  // more than are taken ahead
  fill("late", 1);
  WorkerOptions worker;
  worker.strict = true;
  worker.boost_after = 200ms;
  std::atomic<bool> late = false;
  std::atomic<int> endless = 0;
  Worker it(std::vector<QueueShare>{{"endless"}, {"late"}}, options(), worker, [&](const Job& job) {
    Outcome outcome = Outcome::complete();
    if (job.queue == "late") {
      late = true;
    } else if (!late) {
      outcome.follow_ups.push_back("again " + std::to_string(++endless));
    }
    return outcome;
  });
  const TimePoint start = BootClock::now();
  EXPECT_EQ(it.run().end, WorkerEnd::drained) << "else the first queue would never be empty";
  EXPECT_GE(BootClock::now() - start, 200ms);
  EXPECT_GT(endless, 1);
}

TEST_F(SeveralQueues, AreWaitedForAllAtOnceAndAnyItemEndsTheWait) {
  std::vector<QueueShare> queues;
  std::vector<std::unique_ptr<Producer>> holders;
  for (const char* name : {"a", "b", "c", "d"}) {
    queues.push_back({name});
    holders.push_back(std::make_unique<Producer>(name, options()));
  }
  std::thread worker([&] { EXPECT_EQ(work(queues).completed, 8U); });
  const auto waiting = [this] {
    return redis_.text({"INFO", "clients"}).value().find("blocked_clients:4") != std::string::npos;
  };
  for (int round = 0; round < 2; ++round) {
    for (auto holder = holders.rbegin(); holder != holders.rend(); ++holder) {
      ASSERT_TRUE(eventually(waiting));
      const std::string name = queues[static_cast<std::size_t>(holders.rend() - holder - 1)].queue;
      (*holder)->push(name + "-" + std::to_string(round));
      (*holder)->confirm();
    }
  }
  for (auto& each : holders) each->finish();
  worker.join();
  EXPECT_THAT(begun_, ElementsAre("d", "c", "b", "a", "d", "c", "b", "a"));
}

TEST_F(SeveralQueues, NeedTheRightToEndTheWaitForTheOthers) {
  fill("a", 1);
  redis_.call({"ACL", "SETUSER", "limited", "on", ">x", "~*", "+@all", "-client|unblock"});
  RedisOptions limited = options();
  limited.url = "unix://limited:x@" + server_.socket_path();
  Worker it(std::vector<QueueShare>{{"a"}, {"b"}}, limited, {},
            [](const Job&) { return Outcome::complete(); });
  try {
    it.run();
    ADD_FAILURE() << "it was not refused";
  } catch (const ReplyError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("NOPERM"), HasSubstr("client|unblock")));
  }
}

TEST_F(SeveralQueues, AreAwaitedUntilTheLastHasBegunOrItsTimeIsOver) {
  fill("a", 2);
  WorkerOptions worker;
  worker.wait_open = 1ms;
  const WorkerReport report = work({{"a"}, {"never"}}, worker);
  EXPECT_EQ(report.end, WorkerEnd::never_opened);
  EXPECT_EQ(report.completed, 2U);
}

TEST_F(SeveralQueues, HaveStatisticsOfTheirOwn) {
  fill("a", 3);
  fill("b", 2);
  Worker it(std::vector<QueueShare>{{"a"}, {"b"}}, options(), {}, [](const Job& job) {
    return job.queue == "a" ? Outcome::complete() : Outcome::fatal("bad");
  });
  it.run();
  const std::vector<WorkerStats> stats = it.queue_stats();
  ASSERT_EQ(stats.size(), 2U);
  EXPECT_EQ(stats[0].completed, 3U);
  EXPECT_EQ(stats[0].failed, 0U);
  EXPECT_EQ(stats[1].failed, 2U);
  EXPECT_EQ(it.stats().completed, 3U);
  EXPECT_EQ(it.stats().failed, 2U);
  EXPECT_EQ(it.stats().holding, 0U);
}

TEST_F(SeveralQueues, KeepTheirBudgetsAndDeadLettersApart) {
  fill("a", 2);
  fill("b", 2);
  WorkerOptions worker;
  worker.retry.max_attempts = 1;
  Worker it(std::vector<QueueShare>{{"a"}, {"b"}}, options(), worker, [](const Job& job) {
    return job.queue == "a" ? Outcome::fail("bad") : Outcome::complete("good");
  });
  const WorkerReport report = it.run();
  ASSERT_EQ(report.queues.size(), 2U);
  EXPECT_EQ(report.queues[0].dead, 2U);
  EXPECT_EQ(report.queues[1].dead, 0U);
  EXPECT_EQ(report.counts.dead, 2U);
  EXPECT_EQ(report.counts.completed, 2U);
  EXPECT_EQ(Queue("b", options()).results("", 10).size(), 2U);
  EXPECT_EQ(Queue("a", options()).results("", 10).size(), 0U);
}

TEST_F(SeveralQueues, AreWaitedForUntilTheLastIsDrained) {
  fill("a", 1);
  Producer holder("b", options(), {});
  holder.push("b-0");
  holder.confirm();
  std::atomic<bool> over = false;
  std::thread worker([this, &over] {
    work({{"a"}, {"b"}});
    over = true;
  });
  EXPECT_TRUE(eventually([this] { return counts_of("b").completed == 1; }));
  EXPECT_TRUE(counts_of("a").drained());
  EXPECT_FALSE(over) << "the producer of b may push more";
  holder.push("b-1");
  holder.finish();
  worker.join();
  EXPECT_EQ(counts_of("b").completed, 2U);
}

TEST_F(SeveralQueues, ArePausedOneByOne) {
  fill("a", 3);
  fill("b", 3);
  redis_.call({"SET", internal::Keys("a")[Key::paused], "1"});
  WorkerOptions worker;
  worker.max_idle = 1s;
  const WorkerReport report = work({{"a"}, {"b"}}, worker);
  EXPECT_EQ(report.end, WorkerEnd::max_idle);
  EXPECT_THAT(begun_, ElementsAre("b", "b", "b"));
  EXPECT_EQ(counts_of("a").ready, 3U);
}

TEST_F(SeveralQueues, RefuseAWrongList) {
  const auto refusal = [this](const std::vector<QueueShare>& queues) -> std::string {
    try {
      Worker(queues, options(), {}, [](const Job&) { return Outcome::complete(); });
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_THAT(refusal({}), HasSubstr("no queue"));
  EXPECT_THAT(refusal({{"a"}, {"b"}, {"a", 2}}), HasSubstr("'a' is given twice"));
  EXPECT_THAT(refusal({{"a", 0}}), HasSubstr("between 1 and 1000"));
  EXPECT_THAT(refusal({{"a", 1'001}}), HasSubstr("between 1 and 1000"));
}

}  // namespace
}  // namespace wq::test
