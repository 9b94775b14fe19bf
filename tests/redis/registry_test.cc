// The registry of queues: who writes it, who reads it, and what is no error.
#include "queue/registry.h"

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <wq/admin.h>
#include <wq/error.h>
#include <wq/producer.h>

#include "support/queue_test.h"

namespace wq::test {
namespace {

using namespace std::chrono_literals;
using internal::kRegistryKey;
using internal::Registered;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class Registry : public QueueTest {
 protected:
  [[nodiscard]] std::vector<std::string> registered() {
    return redis_.list({"ZRANGE", kRegistryKey, "0", "-1"});
  }
  void add(std::string_view name, std::string_view score) {
    redis_.call({"ZADD", kRegistryKey, score, name});
  }
  [[nodiscard]] std::vector<Registered> read() {
    return internal::read_registry(redis_.connection()).queues;
  }
  [[nodiscard]] std::vector<std::string> names_read() {
    std::vector<std::string> all;
    for (const Registered& each : read()) all.push_back(each.queue);
    return all;
  }
  /// Of a user that lacks these rights.
  [[nodiscard]] RedisOptions options_without(std::initializer_list<std::string_view> rights) {
    internal::CommandBuffer out;
    out.begin(8 + rights.size());
    for (const std::string_view word : {"ACL", "SETUSER", "u", "reset", "on", ">pw", "+@all", "~*"})
      out.arg(word);
    for (const std::string_view right : rights) out.arg(right);
    redis_.connection().call(out);
    RedisOptions redis = options();
    redis.url = "unix://u:pw@" + server_.socket_path();
    redis.log = log();
    return redis;
  }
  [[nodiscard]] Log log() {
    return [this](LogLevel level, std::string_view text) {
      if (level == LogLevel::warning) warnings_.emplace_back(text);
    };
  }

  std::vector<std::string> warnings_;
};

TEST_F(Registry, HasTheQueueWithTheServersTime) {
  const std::int64_t before = redis_.time_ms();
  push({"a"});
  const auto look = internal::read_registry(redis_.connection());
  ASSERT_THAT(look.queues, SizeIs(1));
  EXPECT_EQ(look.queues[0].queue, "q");
  EXPECT_GE(look.queues[0].registered_ms, before);
  EXPECT_LE(look.queues[0].registered_ms, look.server_ms);
}

TEST_F(Registry, HasTheQueueOfAProducerThatEndsBeforeItOpens) {
  EXPECT_THROW(Producer("q", options_without({"-hsetnx"})), RefusedError);  // which open calls
  EXPECT_THAT(registered(), ElementsAre("q"));
  EXPECT_THAT(keys_left(), IsEmpty());
}

TEST_F(Registry, GetsTheQueueAgainFromAProducerWhoseSessionRedisLost) {
  conserves_ = false;
  Producer producer("q", options());
  producer.push("a");
  producer.flush();
  redis_.call({"FLUSHALL"});
  producer.push("b");
  producer.finish();
  EXPECT_THAT(registered(), ElementsAre("q"));
}

TEST_F(Registry, IsWrittenAgainAfterSomeMinutes) {
  internal::Registration registration;
  const TimePoint before = BootClock::now();
  EXPECT_TRUE(registration.is_due(before));
  registration.renew(redis_.connection(), keys_, log());
  const TimePoint after = BootClock::now();
  EXPECT_FALSE(registration.is_due(before + internal::kRegisterAgain - 1ms));
  EXPECT_TRUE(registration.is_due(after + internal::kRegisterAgain));
}

TEST_F(Registry, ThatAUserMayNotWriteIsAWarningAndNoMore) {
  Producer producer("q", options_without({"resetkeys", "~q", "~q:*"}));
  producer.push("a");
  producer.flush();
  redis_.call({"FLUSHALL"});  // so it opens again
  producer.push("b");
  producer.finish();
  EXPECT_THAT(all(Key::ready), ElementsAre("b", "a"));
  EXPECT_THAT(registered(), IsEmpty());
  EXPECT_THAT(warnings_, ElementsAre(AllOf(HasSubstr("queue 'q' could not be registered"),
                                           HasSubstr("ACL SETUSER NAME ~wq:queues")),
                                     HasSubstr("Redis went back to an earlier state")));
  conserves_ = false;
}

TEST_F(Registry, WhoseKeyIsOfAnotherApplicationIsLeftAlone) {
  redis_.call({"SET", kRegistryKey, "theirs", "PX", "3600000"});
  RedisOptions redis = options();
  redis.log = log();
  Producer producer("q", redis);
  producer.push("a");
  EXPECT_EQ(producer.finish().pushed, 1U);
  EXPECT_EQ(redis_.text({"GET", kRegistryKey}), "theirs");
  EXPECT_GT(redis_.integer({"PTTL", kRegistryKey}), 0);
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("belongs to another application")));
  EXPECT_THROW(static_cast<void>(read()), RefusedError);
  Admin("q", redis).purge();
  EXPECT_EQ(redis_.text({"GET", kRegistryKey}), "theirs");
}

