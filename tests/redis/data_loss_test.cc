// What is lost when Redis is killed or fails over: the table in docs/guarantees.md.
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <wq/error.h>
#include <wq/producer.h>
#include <wq/queue.h>

#include "support/eventually.h"
#include "support/queue_test.h"
#include "support/replicated_redis.h"

namespace wq::test {
namespace {

using namespace std::chrono_literals;

using Config = std::vector<std::string>;

/// Pushes and completes items, kills Redis at once with SIGKILL, and starts it again.
class DataLoss : public ::testing::Test {
 protected:
  static void push(const RedisOptions& redis, const std::vector<std::string>& items) {
    Producer producer("q", redis);
    for (const std::string& item : items) producer.push(item);
    producer.finish();
  }
  static void complete(const RedisOptions& redis, std::size_t n) {
    Queue queue("q", redis);
    static_cast<void>(queue.settle(all_completed(queue.lease(n, 1min))));
  }
  static Counts counts(const RedisOptions& redis) { return Queue("q", redis).counts(); }

  /// 1,000 items of which 100 are completed; then what is left after a kill.
  static Counts after_a_kill(const Config& config) {
    RedisServer redis(config);
    push(redis.options(), numbered("i", 1'000));
    complete(redis.options(), 100);
    redis.restart();
    return counts(redis.options());
  }
  static void expect_all(const Counts& counts) {
    EXPECT_EQ(counts.pushed, 1'000U);
    EXPECT_EQ(counts.completed, 100U);
    EXPECT_EQ(counts.ready, 900U);
  }
};

TEST_F(DataLoss, OfAKilledServerThatSyncsAlwaysIsNone) {
  expect_all(after_a_kill({"appendonly yes", "appendfsync always"}));
}

// Redis writes to the file before it answers; only syncing it to the disk waits.
TEST_F(DataLoss, OfAKilledServerThatSyncsEverySecondIsNone) {
  expect_all(after_a_kill({"appendonly yes", "appendfsync everysec"}));
}

TEST_F(DataLoss, OfAKilledServerThatLeavesSyncingToTheSystemIsNone) {
  expect_all(after_a_kill({"appendonly yes", "appendfsync no"}));
}

TEST_F(DataLoss, OfAKilledServerWithSnapshotsIsAllSinceTheLastOne) {
  RedisServer redis({"save 3600 1"});
  push(redis.options(), numbered("i", 1'000));
  RedisClient(redis.options()).call({"SAVE"});
  push(redis.options(), numbered("late", 10));
  complete(redis.options(), 100);
  redis.restart();
  const Counts left = counts(redis.options());
  EXPECT_EQ(left.pushed, 1'000U);
  EXPECT_EQ(left.ready, 1'000U) << "those that were completed run again";
}

TEST_F(DataLoss, OfAKilledServerWithoutPersistenceIsTheQueue) {
  const Counts left = after_a_kill({});
  EXPECT_TRUE(left.id.empty());
  EXPECT_EQ(left.ready, 0U);
}

/// The same of a primary with a replica that is promoted.
class FailoverLoss : public DataLoss, public ::testing::WithParamInterface<std::string> {
 protected:
  [[nodiscard]] static Config config() {
    if (GetParam() == "snapshots") return {"save 3600 1"};
    if (GetParam() == "none") return {};
    return {"appendonly yes", "appendfsync " + GetParam()};
  }
};

INSTANTIATE_TEST_SUITE_P(Persistence, FailoverLoss,
                         ::testing::Values("always", "everysec", "no", "snapshots", "none"),
                         [](const ::testing::TestParamInfo<std::string>& each) {
                           return each.param;
                         });

TEST_P(FailoverLoss, IsWhatTheReplicaHadNotReceived) {
  ReplicatedRedis redis(1, config());
  push(redis.options(), numbered("i", 1'000));
  redis.wait_until_all_have_all();
  redis.cut_off(redis.replica());
  push(redis.options(), numbered("late", 10));
  complete(redis.options(), 100);
  redis.fail_over_to(redis.replica());
  const Counts left = counts(redis.options());
  EXPECT_EQ(left.pushed, 1'000U);
  EXPECT_EQ(left.ready, 1'000U) << "those that were completed run again";
}

TEST_P(FailoverLoss, IsNoneOfWhatTheReplicaHasConfirmed) {
  ReplicatedRedis redis(1, config());
  ProducerOptions durable;
  durable.durable_replicas = 1;
  Producer producer("q", redis.options(), durable);
  for (const std::string& item : numbered("i", 1'000)) producer.push(item);
  EXPECT_EQ(producer.finish().pushed, 1'000U);
  redis.fail_over_to(redis.replica());
  const Counts left = counts(redis.options());
  EXPECT_EQ(left.pushed, 1'000U);
  EXPECT_EQ(left.ready, 1'000U);
}

}  // namespace
}  // namespace wq::test
