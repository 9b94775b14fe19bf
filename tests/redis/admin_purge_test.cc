// Purging a queue, also one that is in use.
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>

#include <wq/admin.h>
#include <wq/error.h>
#include <wq/worker.h>

#include "support/eventually.h"
#include "support/fault_proxy.h"
#include "support/queue_test.h"
#include "support/wait_for_stop.h"

namespace wq::test {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

class Purge : public QueueTest {
 protected:
  Purge() { conserves_ = false; }

  Admin admin_{"q", options()};
};

TEST_F(Purge, RemovesEverythingButTheFenceAndWhatIsOfOthers) {
  push(numbered("", 5), {.once = true});
  Queue queue = open_queue();
  std::vector<Lease> leases = queue.lease(4, 1min);
  Outcome with_result = Outcome::complete("done");
  static_cast<void>(queue.settle({{leases[0], with_result}, {leases[1], Outcome::fatal("x")}}));
  redis_.call({"SET", "q:leased_by_session:stray", "0123456789abcdef#1"});
  redis_.call({"SET", "q2:leased_by_session:x", "1"});
  redis_.call({"SET", "other", "1"});
  admin_.pause();

  const PurgeReport report = admin_.purge();
  EXPECT_EQ(report.counts.ready, 1U);
  EXPECT_EQ(report.counts.processing, 2U);
  EXPECT_EQ(report.counts.dead, 1U);
  EXPECT_EQ(report.results, 1U);
  EXPECT_EQ(report.leases, 3U);
  std::vector<std::string> left = redis_.list({"KEYS", "*"});
  std::sort(left.begin(), left.end());
  EXPECT_THAT(left, ElementsAre("other", "q2:leased_by_session:x", "q:fence"));
  EXPECT_EQ(queue.settle({completed(leases[2])}).front(), Settled::lost);
  EXPECT_EQ(admin_.purge().keys, 0U);
}

TEST_F(Purge, OfAQueueWhoseNameIsAPatternRemovesNothingElse) {
  redis_.call({"SET", "qx:leased_by_session:a", "0123456789abcdef#1"});
  Admin star("q*", options());
  redis_.call({"LPUSH", "q*", "a"});
  EXPECT_EQ(star.purge().keys, 1U);
  EXPECT_TRUE(redis_.exists("qx:leased_by_session:a"));
}

class PurgeUnlessInUse : public Purge {
 protected:
  void expect_refused() {
    const std::vector<std::string> before = everything();
    InUse in_use;
    EXPECT_FALSE(admin_.purge_unless_in_use(in_use));
    EXPECT_FALSE(in_use.none());
    EXPECT_EQ(everything(), before);
    last_ = in_use;
  }

  void say_of_worker(const std::string& session, std::chrono::milliseconds silent) {
    const std::int64_t seen = redis_.call({"TIME"}).value().time_ms() - silent.count();
    redis_.call({"HSET", key(Key::workers), session,
                 R"({"label":"w","slots":1,"seen_ms":)" + std::to_string(seen) + "}"});
  }

