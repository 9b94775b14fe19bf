// What a kill leaves of a transaction in the AOF, and that whoever writes has it removed.
#include "queue/torn_aof.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <wq/admin.h>
#include <wq/producer.h>
#include <wq/reclaimer.h>

#include "support/aof.h"
#include "support/eventually.h"
#include "support/queue_test.h"

namespace wq::test {
namespace {

using namespace std::chrono_literals;
using internal::AofMender;
using internal::AofState;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class TornAof : public QueueTest {
 protected:
  TornAof() : QueueTest({"appendonly yes", "appendfsync always", "auto-aof-rewrite-percentage 0"}) {
    redis_.call({"ACL", "SETUSER", "me", "on", "nopass", "~*", "&*", "+@all", "-bgrewriteaof"});
  }

  void restart() {
    server_.kill();
    server_.start_unmended();
    redis_ = RedisClient(options());
  }

  // As if the server had been killed while it wrote a settlement.
  void kill_in_a_settlement() {
    server_.kill();
    const auto files = aof_files(server_.folder().path());
    ASSERT_THAT(files, SizeIs(1));
    const auto transactions = transactions_in(files[0]);
    const auto settlement =
        std::find_if(transactions.begin(), transactions.end(), [](const std::string& each) {
          return each.find("LTRIM") != std::string::npos && each.find("XADD") != std::string::npos;
        });
    ASSERT_NE(settlement, transactions.end());
    append_to_aof(files[0], settlement->substr(0, settlement->find("XADD")));
    EXPECT_TRUE(is_torn(files[0]));
  }

  // Five are completed, ten leased; then a settlement is torn.
  void begin() {
    push(numbered("i", 20));
    Queue queue = open_queue();
    std::vector<Settlement> settlements;
    for (Lease& lease : queue.lease(5, 1min)) {
      settlements.push_back({std::move(lease), Outcome::complete("r")});
    }
    static_cast<void>(queue.settle(std::move(settlements)));
    ASSERT_THAT(queue.lease(10, 1min), SizeIs(10));
    kill_in_a_settlement();
    server_.start_unmended();
    redis_ = RedisClient(options());
    ASSERT_THAT(all(Key::processing), SizeIs(10));
  }

  [[nodiscard]] AofState aof() {
    internal::Info info;
    internal::read_info(redis_.text({"INFO", "persistence"}).value(), info);
    return internal::read_aof(info);
  }
  // Of somebody who may do everything but have the AOF rewritten.
  [[nodiscard]] RedisOptions without_the_right() {
    RedisOptions options = this->options();
    options.url = "unix://me@" + server_.socket_path();
    options.log = [this](LogLevel level, std::string_view text) {
      if (level >= LogLevel::warning) warnings_.emplace_back(text);
    };
    return options;
  }

  std::vector<std::string> warnings_;
};

TEST_F(TornAof, IsCarriedOutAtTheSecondRestartWhereNobodyMayHaveItRewritten) {
  begin();
  redis_.call({"ACL", "SETUSER", "me", "on", "nopass", "~*", "&*", "+@all", "-bgrewriteaof"});
  Producer producer("q", without_the_right());
  producer.push("more");
  producer.finish();
  EXPECT_THAT(warnings_, ElementsAre(AllOf(HasSubstr("BGREWRITEAOF"), HasSubstr("NOPERM"),
                                           HasSubstr("redis-check-aof --fix"))));
  restart();
  // This is the loss. Should Redis have mended it, cuts_whole_transactions wants to know.
  EXPECT_THAT(all(Key::processing), SizeIs(5));
  conserves_ = false;
}

TEST_F(TornAof, IsGoneWhenAProducerHasPushed) {
  begin();
  push({"more"});
  EXPECT_TRUE(aof().rewritten);
  restart();
  EXPECT_THAT(all(Key::processing), SizeIs(10));
  EXPECT_EQ(counts().ready, 6U);
}

TEST_F(TornAof, IsGoneWhenAWorkerHasLeased) {
  begin();
  Queue queue = open_queue();
  static_cast<void>(queue.settle({completed(lease_one(queue))}));
  EXPECT_TRUE(aof().rewritten);
  restart();
  EXPECT_THAT(all(Key::processing), SizeIs(10));
  EXPECT_EQ(counts().completed, 6U);
}

TEST_F(TornAof, IsGoneWhenAReclaimerOrAnOperatorHasChangedSomething) {
  begin();
  Reclaimer("q", options()).run();
  EXPECT_TRUE(eventually([this] { return aof().rewritten; }));
  restart();
  EXPECT_FALSE(aof().rewritten);
  EXPECT_TRUE(Admin("q", options()).pause());
  EXPECT_TRUE(eventually([this] { return aof().rewritten; }));
  restart();
  EXPECT_THAT(all(Key::processing), SizeIs(10));
}

TEST_F(TornAof, IsLeftAloneByWhoOnlyLooks) {
  begin();
  static_cast<void>(open_queue().counts());
  static_cast<void>(Admin("q", options()).list(ItemState::ready, "", 10));
  EXPECT_FALSE(aof().rewriting);
  EXPECT_FALSE(aof().rewritten);
}

TEST_F(TornAof, IsRewrittenOnceForEachStartOfTheServer) {
  const auto rewrites = [this] {
    const std::string info = redis_.text({"INFO", "commandstats"}).value();
    const std::string field = "cmdstat_bgrewriteaof:calls=";
    const std::size_t at = info.find(field);
    return at == std::string::npos ? 0 : std::stoi(info.substr(at + field.size()));
  };
  push({"a"});
  EXPECT_EQ(rewrites(), 1);
  push({"b"});
  Queue queue = open_queue();
  EXPECT_THAT(queue.lease(2, 1min), SizeIs(2));
  redis_.call({"CLIENT", "KILL", "TYPE", "normal"});
  EXPECT_THAT(queue.lease(2, 1min), IsEmpty());
  EXPECT_EQ(rewrites(), 1);
  restart();
  EXPECT_THAT(queue.lease(2, 1min), IsEmpty());
  EXPECT_EQ(rewrites(), 1);  // of this start
}

TEST_F(TornAof, IsWaitedForNoLongerThanAllowed) {
  push(numbered("i", 3));
  for (const std::string& key : numbered("other", 100)) redis_.call({"SET", key, "x"});
  restart();
  redis_.call({"CONFIG", "SET", "rdb-key-save-delay", "1000000"});
  RedisOptions told = without_the_right();
  AofMender mender(told.log);
  internal::Connection connection(options());
  mender.mend(connection, 100ms);
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("is still rewriting")));
  mender.mend(connection);  // not again
  EXPECT_TRUE(aof().rewriting);
}

TEST_F(TornAof, OfAServerThatBeganEmptyIsNoReasonToWarn) {
  Producer producer("q", without_the_right());
  producer.push("a");
  producer.finish();
  EXPECT_THAT(warnings_, IsEmpty());
}

// A rewrite has a file of its own for what follows, so what is torn is not the last one any more.
TEST_F(TornAof, StopsRedisFromStartingOnceWhenTheRewriteIsKilledAsWell) {
  for (const std::string& key : numbered("other", 100)) redis_.call({"SET", key, "x"});
  begin();
  redis_.call({"CONFIG", "SET", "rdb-key-save-delay", "1000000"});
  AofMender mender;
  internal::Connection connection(options());
  mender.ask(connection);
  Queue queue = open_queue();
  EXPECT_TRUE(aof().rewriting);
  restart();
  EXPECT_THAT(server_.log(), HasSubstr("the truncated file is not the last file"));
  EXPECT_THAT(all(Key::processing), SizeIs(10));
}

}  // namespace
}  // namespace wq::test
