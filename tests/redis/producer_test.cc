// wq::Producer.
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <wq/error.h>
#include <wq/producer.h>
#include <wq/reclaimer.h>

#include "support/eventually.h"
#include "support/fault_proxy.h"
#include "support/queue_test.h"

namespace wq::test {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Producing : public QueueTest {
 protected:
  explicit Producing(const std::vector<std::string>& config = {}) : QueueTest(config) {}

  [[nodiscard]] std::string in_ready(std::size_t i) { return all(Key::ready).at(i); }
  void drain() {
    push({"x"});
    Queue queue = open_queue();
    static_cast<void>(queue.settle({completed(lease_one(queue))}));
    ASSERT_TRUE(counts().drained());
  }
  void lose_hold() { redis_.call({"DEL", key(Key::producers)}); }
};

TEST_F(Producing, PushesEverythingInOrderAndGivesUpItsHold) {
  Producer producer("q", options());
  for (const std::string& item : numbered("i", 2'500)) producer.push(item);
  EXPECT_EQ(counts().producers, 1U);
  const PushReport report = producer.finish();
  EXPECT_EQ(report.pushed, 2'500U);
  EXPECT_EQ(report.skipped, 0U);
  EXPECT_EQ(report.unknown, 0U);
  const Counts end = counts();
  EXPECT_EQ(end.ready, 2'500U);
  EXPECT_EQ(end.pushed, 2'500U);
  EXPECT_EQ(end.producers, 0U);
  EXPECT_EQ(in_ready(0), "i2499");
  EXPECT_EQ(in_ready(2'499), "i0");
  EXPECT_THAT(redis_.list({"KEYS", "q:replay:*"}), IsEmpty());
}

TEST_F(Producing, FinishingWithoutItemsBeginsNoQueue) {
  Producer producer("q", options());
  EXPECT_EQ(producer.finish().pushed, 0U);
  EXPECT_THAT(counts().id, IsEmpty());
}

TEST_F(Producing, FlushSendsWhatIsBuffered) {
  Producer producer("q", options());
  producer.push("a");
  EXPECT_EQ(counts().ready, 0U);
  producer.flush();
  producer.flush();
  EXPECT_TRUE(eventually([this] { return counts().ready == 1; }));
}

TEST_F(Producing, NothingCanBePushedAfterwards) {
  Producer producer("q", options());
  static_cast<void>(producer.finish());
  EXPECT_THROW(producer.push("a"), std::logic_error);
  EXPECT_THROW(producer.flush(), std::logic_error);
  EXPECT_THROW(static_cast<void>(producer.finish()), std::logic_error);
}

TEST_F(Producing, WhatWasNotFinishedIsDroppedAndTheHoldGivenUp) {
  {
    Producer producer("q", options());
    producer.push("a");
    producer.flush();
    producer.push("buffered");
  }
  EXPECT_THAT(all(Key::ready), ElementsAre("a"));
  EXPECT_EQ(counts().producers, 0U);
}

TEST_F(Producing, SkipsWhatWasEverPushedOnce) {
  push({"a", "b"}, {.once = true});
  Producer producer("q", options(), {.once = true});
  for (const char* item : {"b", "c", "c"}) producer.push(item);
  const PushReport report = producer.finish();
  EXPECT_EQ(report.pushed, 1U);
  EXPECT_EQ(report.skipped, 2U);
  EXPECT_EQ(counts().ready, 3U);
}

TEST_F(Producing, PushesItemsWithDelaysAndOnceKeysOfTheirOwn) {
  Producer producer("q", options());
  const std::vector<PushItem> items = {{.item = "plain"},
                                       {.item = "later", .delay = 1h},
                                       {.item = "first", .once_key = "k"},
                                       {.item = "second", .once_key = "k"},
                                       {.item = "later once", .delay = 2h, .once_key = ""}};
  producer.push(items);
  producer.push("end");
  const PushReport report = producer.finish();
  EXPECT_EQ(report.pushed, 5U);
  EXPECT_EQ(report.skipped, 1U);
  EXPECT_THAT(all(Key::ready), ElementsAre("end", "first", "plain"));
  EXPECT_THAT(all(Key::delayed), ElementsAre("later", "later once"));
}

TEST_F(Producing, WithOnceAnItemWithoutAKeyOfItsOwnIsItsKey) {
  push({"a"}, {.once = true});
  Producer producer("q", options(), {.once = true});
  const std::vector<PushItem> items = {{.item = "a"}, {.item = "a", .once_key = "other"}};
  producer.push(items);
  const PushReport report = producer.finish();
  EXPECT_EQ(report.pushed, 1U);
  EXPECT_EQ(report.skipped, 1U);
}

TEST_F(Producing, PushesManyDelayedItemsInTheirBatches) {
  Producer producer("q", options());
  const auto names = numbered("i", 2'500);
  for (const std::string& name : names) {
    const PushItem item{.item = name, .delay = 1h};
    producer.push({&item, 1});
  }
  EXPECT_EQ(producer.finish().pushed, 2'500U);
  EXPECT_EQ(counts().delayed, 2'500U);
  EXPECT_EQ(counts().ready, 0U);
}

TEST_F(Producing, RefusesADelayThatIsNoneAndGoesOn) {
  Producer producer("q", options());
  for (const auto delay : {std::chrono::milliseconds{-1}, std::chrono::milliseconds{24h} + 1ms}) {
    const std::vector<PushItem> items = {{.item = "before"}, {.item = "bad", .delay = delay}};
    EXPECT_THROW(producer.push(items), std::invalid_argument);
  }
  EXPECT_EQ(producer.finish().pushed, 2U);
  EXPECT_THAT(all(Key::ready), ElementsAre("before", "before"));
}

TEST_F(Producing, ConfirmsWhatIsInTheQueueAndGoesOn) {
  Producer producer("q", options());
  producer.push("a");
  EXPECT_EQ(producer.confirm().pushed, 1U);
  EXPECT_THAT(all(Key::ready), ElementsAre("a"));
  EXPECT_EQ(producer.confirm().pushed, 1U);
  producer.push("b");
  EXPECT_EQ(producer.finish().pushed, 2U);
}

TEST_F(Producing, RefusesToBeginOnADrainedQueueWhenAsked) {
  drain();
  EXPECT_THROW(Producer("q", options(), {.unless_drained = true}), DrainedError);
  EXPECT_NO_THROW(Producer("q", options()));
}

TEST_F(Producing, RefusesAHoldThatIsTooShortOrTooLong) {
  EXPECT_THROW(Producer("q", options(), {.hold = 999ms}), std::invalid_argument);
  EXPECT_THROW(Producer("q", options(), {.hold = 61min}), std::invalid_argument);
}

TEST_F(Producing, RefusesABadName) {
  EXPECT_THROW(Producer("", options()), std::invalid_argument);
  EXPECT_THROW(Producer("q:dead", options()), std::invalid_argument);
}

TEST_F(Producing, HoldsTheQueueOpenWhileNothingIsPushed) {
  Producer producer("q", options(), {.hold = 1s});
  redis_.call({"ZADD", key(Key::producers), "5",
               redis_.list({"ZRANGE", key(Key::producers), "0", "-1"}).at(0)});
  EXPECT_TRUE(eventually([this] {
    return std::stoll(redis_.list({"ZRANGE", key(Key::producers), "0", "-1", "WITHSCORES"}).at(1)) >
           redis_.time_ms();
  }));
}

TEST_F(Producing, LearnsAtTheNextPushThatItsHoldWasLostWhileItWasIdle) {
  drain();
  Producer producer("q", options(), {.hold = 1s});
  lose_hold();
  EXPECT_TRUE(eventually([&] {
    try {
      producer.flush();
    } catch (const DrainedError&) {
      return true;
    }
    return false;
  }));
  EXPECT_TRUE(counts().drained());
}

TEST_F(Producing, LearnsThatItsHoldWasLostAndEndsAtOnce) {
  drain();
  const auto begin = std::chrono::steady_clock::now();
  {
    Producer producer("q", options());
    lose_hold();
    for (const std::string& item : numbered("i", 2'000)) producer.push(item);  // two batches
    EXPECT_THROW(static_cast<void>(producer.finish()), DrainedError);
    EXPECT_THROW(static_cast<void>(producer.finish()), DrainedError);  // and goes on saying so
    EXPECT_EQ(producer.report().pushed, 0U);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
  EXPECT_TRUE(counts().drained());
}

TEST_F(Producing, IsThreadSafe) {
  Producer producer("q", options());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&producer, t] {
      for (int i = 0; i < 2'000; ++i) {
        producer.push("t" + std::to_string(t) + "i" + std::to_string(i));
        if (i % 500 == 0) producer.flush();
        static_cast<void>(producer.report());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(producer.finish().pushed, 8'000U);
  EXPECT_EQ(counts().ready, 8'000U);
}

TEST_F(Producing, APushWhoseAnswerIsLostIsInExactlyOnce) {
  FaultProxy proxy(server_);
  Producer producer("q", proxy.options());
  proxy.lose_answer_to(internal::scripts::push.sha1);
  for (const std::string& item : numbered("i", 100)) producer.push(item);
  EXPECT_EQ(producer.finish().pushed, 100U);
  EXPECT_EQ(proxy.faults(), 1U);
  EXPECT_EQ(counts().ready, 100U);
  EXPECT_EQ(counts().pushed, 100U);
}

TEST_F(Producing, APushThatIsLostOnTheWayIsInExactlyOnce) {
  FaultProxy proxy(server_);
  Producer producer("q", proxy.options());
  proxy.lose_request(internal::scripts::push.sha1);
  for (const std::string& item : numbered("i", 3'000)) producer.push(item);
  EXPECT_EQ(producer.finish().pushed, 3'000U);
  EXPECT_EQ(proxy.faults(), 1U);
  EXPECT_EQ(counts().ready, 3'000U);
}

TEST_F(Producing, APushThatIsCutInTheMiddleIsInExactlyOnce) {
  FaultProxy proxy(server_);
  Producer producer("q", proxy.options());
  proxy.lose_request("RENAMENX");
  // So much that Redis has seen the first part when the last is lost.
  for (int i = 0; i < 800; ++i) producer.push(std::to_string(i) + std::string(1'000, 'x'));
  EXPECT_EQ(producer.finish().pushed, 800U);
  EXPECT_EQ(proxy.faults(), 1U);
  EXPECT_EQ(counts().ready, 800U);
}

TEST_F(Producing, APushThatArrivesLateIsInExactlyOnce) {
  for (const std::size_t n : {1U, 100U}) {
    FaultProxy proxy(server_);
    Producer producer("q", proxy.options());
    proxy.delay_request(internal::scripts::push.sha1);
    const Counts before = counts();
    for (const std::string& item : numbered("a", n)) producer.push(item);
    producer.flush();
    ASSERT_TRUE(eventually([&] { return proxy.faults() == 1; }));
    producer.push("b");
    producer.flush();
    EXPECT_EQ(producer.finish().pushed, n + 1);
    proxy.deliver();
    EXPECT_EQ(counts().ready, before.ready + n + 1);
    EXPECT_EQ(counts().pushed, before.pushed + n + 1);
  }
}

TEST_F(Producing, AnOpenWhoseAnswerIsLostTakesOneHold) {
  FaultProxy proxy(server_);
  proxy.lose_answer_to(internal::scripts::open.sha1);
  Producer producer("q", proxy.options(), {.unless_drained = true});
  EXPECT_EQ(proxy.faults(), 1U);
  EXPECT_EQ(counts().producers, 1U);
}

TEST_F(Producing, ACloseWhoseAnswerIsLostIsRepeated) {
  FaultProxy proxy(server_);
  Producer producer("q", proxy.options());
  producer.push("a");
  proxy.lose_answer_to(internal::scripts::close.sha1);
  EXPECT_EQ(producer.finish().pushed, 1U);
  EXPECT_EQ(counts().producers, 0U);
}

TEST_F(Producing, AfterADataLossBetweenTwoPushesWhatWasConfirmedIsPushedAgain) {
  Producer producer("q", options());
  producer.push("a");
  producer.flush();
  ASSERT_TRUE(eventually([this] { return counts().ready == 1; }));
  redis_.call({"FLUSHALL"});
  producer.push("b");
  const PushReport report = producer.finish();
  EXPECT_EQ(report.pushed, 2U);
  EXPECT_EQ(report.unknown, 0U);
  EXPECT_EQ(report.recovered, 1U);
  EXPECT_EQ(report.lost, 0U);
  EXPECT_THAT(all(Key::ready), ElementsAre("b", "a"));
  EXPECT_EQ(counts().producers, 0U);
}

TEST_F(Producing, APushInDoubtWhenTheDataIsLostIsPushedAgain) {
  FaultProxy proxy(server_);
  Producer producer("q", proxy.options());
  proxy.lose_request(internal::scripts::push.sha1);
  producer.push("a");
  producer.flush();
  ASSERT_TRUE(eventually([&] { return proxy.faults() == 1; }));
  server_.kill();
  server_.start();  // without its data
  const PushReport report = producer.finish();
  EXPECT_EQ(report.unknown, 0U);
  EXPECT_EQ(report.pushed, 1U);
  EXPECT_EQ(report.recovered, 0U) << "it was not confirmed";
  EXPECT_EQ(counts().producers, 0U);
  EXPECT_EQ(counts().ready, 1U);
}

// Redis may evict the session and keep what was pushed in it.
TEST_F(Producing, APushInDoubtIsUnknownIfOnlyTheSessionIsGone) {
  FaultProxy proxy(server_);
  Producer producer("q", proxy.options());
  proxy.lose_answer_to(internal::scripts::push.sha1);
  producer.push("a");
  producer.flush();
  ASSERT_TRUE(eventually([&] { return proxy.faults() == 1; }));
  for (const std::string& replay : redis_.list({"KEYS", "q:replay:*"}))
    redis_.call({"DEL", replay});
  const PushReport report = producer.finish();
  EXPECT_EQ(report.unknown, 1U);
  EXPECT_EQ(report.pushed, 0U);
  EXPECT_THAT(all(Key::ready), ElementsAre("a"));
}

TEST_F(Producing, APushInDoubtIsRepeatedIfAllItsItemsHaveOnceKeys) {
  FaultProxy proxy(server_);
  Producer producer("q", proxy.options(), {.once = true});
  proxy.lose_answer_to(internal::scripts::push.sha1);
  producer.push("a");
  producer.push("b");
  producer.flush();
  ASSERT_TRUE(eventually([&] { return proxy.faults() == 1; }));
  // The session is gone, and what was pushed in it is not.
  for (const std::string& replay : redis_.list({"KEYS", "q:replay:*"}))
    redis_.call({"DEL", replay});
  const PushReport report = producer.finish();
  EXPECT_EQ(report.unknown, 0U);
  EXPECT_EQ(report.pushed + report.skipped, 2U);
  EXPECT_THAT(all(Key::ready), ElementsAre("b", "a"));
}

TEST_F(Producing, AHoldOfAForgottenSessionIsNotLeftBehind) {
  Producer producer("q", options(), {.hold = 1s});
  redis_.call({"FLUSHALL"});
  // Its sign of life holds the queue again before it notices.
  ASSERT_TRUE(eventually([this] { return counts().producers == 1; }));
  producer.push("a");
  static_cast<void>(producer.finish());
  EXPECT_EQ(counts().producers, 0U);
}

TEST_F(Producing, ScriptFlushInTheMiddleIsNotNoticed) {
  Producer producer("q", options());
  std::size_t pushed = 0;
  for (const std::size_t n : {1U, 1U, 100U, 100U, 1U}) {
    for (std::size_t i = 0; i < n; ++i) producer.push("i" + std::to_string(pushed++));
    redis_.call({"SCRIPT", "FLUSH"});
    producer.flush();
  }
  EXPECT_EQ(producer.finish().pushed, pushed);
  EXPECT_EQ(counts().ready, pushed);
}

TEST_F(Producing, EndsAtOnceWhenRedisIsAway) {
  std::atomic<bool> away{false};
  RedisOptions options = this->options();
  options.log = [&away](LogLevel, std::string_view) { away = true; };
  auto producer = std::make_unique<Producer>("q", options, ProducerOptions{.hold = 1s});
  server_.kill();
  ASSERT_TRUE(eventually([&] { return away.load(); }));
  const auto begin = std::chrono::steady_clock::now();
  producer.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
  conserves_ = false;
}

TEST_F(Producing, GivesUpWhenStopped) {
  server_.kill();
  std::stop_source stop;
  std::thread stopper([&stop] { stop.request_stop(); });
  EXPECT_THROW(Producer("q", options(), {}, stop.get_token()), ConnectionError);
  stopper.join();
  conserves_ = false;
}

TEST_F(Producing, ADeadProducersHoldIsDroppedOnlyAfterItWasSeenExpiredForItsLength) {
  push({"x"});
  Queue queue = open_queue();
  static_cast<void>(queue.settle({completed(lease_one(queue))}));
  Producer producer("q", options(), {.hold = 1h});  // stands for one that is dead
  const std::string session = redis_.list({"ZRANGE", key(Key::producers), "0", "-1"}).at(0);
  redis_.call({"ZADD", key(Key::producers), "5", session});
  Reclaimer reclaimer("q", options());
  const TimePoint begin = BootClock::now();
  reclaimer.pass(begin);
  reclaimer.pass(begin + 1h - 1ms);
  EXPECT_FALSE(counts().drained());
  reclaimer.pass(begin + 1h);
  EXPECT_EQ(reclaimer.pass(begin + 1h).holds, 1U);
  EXPECT_TRUE(counts().drained());
}

class EvictingServer : public Producing {
 protected:
  EvictingServer() : Producing({"maxmemory-policy allkeys-lru"}) {}
};

TEST_F(EvictingServer, IsNotPushedToUnlessAllowed) {
  try {
    Producer producer("q", options());
    ADD_FAILURE() << "it was";
  } catch (const RefusedError& error) {
    EXPECT_THAT(error.what(), HasSubstr("allkeys-lru"));
  }
  push({"a"}, {.allow_eviction = true});
  EXPECT_EQ(counts().ready, 1U);
}

// A server that starts again with what it had when it saved last, as a replica that lacked the last
// writes takes over.
class WentBack : public Producing {
 protected:
  void save() { redis_.call({"SAVE"}); }
  void go_back() {
    server_.kill();
    server_.start();
    redis_ = RedisClient(options());
  }
  // Confirmed.
  static void add(Producer& producer, const std::vector<std::string>& items) {
    for (const std::string& item : items) producer.push(item);
    producer.confirm();
  }
};

TEST_F(WentBack, WhatWasConfirmedIsPushedAgainInItsOrder) {
  Producer producer("q", options());
  add(producer, {"a", "b"});
  save();
  add(producer, {"c"});
  add(producer, {"d"});
  go_back();
  producer.push("e");
  const PushReport report = producer.finish();
  EXPECT_EQ(report.pushed, 5U);
  EXPECT_EQ(report.recovered, 2U);
  EXPECT_EQ(report.lost + report.unknown, 0U);
  EXPECT_THAT(all(Key::ready), ElementsAre("e", "d", "c", "b", "a"));
  EXPECT_EQ(counts().pushed, 5U);
  EXPECT_EQ(counts().recovered, 2U);
  EXPECT_EQ(counts().producers, 0U);
}

TEST_F(WentBack, AProducerThatHasNoMoreToPushFindsOutAtItsEnd) {
  save();  // nothing of the session
  Producer producer("q", options());
  add(producer, {"a", "b"});
  go_back();
  const PushReport report = producer.finish();
  EXPECT_EQ(report.pushed, 2U);
  EXPECT_EQ(report.recovered, 2U);
  EXPECT_THAT(all(Key::ready), ElementsAre("b", "a"));
  EXPECT_EQ(counts().producers, 0U);
}

TEST_F(WentBack, AProducerFindsOutAgainAndAgain) {
  Producer producer("q", options());
  add(producer, {"a"});
  save();
  for (const char* item : {"b", "c", "d"}) {
    add(producer, {item});
    go_back();
  }
  const PushReport report = producer.finish();
  EXPECT_EQ(report.pushed, 4U);
  EXPECT_EQ(report.lost + report.unknown, 0U);
  EXPECT_THAT(all(Key::ready), ElementsAre("d", "c", "b", "a"));
}

TEST_F(WentBack, APushInDoubtIsInExactlyOnceToo) {
  for (const bool carried_out : {false, true}) {
    FaultProxy proxy(server_);
    const Counts before = counts();
    Producer producer("q", proxy.options());
    add(producer, {"a"});
    if (carried_out) {
      proxy.lose_answer_to(internal::scripts::push.sha1);
    } else {
      proxy.lose_request(internal::scripts::push.sha1);
    }
    save();
    producer.push("b");
    producer.flush();
    ASSERT_TRUE(eventually([&] { return proxy.faults() == 1; }));
    go_back();
    const PushReport report = producer.finish();
    EXPECT_EQ(report.pushed, 2U);
    EXPECT_EQ(report.lost + report.unknown, 0U);
    EXPECT_EQ(counts().ready, before.ready + 2);
  }
}

TEST_F(WentBack, OnceKeysAreKnownOnce) {
  Producer producer("q", options(), {.once = true});
  add(producer, {"a"});
  save();
  add(producer, {"b", "a"});
  go_back();
  Producer other("q", options(), {.once = true});
  add(other, {"b"});  // before the first has found out
  other.finish();
  const PushReport report = producer.finish();
  EXPECT_EQ(report.pushed, 1U) << "the other has pushed b";
  EXPECT_EQ(report.lost, 0U);
  EXPECT_THAT(all(Key::ready), ElementsAre("b", "a"));
}

TEST_F(WentBack, WhatIsRememberedNoLongerIsCountedAsLost) {
  Producer producer("q", options());
  add(producer, {"first"});
  save();
  constexpr std::size_t kItems = 150'000;
  for (const std::string& item : numbered("i", kItems)) producer.push(item);
  producer.confirm();
  go_back();
  const PushReport report = producer.finish();
  EXPECT_EQ(report.lost, 50'000U);
  EXPECT_EQ(report.recovered, kItems - report.lost);
  EXPECT_EQ(report.pushed, 1 + report.recovered);
  EXPECT_EQ(counts().ready, report.pushed);
  EXPECT_EQ(counts().lost, report.lost);
  EXPECT_EQ(counts().pushed, report.pushed + report.lost);
}

TEST_F(WentBack, AnIdleProducerKeepsTheQueueOpenWithWhatIsMissing) {
  save();
  Producer producer("q", options(), {.hold = 1s});
  add(producer, {"a"});
  go_back();
  // The item is there before the producer has the answer.
  EXPECT_TRUE(eventually([&producer] { return producer.report().recovered == 1; }));
  EXPECT_EQ(counts().ready, 1U);
  EXPECT_EQ(producer.finish().pushed, 1U);
}

}  // namespace
}  // namespace wq::test
