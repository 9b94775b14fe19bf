// ProducerOptions::durable_replicas, with real replicas.
#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <wq/error.h>
#include <wq/producer.h>

#include "support/eventually.h"
#include "support/queue_test.h"
#include "support/replicated_redis.h"

namespace wq::test {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;

ProducerOptions durable(unsigned replicas) {
  ProducerOptions options;
  options.durable_replicas = replicas;
  return options;
}

/// Without an append-only file, where WAIT is all there is, and with one, where newer servers have
/// WAITAOF too.
class Durable : public ::testing::TestWithParam<std::string> {
 protected:
  [[nodiscard]] std::vector<std::string> config() const { return {"appendonly " + GetParam()}; }
  [[nodiscard]] static std::int64_t ready_at(const RedisServer& server) {
    return RedisClient(server.options()).integer({"LLEN", "q"});
  }
  [[nodiscard]] static std::string what_of(const std::function<void()>& step) {
    try {
      step();
    } catch (const Error& error) {
      return error.what();
    }
    return "nothing was thrown";
  }
};

INSTANTIATE_TEST_SUITE_P(Aof, Durable, ::testing::Values("no", "yes"),
                         [](const ::testing::TestParamInfo<std::string>& each) {
                           return each.param;
                         });

TEST_P(Durable, PushesThatWereConfirmedAreOnTheReplicaWheneverThePrimaryDies) {
  ReplicatedRedis redis(1, config());
  std::atomic<std::uint64_t> confirmed{0};
  std::stop_source stop;
  std::thread pushing([&] {
    try {
      Producer producer("q", redis.options(), durable(1), stop.get_token());
      for (std::uint64_t i = 0;; ++i) {
        producer.push("i" + std::to_string(i));
        if (i % 10 == 9) confirmed = producer.confirm().pushed;
      }
    } catch (const ConnectionError&) {  // it was killed
    }
  });
  EXPECT_TRUE(eventually([&] { return confirmed >= 50; }));
  redis.primary().kill();
  stop.request_stop();
  pushing.join();
  redis.fail_over_to(redis.replica());
  RedisClient client(redis.primary().options());
  const std::vector<std::string> there =
      client.list({"LRANGE", "q", "-" + std::to_string(confirmed), "-1"});
  ASSERT_EQ(there.size(), confirmed) << "and the first of them is the last of the list";
  EXPECT_EQ(there.back(), "i0");
  EXPECT_EQ(there.front(), "i" + std::to_string(confirmed - 1));
}

TEST_P(Durable, AReplicaThatDoesNotAnswerIsAnErrorThatSaysWhatIsSafe) {
  ReplicatedRedis redis(1, config());
  RedisOptions options = redis.options();
  options.patience = 1s;
  Producer producer("q", options, durable(1));
  redis.replica().freeze();
  producer.push("a");
  EXPECT_THAT(
      what_of([&] { producer.finish(); }),
      AllOf(HasSubstr("NOREPLICAS 0 of the 1 replicas that --durable asks for have the last"),
            HasSubstr(GetParam() == "yes" ? "a restart of the primary keeps them"
                                          : "a restart of the primary loses them"),
            HasSubstr("a failover loses them"), HasSubstr("gave up after 1 s")));
  EXPECT_EQ(producer.report().pushed, 1U);
  EXPECT_EQ(ready_at(redis.primary()), 1);
  redis.replica().thaw();
}

TEST_P(Durable, AReplicaThatComesBackIsWaitedFor) {
  ReplicatedRedis redis(1, config());
  Producer producer("q", redis.options(), durable(1));
  redis.cut_off(redis.replica());
  producer.push("a");
  auto finished = std::async(std::launch::async, [&] { return producer.finish(); });
  ASSERT_TRUE(eventually([&] { return ready_at(redis.primary()) == 1; }));
  redis.replica().thaw();
  EXPECT_EQ(finished.get().pushed, 1U);
  EXPECT_EQ(ready_at(redis.replica()), 1);
}

TEST_P(Durable, TooFewReplicasAreKnownBeforeTheFirstPush) {
  ReplicatedRedis redis(1, config());
  RedisOptions options = redis.options();
  options.patience = 1s;
  std::vector<std::string> log;
  options.log = [&log](LogLevel, std::string_view text) { log.emplace_back(text); };
  EXPECT_THAT(what_of([&] { const Producer producer("q", options, durable(2)); }),
              HasSubstr("1 of the 2 replicas that --durable asks for is connected"));
  ASSERT_FALSE(log.empty());
  EXPECT_THAT(log.front(), HasSubstr("1 of the 2 replicas that --durable asks for is connected"));
  EXPECT_FALSE(RedisClient(options).exists("q"));
}

TEST_P(Durable, PushesThatTheNextPrimaryHasStayPushed) {
  ReplicatedRedis redis(2, config());
  Producer producer("q", redis.options(), durable(1));
  for (const std::string& item : numbered("i", 10)) producer.push(item);
  EXPECT_EQ(producer.confirm().pushed, 10U);
  redis.wait_until_all_have_all();
  redis.fail_over_to(redis.replica(0), true);
  producer.push("one more");
  const PushReport report = producer.finish();
  EXPECT_EQ(report.pushed, 11U);
  EXPECT_EQ(report.unknown, 0U);
  EXPECT_EQ(ready_at(redis.primary()), 11);
}

TEST_P(Durable, PushesThatTheNextPrimaryLacksArePushedAgain) {
  ReplicatedRedis redis(2, config());
  Producer producer("q", redis.options(), durable(1));
  for (const std::string& item : numbered("i", 10)) producer.push(item);
  EXPECT_EQ(producer.confirm().pushed, 10U);
  redis.wait_until_all_have_all();
  redis.cut_off(redis.replica(0));
  redis.cut_off(redis.replica(1));
  for (const std::string& item : numbered("lost", 5)) producer.push(item);
  auto confirmed = std::async(std::launch::async, [&] { return producer.confirm(); });
  ASSERT_TRUE(eventually([&] { return producer.report().pushed == 15; }));
  redis.fail_over_to(redis.replica(0), true);
  const PushReport report = confirmed.get();
  EXPECT_EQ(report.pushed, 15U);
  EXPECT_EQ(report.recovered, 5U);
  EXPECT_EQ(report.unknown, 0U);
  EXPECT_EQ(ready_at(redis.primary()), 15);
}

TEST(DurableRights, OfAUserWhoMayNotWaitAreNamed) {
  ReplicatedRedis redis;
  RedisClient(redis.options())
      .call({"ACL", "SETUSER", "jobs", "on", "nopass", "~*", "+@all", "-wait"});
  RedisOptions options = redis.options();
  options.url.insert(std::string("unix://").size(), "jobs:x@");
  try {
    const Producer producer("q", options, durable(1));
    ADD_FAILURE() << "it was not refused";
  } catch (const RefusedError& error) {
    EXPECT_THAT(error.what(), HasSubstr("+info +wait +waitaof"));
  }
}

}  // namespace
}  // namespace wq::test
