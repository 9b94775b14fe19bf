// wq::Worker at its limits: exact numbers of items, very many follow-ups, wrong options.
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <wq/error.h>
#include <wq/worker.h>

#include "support/eventually.h"
#include "support/queue_test.h"

namespace wq::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class WorkerLimits : public QueueTest {
 protected:
  std::string refusal_of(const WorkerOptions& options) {
    try {
      const Worker worker("q", this->options(), options, [](const Batch& batch) {
        return std::vector<Outcome>(batch.leases.size());
      });
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "";
  }
};

TEST_F(WorkerLimits, HandlesExactlyAsManyItemsAsAskedThoughSomeWereGivenBack) {
  push(numbered("i", 500));
  WorkerOptions options;
  options.max_items = 400;
  std::atomic<unsigned> handled{0};
  const WorkerReport report = Worker("q", this->options(), options, [&](const Job& job) {
                                // Long enough that what was taken ahead goes back.
                                if (job.item == "i50") {
                                  EXPECT_TRUE(eventually([&] { return counts().released > 0; }));
                                }
                                ++handled;
                                return Outcome::complete();
                              }).run();
  EXPECT_EQ(report.end, WorkerEnd::max_items);
  EXPECT_GT(counts().released, 0U);
  EXPECT_EQ(handled, 400U);
  EXPECT_EQ(report.completed, 400U);
}

TEST_F(WorkerLimits, SettlesItemsWithVeryManySmallFollowUps) {
  push(numbered("i", 30));
  Queue queue = open_queue();
  std::vector<Settlement> settlements = all_completed(queue.lease(30, 1min));
  ASSERT_EQ(settlements.size(), 30U);
  for (Settlement& each : settlements) each.outcome.follow_ups = std::vector<FollowUp>(10'000);
  EXPECT_THAT(queue.settle(std::move(settlements)), ::testing::Each(Settled::accepted));
  EXPECT_EQ(counts().ready, 300'000U);
}

TEST_F(WorkerLimits, RefusesOptionsThatMakeNoSense) {
  const auto with = [](auto change) {
    WorkerOptions options;
    change(options);
    return options;
  };
  EXPECT_EQ(refusal_of({}), "");
  EXPECT_THAT(refusal_of(with([](auto& o) { o.concurrency = 0; })), HasSubstr("concurrency"));
  EXPECT_THAT(refusal_of(with([](auto& o) { o.batch = 0; })), HasSubstr("batch"));
  EXPECT_THAT(refusal_of(with([](auto& o) { o.lease = 99ms; })), HasSubstr("lease"));
  EXPECT_THAT(refusal_of(with([](auto& o) { o.lease = 25h; })), HasSubstr("lease"));
  EXPECT_THAT(refusal_of(with([](auto& o) { o.timeout = -1ms; })), HasSubstr("timeout"));
  EXPECT_THAT(refusal_of(with([](auto& o) { o.grace = -1ms; })), HasSubstr("grace"));
  EXPECT_THAT(refusal_of(with([](auto& o) { o.max_idle = -1ms; })), HasSubstr("idle"));
  EXPECT_THAT(refusal_of(with([](auto& o) { o.wait_open = -1ms; })), HasSubstr("open"));
  EXPECT_THAT(refusal_of(with([](auto& o) { o.retry.max_attempts = 0; })), HasSubstr("attempts"));
  EXPECT_THAT(refusal_of(with([](auto& o) { o.retry.max_crashes = 0; })), HasSubstr("crashes"));
  EXPECT_THAT(refusal_of(with([](auto& o) { o.retry.backoff_base = 10min; })),
              HasSubstr("first backoff"));
  EXPECT_THAT(refusal_of(with([](auto& o) { o.retry.backoff_max = 25h; })),
              HasSubstr("longest backoff"));
  EXPECT_THAT(refusal_of(with([](auto& o) { o.retry.release_delay = 25h; })),
              HasSubstr("release delay"));
}

TEST_F(WorkerLimits, RefusesMoreHandlersThanAProcessCanHave) {
  WorkerOptions options;
  options.concurrency = 4'000'000'000;
  EXPECT_THAT(refusal_of(options), HasSubstr("concurrency"));
}

TEST_F(WorkerLimits, RefusesABadQueueNameAndABadUrl) {
  const Handler handler = [](const Job&) { return Outcome::complete(); };
  EXPECT_THROW(Worker("", options(), {}, handler), std::invalid_argument);
  EXPECT_THROW(Worker("q:stats", options(), {}, handler), std::invalid_argument);
  RedisOptions redis;
  redis.url = "nonsense";
  EXPECT_THROW(Worker("q", redis, {}, handler), std::invalid_argument);
}

}  // namespace
}  // namespace wq::test
