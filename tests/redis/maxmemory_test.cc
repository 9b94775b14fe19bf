// A Redis that has no memory left: what must go on does, what adds items waits.
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <wq/error.h>
#include <wq/reclaimer.h>
#include <wq/worker.h>

#include "maintenance/heartbeat.h"
#include "queue/lease_stream.h"
#include "queue/operations.h"
#include "support/eventually.h"
#include "support/queue_test.h"

namespace wq::test {
namespace {

using namespace std::chrono_literals;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class Full : public QueueTest {
 protected:
  void fill() { redis_.call({"CONFIG", "SET", "maxmemory", "1"}); }
  void make_room() { redis_.call({"CONFIG", "SET", "maxmemory", "0"}); }
  void TearDown() override {
    make_room();
    QueueTest::TearDown();
  }
  std::int64_t hold_ends_ms() {
    const auto holds = redis_.list({"ZRANGE", key(Key::producers), "0", "-1", "WITHSCORES"});
    return holds.empty() ? 0 : std::stoll(holds.at(1));
  }

  Queue queue_ = open_queue();
};

TEST_F(Full, RefusesAPlainWrite) {
  fill();
  EXPECT_TRUE(redis_.raw({"SET", "x", "y"}).has_error("OOM"));
  EXPECT_TRUE(redis_.raw({"BRPOPLPUSH", "x", "y", "0.01"}).has_error("OOM"));
}

TEST_F(Full, AQueueDrains) {
  push(numbered("i", 10));
  fill();
  auto leases = queue_.lease(10, 1min);
  ASSERT_THAT(leases, SizeIs(10));
  for (const Lease& lease : leases) EXPECT_TRUE(redis_.exists(lease_key(lease.item)));
  EXPECT_THAT(queue_.settle(all_completed(std::move(leases))), Each(Settled::accepted));
  EXPECT_TRUE(counts().drained());
}

// A healthy connection is kept, so that no settlement is sent twice, whose answer would be unknown.
class FullStream : public Full {
 protected:
  FullStream() {
    RedisOptions redis = options();
    redis.log = [this](LogLevel, std::string_view line) { said_.emplace_back(line); };
    link_.emplace(redis, std::stop_token());
    stream_.emplace(*link_, keys_, "session");
    stream_->set_terms(1min, {});
  }

  // Pops and leases one item.
  Lease take() {
    stream_->post({}, 1);
    static_cast<void>(stream_->take());
    stream_->post({}, 0);
    return stream_->take().leased.at(0);
  }