TEST_F(Registry, IsWrittenByARedisWithoutMemory) {
  redis_.call({"CONFIG", "SET", "maxmemory", "1"});
  EXPECT_TRUE(internal::register_queue(redis_.connection(), keys_, log()));
  EXPECT_THAT(registered(), ElementsAre("q"));
  EXPECT_THAT(warnings_, IsEmpty());
  redis_.call({"CONFIG", "SET", "maxmemory", "0"});
}

TEST_F(Registry, ThatAUserMayNotReadSaysWhatToGrant) {
  internal::Connection redis(options_without({"resetkeys", "~q", "~q:*"}));
  try {
    static_cast<void>(internal::read_registry(redis));
    ADD_FAILURE() << "it was read";
  } catch (const RefusedError& error) {
    EXPECT_THAT(error.what(), HasSubstr("grant the right: ACL SETUSER NAME ~wq:queues"));
  }
}

TEST_F(Registry, OfTenThousandQueuesIsReadAsAWhole) {
  // More at one time than are read at once, as after an import.
  internal::CommandBuffer out;
  for (std::size_t i = 0; i < 10'000; ++i) {
    out.command({"ZADD", kRegistryKey, std::to_string(i < 7'500 ? i / 2'500 : i),
                 "tenant-" + std::to_string(i)});
  }
  redis_.connection().call(out);
  const std::vector<Registered> queues = read();
  ASSERT_THAT(queues, SizeIs(10'000));
  EXPECT_EQ(queues.front().queue, "tenant-0");
  EXPECT_EQ(queues.back().queue, "tenant-9999");
  EXPECT_EQ(queues.back().registered_ms, 9'999);
}

TEST_F(Registry, OfWhichNothingIsThereHasNoQueues) { EXPECT_THAT(read(), IsEmpty()); }

TEST_F(Registry, PassesOverNamesThatNoQueueHasAndTakesAnyScore) {
  for (const std::string_view name : {"", "q:stats", "q:replay:x"}) add(name, "1");
  add("endless", "inf");
  add("negative", "-5");
  add("round", "1764500000000");
  const std::vector<Registered> queues = read();
  ASSERT_THAT(names_read(), ElementsAre("endless", "negative", "round"));
  EXPECT_EQ(queues[0].registered_ms, 0);
  EXPECT_EQ(queues[1].registered_ms, 0);
  EXPECT_EQ(queues[2].registered_ms, 1'764'500'000'000);
}

TEST_F(Registry, ForgetsOnlyWhatWasNotRegisteredAgain) {
  for (const std::string_view name : {"gone", "again", "not-asked"}) add(name, "1764500000000");
  add("tenth", "1.5");  // no score of wq's
  std::vector<Registered> seen = read();
  std::erase_if(seen, [](const Registered& each) { return each.queue == "not-asked"; });
  internal::register_queue(redis_.connection(), internal::Keys("again"), log());
  internal::forget_queues(redis_.connection(), seen);
  EXPECT_THAT(registered(), UnorderedElementsAre("again", "not-asked", "tenth"));
  internal::forget_queues(redis_.connection(), seen);
  internal::forget_queues(redis_.connection(), {});
  EXPECT_THAT(registered(), SizeIs(3));
}

TEST_F(Registry, ForgetsMoreThanOneCallTakes) {
  std::vector<Registered> gone;
  for (const std::string& name : numbered("gone-", 2'345)) {
    add(name, "7");
    gone.push_back({name, 7});
  }
  add("stays", "7");
  internal::forget_queues(redis_.connection(), gone);
  EXPECT_THAT(registered(), ElementsAre("stays"));
}

TEST_F(Registry, ForgetsAQueueThatIsPurged) {
  push({"a"});
  add("other", "1");
  conserves_ = false;
  Admin("q", options()).purge();
  EXPECT_THAT(registered(), ElementsAre("other"));
  Admin("q", options()).purge();  // and again, without one
  push({"b"});
  EXPECT_THAT(registered(), UnorderedElementsAre("other", "q"));
}

TEST_F(Registry, ThatAnAdminMayNotTouchKeepsNoQueueFromBeingPurged) {
  push({"a"});
  conserves_ = false;
  Admin("q", options_without({"resetkeys", "~q", "~q:*"})).purge();
  EXPECT_THAT(keys_left(), IsEmpty());
  EXPECT_THAT(registered(), ElementsAre("q"));
}

}  // namespace
}  // namespace wq::test