  InUse last_;
};

TEST_F(PurgeUnlessInUse, RemovesAQueueThatNobodyIsAt) {
  push(numbered("", 3));
  InUse in_use;
  const auto report = admin_.purge_unless_in_use(in_use);
  ASSERT_TRUE(report);
  EXPECT_TRUE(in_use.none());
  EXPECT_EQ(report->counts.ready, 3U);
  EXPECT_FALSE(redis_.exists(key(Key::stats)));
}

TEST_F(PurgeUnlessInUse, IsRefusedWhileAProducerHoldsTheQueueOpen) {
  push({"a"});
  Producer producer("q", options());
  expect_refused();
  EXPECT_EQ(last_.producers, 1U);
}

TEST_F(PurgeUnlessInUse, DoesNotWaitForAProducerWhoseHoldHasEnded) {
  push({"a"});
  redis_.call({"ZADD", key(Key::producers), "1000", "0123456789abcdef"});
  InUse in_use;
  EXPECT_TRUE(admin_.purge_unless_in_use(in_use));
}

TEST_F(PurgeUnlessInUse, IsRefusedWhileAWorkerIsHeardOf) {
  push({"a"});
  say_of_worker("0123456789abcdef", 0s);
  expect_refused();
  EXPECT_EQ(last_.workers, 1U);
}

TEST_F(PurgeUnlessInUse, IsRefusedWhileSomebodyUnknownHasALease) {
  push({"a"});
  Queue queue = open_queue();
  static_cast<void>(lease_one(queue));
  expect_refused();
  EXPECT_EQ(last_.leased, 1U);
  redis_.call({"SET", lease_key("a"), "a-session-of-redis-wq", "EX", "7200"});
  expect_refused();
  EXPECT_EQ(last_.leased, 1U);
}

TEST_F(PurgeUnlessInUse, DoesNotWaitForTheLeaseOfAWorkerThatIsDead) {
  push({"a"});
  Queue queue = open_queue();
  static_cast<void>(lease_one(queue));
  say_of_worker(queue.session(), 11s);
  InUse in_use;
  EXPECT_TRUE(admin_.purge_unless_in_use(in_use));
}

TEST_F(PurgeUnlessInUse, SeesAProducerThatBeginsAfterTheLook) {
  push({"a"});
  FaultProxy proxy(server_);
  std::unique_ptr<Producer> late;
  proxy.watch([&](std::string_view bytes) {
    const bool removes = bytes.find(internal::scripts::purge.sha1) != std::string_view::npos;
    if (removes && late == nullptr) late = std::make_unique<Producer>("q", options());
  });
  Admin through_proxy("q", proxy.options());
  InUse in_use;
  EXPECT_FALSE(through_proxy.purge_unless_in_use(in_use));
  EXPECT_EQ(in_use.producers, 1U);
  EXPECT_EQ(counts().ready, 1U);
  late->push("b");
  EXPECT_EQ(late->finish().pushed, 1U);
}

TEST_F(Purge, LeavesAloneLeasesThatWereTakenAfterIt) {
  push({"a"});
  Queue queue = open_queue();
  static_cast<void>(lease_one(queue));
  const std::int64_t fence = redis_.integer({"GET", key(Key::fence)});
  static_cast<void>(admin_.purge());
  push({"a"});
  const Lease later = lease_one(queue);
  EXPECT_GT(later.fence, static_cast<std::uint64_t>(fence));
  // As a purge does that is still at it.
  EXPECT_EQ(script(internal::scripts::purge_leases, {lease_key("a")}, {std::to_string(fence)})
                .value()
                .integer(),
            0);
  EXPECT_EQ(queue.settle({completed(later)}).front(), Settled::accepted);
}

TEST_F(Purge, EndsWorkersAndProducersThatAreAtIt) {
  Producer producer("q", options());
  for (const std::string& item : numbered("", 100)) producer.push(item);
  producer.flush();
  ASSERT_TRUE(eventually([&] { return counts().pushed == 100; }));
  WorkerOptions short_lease;
  short_lease.lease = 1s;
  Worker worker("q", options(), short_lease, [](const Job& job) {
    if (job.item == "0") wait_for_stop(job.stop);
    return Outcome::complete();
  });
  std::string said;
  std::jthread runs([&] {
    try {
      static_cast<void>(worker.run());
    } catch (const ProtocolError& error) {
      said = error.what();
    }
  });
  ASSERT_TRUE(eventually([&] { return counts().processing > 0; }));
  static_cast<void>(admin_.purge());
  EXPECT_THROW(
      {
        producer.push("more");
        static_cast<void>(producer.finish());
      },
      ProtocolError);
  runs.join();
  EXPECT_THAT(said, ::testing::HasSubstr("purged"));
  EXPECT_EQ(counts().ready, 0U);
}

TEST_F(Purge, ReachesAWorkerBetweenItsPopAndItsLeases) {
  push({"a"});
  FaultProxy proxy(server_);
  bool once = false;
  proxy.watch([&](std::string_view bytes) {
    const bool leases = bytes.find("q:leased_by_session:") != std::string_view::npos;
    if (leases && !std::exchange(once, true)) static_cast<void>(admin_.purge());
  });
  Worker worker("q", proxy.options(), {}, [](const Job& job) {
    wait_for_stop(job.stop);
    return Outcome::complete();
  });
  EXPECT_THROW(static_cast<void>(worker.run()), ProtocolError);
  EXPECT_FALSE(redis_.exists(key(Key::workers)));
}

TEST_F(Purge, ReachesAProducerThatPushesNothingAtTheMoment) {
  Producer idle("q", options(), {.hold = 1s});
  static_cast<void>(admin_.purge());
  push({"a"});
  EXPECT_TRUE(eventually([&] {  // its sign of life tells it
    try {
      idle.flush();
      return false;
    } catch (const ProtocolError&) {
      return true;
    }
  }));
  EXPECT_EQ(counts().producers, 0U);
}

TEST_F(Purge, MissesNoProducerThatBeginsMeanwhile) {
  FaultProxy proxy(server_);
  const Producer first("q", options());
  std::unique_ptr<Producer> second;
  proxy.watch([&](std::string_view bytes) {  // between two steps of the purge
    if (!second && bytes.find(internal::scripts::purge.sha1) != std::string_view::npos) {
      second = std::make_unique<Producer>("q", options());
    }
  });
  static_cast<void>(Admin("q", proxy.options()).purge());
  proxy.watch({});
  ASSERT_TRUE(second);
  second->push("late");
  EXPECT_THROW(static_cast<void>(second->finish()), ProtocolError);
  EXPECT_EQ(counts().ready, 0U);
}

TEST_F(Purge, ReachesAProducerWhoseHoldHasGone) {
  Producer producer("q", options());
  push({"a"});
  redis_.call({"DEL", key(Key::producers)});
  static_cast<void>(admin_.purge());
  producer.push("late");
  EXPECT_THROW(static_cast<void>(producer.finish()), ProtocolError);
}

TEST_F(Purge, CountsWhatItRemovesAsItRemovesIt) {
  push({"a"});
  FaultProxy proxy(server_);
  bool once = false;
  proxy.watch([&](std::string_view bytes) {
    const bool removes = bytes.find(internal::scripts::purge.sha1) != std::string_view::npos;
    if (removes && !std::exchange(once, true)) push({"b", "c"});
  });
  EXPECT_EQ(Admin("q", proxy.options()).purge().counts.ready, 3U);
}

TEST_F(Purge, OfAMillionItemsDoesNotHoldRedisUp) {
  redis_.call({"EVAL",
               "for i = 1, 1000 do local t = {} for k = 1, 1000 do t[k] = i * 1000 + k end "
               "redis.call('LPUSH', KEYS[1], unpack(t)) end",
               "1", "q"});
  redis_.call({"CONFIG", "SET", "slowlog-log-slower-than", "100000"});
  redis_.call({"SLOWLOG", "RESET"});
  EXPECT_EQ(admin_.purge().counts.ready, 1'000'000U);
  EXPECT_EQ(redis_.integer({"SLOWLOG", "LEN"}), 0);
}

}  // namespace
}  // namespace wq::test