  std::vector<std::string> said_;
  std::optional<internal::ReconnectingConnection> link_;
  std::optional<internal::LeaseStream> stream_;
};

TEST_F(FullStream, TakesALeaseOnTheSameConnectionWithTheNextRequest) {
  push({"a", "b"});
  stream_->post({}, 2);
  ASSERT_TRUE(stream_->take().popped);
  fill();
  stream_->post({}, 0);
  EXPECT_THAT(stream_->take().leased, IsEmpty());
  EXPECT_EQ(stream_->popped(), 2U);
  ASSERT_TRUE(stream_->has_unasked());
  stream_->post({}, 0);
  EXPECT_THAT(stream_->take().leased, SizeIs(2));
  EXPECT_TRUE(redis_.exists(lease_key("a")));
  EXPECT_EQ(link_->generation(), 1U);
  EXPECT_THAT(said_, ElementsAre(HasSubstr("out of memory (maxmemory)")));
}

TEST_F(FullStream, KnowsWhatBecameOfSettlementsThatWereUnderWay) {
  push({"a", "b", "c"});
  const Lease done = take();
  const Lease lost = take();
  redis_.call({"DEL", lease_key(lost.item)});
  stream_->post({}, 1);
  ASSERT_TRUE(stream_->take().popped);
  fill();
  stream_->post({}, 0);  // is refused the lease
  stream_->post({completed(done), completed(lost)}, 0);
  EXPECT_THAT(stream_->take().leased, IsEmpty());
  EXPECT_THAT(stream_->take().settled, ElementsAre(Settled::accepted, Settled::lost));
  stream_->post({}, 0);
  EXPECT_THAT(stream_->take().leased, SizeIs(1));
  EXPECT_EQ(link_->generation(), 1U);
}

TEST_F(FullStream, AsksTheLongerWayForWhatTwoRequestsWereRefused) {
  push({"a", "b"});
  stream_->post({}, 1);
  ASSERT_TRUE(stream_->take().popped);
  fill();
  stream_->post({}, 1);  // is refused the lease of a, and pops b
  ASSERT_TRUE(stream_->take().popped);
  stream_->post({}, 0);
  EXPECT_THAT(items_of(stream_->take().leased), ElementsAre("a", "b"));
}

TEST_F(FullStream, DropsAnEqualItemThatIsHeld) {
  push({"same", "same"});
  static_cast<void>(take());
  stream_->post({}, 1);
  ASSERT_TRUE(stream_->take().popped);
  fill();
  stream_->post({}, 0);
  static_cast<void>(stream_->take());
  stream_->post({}, 0);
  EXPECT_THAT(stream_->take().leased, IsEmpty());
  EXPECT_FALSE(stream_->has_unasked());
}

TEST_F(Full, EverySettlementIsAccepted) {
  push(numbered("i", 5));
  fill();
  const auto leases = queue_.lease(5, 1min);
  ASSERT_THAT(leases, SizeIs(5));
  Outcome with_all = Outcome::complete("result");
  with_all.follow_ups = {"more"};
  EXPECT_THAT(queue_.settle({{leases[0], with_all},
                             {leases[1], Outcome::fail("no")},
                             {leases[2], Outcome::fatal("no")},
                             {leases[3], Outcome::release(0ms)},
                             {leases[4], Outcome::release(1min)}}),
              Each(Settled::accepted));
  const Counts now = counts();
  EXPECT_EQ(now.completed, 1U);
  EXPECT_EQ(now.delayed, 2U);
  EXPECT_EQ(now.dead, 1U);
  EXPECT_EQ(now.ready, 2U);
}

TEST_F(Full, LeasesAreRenewed) {
  push({"a"});
  fill();
  const auto leases = queue_.lease(1, 1min);
  end_lease("a");
  EXPECT_THAT(queue_.renew(leases, 1min), ElementsAre(true));
}

TEST_F(Full, AnEqualItemIsStillDropped) {
  push({"same", "same"});
  fill();
  EXPECT_THAT(queue_.lease(2, 1min), SizeIs(1));
}

TEST_F(Full, TheReclaimerHandsBackPromotesAndSweeps) {
  push(numbered("i", 4));
  ASSERT_THAT(queue_.lease(1, 1min), SizeIs(1));  // i0
  end_lease("i0");
  redis_.call({"RPOPLPUSH", key(Key::ready), key(Key::processing)});  // i1
  redis_.call({"LREM", key(Key::ready), "1", "i2"});
  redis_.call({"ZADD", key(Key::delayed), "1", "i2"});
  redis_.call({"ZADD", key(Key::producers), "1", "gone"});
  fill();
  Reclaimer reclaimer("q", options());
  const TimePoint begin = BootClock::now();
  ReclaimReport report;
  for (const auto time : {0s, 3s, 60s, 60s}) report += reclaimer.pass(begin + time);
  EXPECT_EQ(report.reclaimed, 1U);
  EXPECT_EQ(report.returned, 1U);
  EXPECT_EQ(report.promoted, 1U);
  EXPECT_EQ(report.holds, 1U);
  EXPECT_EQ(counts().ready, 4U);
}

TEST_F(Full, TheReclaimerCutsWhatAClockThatWentBackHasLeft) {
  push({"a", "b"});
  ASSERT_THAT(queue_.lease(1, 1min), SizeIs(1));
  redis_.call({"PERSIST", lease_key("a")});
  redis_.call({"LREM", key(Key::ready), "1", "b"});
  redis_.call({"ZADD", key(Key::delayed), "99999999999999", "b"});
  redis_.call({"ZADD", key(Key::producers), "99999999999999", "s"});
  fill();
  RedisOptions options = this->options();
  options.patience = 1s;
  Reclaimer reclaimer("q", options);
  EXPECT_NO_THROW(reclaimer.pass());
  EXPECT_GT(redis_.integer({"PTTL", lease_key("a")}), 0);
  EXPECT_LT(std::stoll(redis_.text({"ZSCORE", key(Key::delayed), "b"}).value_or("")),
            99'999'999'999'999);
  EXPECT_LT(hold_ends_ms(), 99'999'999'999'999);
}

TEST_F(Full, TheReclaimerCountsForeignLeases) {
  push({"a"});
  redis_.call({"RPOPLPUSH", key(Key::ready), key(Key::processing)});
  redis_.call({"SET", lease_key("a"), "a-uuid", "EX", "60"});
  fill();
  Reclaimer reclaimer("q", options());
  EXPECT_EQ(reclaimer.pass().foreign, 1U);
  EXPECT_EQ(counts().foreign, 1U);
}

TEST_F(Full, AWorkerShowsThatItLivesAndIsElected) {
  fill();
  internal::ReconnectingConnection link(options(), {});
  internal::Heartbeat heartbeat(link, keys_, "s");
  EXPECT_TRUE(heartbeat.beat({.label = "label", .host = "host", .pid = 1, .slots = 1}));
  EXPECT_TRUE(redis_.exists(key(Key::workers)));
  EXPECT_EQ(redis_.text({"GET", key(Key::reclaimer)}), "s");
}

TEST_F(Full, AWorkerThatWaitsFindsWhatComesBackToTheQueue) {
  push({"a"});
  fill();
  WorkerOptions worker;
  worker.lease = 400ms;
  worker.retry.backoff_base = worker.retry.backoff_max = 100ms;
  const WorkerReport report =
      Worker("q", options(), worker, [](const Job& job) {
        return job.lease.failures == 0 ? Outcome::fail("not yet") : Outcome::complete();
      }).run();
  EXPECT_EQ(report.end, WorkerEnd::drained);
  EXPECT_EQ(report.completed, 1U);
}

TEST_F(Full, AQueueIsOpenedAndHeldOpenAndNothingIsPushedUntilThereIsRoom) {
  fill();
  Producer producer("q", options());
  producer.push("a");
  producer.flush();
  EXPECT_EQ(counts().producers, 1U);
  EXPECT_EQ(counts().ready, 0U);
  make_room();
  EXPECT_EQ(producer.finish().pushed, 1U);
  EXPECT_EQ(counts().pushed, 1U);
}

TEST_F(Full, AProducerKeepsItsHoldWhileItWaitsForRoom) {
  Producer producer("q", options(), {.hold = 2s});
  fill();
  producer.push("a");
  std::thread finisher([&producer] { static_cast<void>(producer.finish()); });
  // Its hold is what it was when it began to wait, and must grow.
  const std::int64_t first_ms = hold_ends_ms();
  EXPECT_TRUE(eventually([&] { return hold_ends_ms() > first_ms + 500; }, 10s));
  make_room();
  finisher.join();
  EXPECT_EQ(counts().pushed, 1U);
}

TEST_F(Full, AProducerGivesUpWhenThereIsNoRoomForTooLong) {
  RedisOptions options = this->options();
  options.patience = 200ms;
  fill();
  Producer producer("q", options);
  producer.push("a");
  EXPECT_THROW(static_cast<void>(producer.finish()), ConnectionError);
  EXPECT_EQ(counts().pushed, 0U);
}

}  // namespace
}  // namespace wq::test
