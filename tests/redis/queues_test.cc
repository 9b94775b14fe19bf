// Which queues there are: list_queues.
#include <chrono>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include <wq/admin.h>
#include <wq/error.h>
#include <wq/queues.h>

#include "support/queue_test.h"

namespace wq::test {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class Queues : public QueueTest {
 protected:
  void push_to(const std::string& queue, const std::vector<std::string>& items) {
    Producer producer(queue, options());
    for (const std::string& item : items) producer.push(item);
    producer.finish();
  }

  [[nodiscard]] RedisOptions options_of(const std::string& user) const {
    RedisOptions redis = options();
    redis.url = "unix://" + user + ":pw@" + server_.socket_path();
    return redis;
  }
};

std::vector<std::string> names(const QueueList& list) {
  std::vector<std::string> all;
  for (const ListedQueue& queue : list.queues) all.push_back(queue.name);
  return all;
}

TEST_F(Queues, AreListedByNameWithTheirCounts) {
  push_to("shards", {"a", "b"});
  push_to("pages:new", {"c"});
  const QueueList list = list_queues(options());
  EXPECT_TRUE(list.complete);
  ASSERT_THAT(names(list), ElementsAre("pages:new", "shards"));
  ASSERT_TRUE(list.queues[1].counts);
  EXPECT_EQ(list.queues[1].counts->ready, 2U);
  EXPECT_EQ(list.queues[1].counts->pushed, 2U);
}

TEST_F(Queues, AreListedAfterTheyAreDrainedAndNotAfterTheyArePurged) {
  push({"a"});
  Queue queue = open_queue();
  ASSERT_THAT(queue.settle({completed(lease_one(queue))}), ElementsAre(Settled::accepted));
  EXPECT_THAT(names(list_queues(options())), ElementsAre("q"));
  Admin(keys_.queue(), options()).purge();
  EXPECT_THAT(list_queues(options()).queues, IsEmpty());
}

TEST_F(Queues, AreThoseThatAPatternMatches) {
  for (const std::string queue : {"shards-1", "shards-2", "pages"}) push_to(queue, {"a"});
  EXPECT_THAT(names(list_queues(options(), {.pattern = "shards-*"})),
              ElementsAre("shards-1", "shards-2"));
  EXPECT_THAT(names(list_queues(options(), {.pattern = "*-[2-9]"})), ElementsAre("shards-2"));
  EXPECT_THAT(names(list_queues(options(), {.pattern = "pages"})), ElementsAre("pages"));
}

TEST_F(Queues, AreFoundAmongManyOtherKeysInSteps) {
  for (int i = 0; i < 5'000; ++i) redis_.call({"SET", "other:" + std::to_string(i), "x"});
  for (const std::string& queue : numbered("many-", 30)) push_to(queue, {"a"});
  redis_.call({"CONFIG", "RESETSTAT"});
  EXPECT_THAT(list_queues(options()).queues, SizeIs(30));
  const Reply calls = redis_.call({"INFO", "commandstats"});
  EXPECT_THAT(std::string(calls.value().text()),
              AllOf(HasSubstr("cmdstat_scan:calls="), Not(HasSubstr("cmdstat_keys"))));
}

TEST_F(Queues, AreNotKeysOfOthersThatLookLikeOurs) {
  redis_.call({"HSET", "cache:stats", "hits", "3"});
  redis_.call({"SET", "text:stats", "x"});
  redis_.call({"HSET", "q:stats:stats", "id", "x"});
  EXPECT_THAT(list_queues(options()).queues, IsEmpty());
}

TEST_F(Queues, ThatOurUserMayNotReadAreListedWithTheReason) {
  push_to("mine-1", {"a"});
  push_to("theirs", {"a"});
  redis_.call({"ACL", "SETUSER", "u", "on", ">pw", "~mine-*", "+@all"});
  const QueueList list = list_queues(options_of("u"));
  ASSERT_THAT(names(list), ElementsAre("mine-1", "theirs"));
  EXPECT_TRUE(list.queues[0].counts);
  EXPECT_FALSE(list.queues[1].counts);
  EXPECT_THAT(list.queues[1].refusal, HasSubstr("NOPERM"));
}

TEST_F(Queues, CannotBeListedWithoutTheRightToScan) {
  redis_.call({"ACL", "SETUSER", "u", "on", ">pw", "~*", "+@all", "-scan"});
  try {
    static_cast<void>(list_queues(options_of("u")));
    FAIL();
  } catch (const RefusedError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("name the queue"), HasSubstr("+scan")));
  }
}

TEST_F(Queues, AreNotAllFoundWhenTheTimeIsOver) {
  // Two hundred steps take longer than that on any machine.
  redis_.call({"EVAL", "for i = 1, 200000 do redis.call('SET', 'other:' .. i, 'x') end", "0"});
  EXPECT_FALSE(list_queues(options(), {.pattern = "*", .longest = 1ms}).complete);
}

TEST_F(Queues, WithAKeyOfAnotherTypeInTheWayAreListedWithTheReason) {
  redis_.call({"HSET", "odd:stats", "id", "x"});
  redis_.call({"SET", "odd", "text"});
  const QueueList list = list_queues(options());
  ASSERT_THAT(names(list), ElementsAre("odd"));
  EXPECT_THAT(list.queues[0].refusal, HasSubstr("WRONGTYPE"));
}

TEST_F(Queues, AreLookedForWithinThePatience) {
  RedisOptions away = options();
  away.url = "unix:///nowhere/socket";
  away.patience = 50ms;
  EXPECT_THROW(static_cast<void>(list_queues(away)), ConnectionError);
}

}  // namespace
}  // namespace wq::test
