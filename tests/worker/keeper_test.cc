// The connection of a worker's renewer: what becomes of leases, and of the worker, when it fails.
#include <atomic>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <wq/error.h>
#include <wq/worker.h>

#include "maintenance/lease_renewer.h"
#include "queue/operations.h"
#include "support/eventually.h"
#include "support/fault_proxy.h"
#include "support/queue_test.h"

namespace wq::test {
namespace {

using namespace std::chrono_literals;

TEST(KeeperOptions, WaitForAQuarterOfALeaseAndNoLonger) {
  RedisOptions redis;
  for (const auto lease : {400ms, 1'000ms, 4'000ms}) {
    const RedisOptions renewer = internal::for_keeper(redis, lease);
    EXPECT_EQ(renewer.command_timeout, lease / 4);
    EXPECT_EQ(renewer.connect_timeout, lease / 4);
    EXPECT_EQ(internal::ReconnectingConnection(renewer, {}).options().command_timeout, lease / 4);
  }
  EXPECT_EQ(internal::for_keeper(redis, 60s).command_timeout, redis.command_timeout);
  EXPECT_EQ(internal::for_keeper(redis, 100ms).command_timeout, 100ms);
}

class Keeper : public QueueTest {
 protected:
  FaultProxy proxy_{server_};
};

// Nobody comes to a drained queue to remove them.
TEST_F(Keeper, TheSignsOfLifeOfADrainedWorkerGoAlthoughTheConnectionBreaks) {
  push({"a"});
  const WorkerReport report =
      Worker("q", proxy_.options(), {}, [&](const Job&) {
        EXPECT_TRUE(eventually([&] { return redis_.exists(key(Key::workers)); }));
        proxy_.lose_request("DEL\r\n$9\r\nq:workers");
        return Outcome::complete();
      }).run();
  EXPECT_EQ(report.end, WorkerEnd::drained);
  EXPECT_EQ(proxy_.faults(), 1U);
  EXPECT_FALSE(redis_.exists(key(Key::workers)));
}

TEST_F(Keeper, LeasesOutliveAConnectionThatSaysNothingMore) {
  push({"a"});
  WorkerOptions options;
  options.lease = 3s;
  const WorkerReport report =
      Worker("q", proxy_.options(), options, [&](const Job& job) {
        // The next renewal of the item's lease is never answered. (The reclaimer renews its office
        // with the same script, for another time.)
        proxy_.silence(std::to_string((options.lease + internal::kLeaseTail).count()));
        EXPECT_TRUE(eventually([&] { return proxy_.faults() == 1; }));
        const TimePoint silent_at = BootClock::now();
        EXPECT_TRUE(eventually([&] { return BootClock::now() - silent_at > options.lease; }));
        EXPECT_FALSE(job.stop.stop_requested());
        return Outcome::complete();
      }).run();
  EXPECT_EQ(report.completed, 1U);
  EXPECT_EQ(report.lost, 0U);
  EXPECT_EQ(counts().crashed, 0U);
}

TEST_F(Keeper, WhatItFindsIsNotForgottenForAConnectionThatIsLostLater) {
  conserves_ = false;
  push({"a"});  // a queue that has begun
  Producer holds_it_open("q", options());
  RedisOptions redis = proxy_.options();
  redis.command_timeout = 300ms;
  std::atomic<bool> waits{false};
  std::atomic<bool> left{false};
  proxy_.watch([&](std::string_view bytes) {
    waits = waits || bytes.find("BRPOPLPUSH") != std::string_view::npos;
    left = left || bytes.find("HDEL\r\n") != std::string_view::npos;
  });
  Worker worker("q", redis, {}, [](const Job&) { return Outcome::complete(); });
  std::exception_ptr thrown;
  std::thread running([&] {
    try {
      static_cast<void>(worker.run());
    } catch (...) {
      thrown = std::current_exception();
    }
  });
  EXPECT_TRUE(eventually([&] { return waits.load(); }));
  proxy_.silence("BRPOPLPUSH");
  EXPECT_TRUE(eventually([&] { return proxy_.faults() == 1; }));
  // The main thread waits for an answer that never comes. Meanwhile the renewer finds the queue
  // gone, and says goodbye.
  redis_.call({"FLUSHALL"});
  EXPECT_TRUE(eventually([&] { return left.load(); }));
  worker.request_stop();
  running.join();
  ASSERT_TRUE(thrown);
  EXPECT_THROW(std::rethrow_exception(thrown), ProtocolError);
  proxy_.watch({});
}

}  // namespace
}  // namespace wq::test
