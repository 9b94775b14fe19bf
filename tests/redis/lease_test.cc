// pop, claim and lease.
#include <atomic>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <wq/error.h>
#include <wq/queue.h>
#include <wq/reclaimer.h>

#include "queue/lease_stream.h"
#include "queue/operations.h"
#include "support/fault_proxy.h"
#include "support/queue_test.h"

namespace wq::test {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class Pop : public QueueTest {
 protected:
  Reply pop(int n, const std::string& id = "newid") {
    return script(internal::scripts::pop, {}, {std::to_string(n), id});
  }
  Reply raw_pop(int n) {
    return raw_script(internal::scripts::pop, {}, {std::to_string(n), "newid"});
  }
};

TEST_F(Pop, AnswersNothingWhenNothingIsReadyAndWritesNothing) {
  EXPECT_EQ(pop(5).value().size(), 0U);
  EXPECT_THAT(everything(), IsEmpty());
}

TEST_F(Pop, AnswersNothingWhilePausedAndLeavesTheItems) {
  push({"a"});
  redis_.call({"SET", key(Key::paused), ""});
  const auto before = everything();
  EXPECT_EQ(pop(5).value().size(), 0U);
  EXPECT_EQ(everything(), before);
}

TEST_F(Pop, TakesTheItemsThatWerePushedFirst) {
  push({"a", "b", "c"});
  EXPECT_THAT(
      internal::read_pop(pop(2).value()).items,
      ElementsAre(::testing::Field(&Lease::item, "a"), ::testing::Field(&Lease::item, "b")));
  EXPECT_THAT(all(Key::ready), ElementsAre("c"));
  EXPECT_THAT(all(Key::processing), ElementsAre("b", "a"));
}

TEST_F(Pop, TakesWhatThereIs) {
  push({"a", "b"});
  EXPECT_THAT(internal::read_pop(pop(1'000).value()).items, SizeIs(2));
  EXPECT_THAT(all(Key::ready), IsEmpty());
}

TEST_F(Pop, DrawsAFenceForEachItemInOrder) {
  push({"a", "b", "c"});
  redis_.call({"SET", key(Key::fence), "41"});
  const auto popped = internal::read_pop(pop(3).value());
  ASSERT_THAT(popped.items, SizeIs(3));
  EXPECT_EQ(popped.items[0].fence, 42U);
  EXPECT_EQ(popped.items[1].fence, 43U);
  EXPECT_EQ(popped.items[2].fence, 44U);
  EXPECT_EQ(redis_.text({"GET", key(Key::fence)}), "44");
}

TEST_F(Pop, NamesAQueueThatWasFilledPastUs) {
  push_past_us({"a", "b"});
  pop(1, "first");
  pop(1, "second");
  EXPECT_EQ(counts().id, "first");
  EXPECT_EQ(counts().leased, 2U);
}

TEST_F(Pop, TellsWhetherSomethingFailedBefore) {
  push({"a", "b", "c"});
  EXPECT_FALSE(internal::read_pop(pop(1).value()).has_history);
  redis_.call({"HSET", key(Key::attempts), "x", "1"});
  EXPECT_TRUE(internal::read_pop(pop(1).value()).has_history);
  redis_.call({"DEL", key(Key::attempts)});
  redis_.call({"HSET", key(Key::crashes), "x", "1"});
  EXPECT_TRUE(internal::read_pop(pop(1).value()).has_history);
}

TEST_F(Pop, LeavesReadyAloneWhenAKeyOfAnotherTypeIsInTheWay) {
  conserves_ = false;
  for (const Key in_the_way : {Key::processing, Key::stats, Key::fence, Key::ready}) {
    redis_.call({"FLUSHALL"});
    redis_.call({"LPUSH", key(Key::ready), "a", "b"});
    redis_.call({"DEL", key(in_the_way)});
    redis_.call({in_the_way == Key::fence ? "LPUSH" : "SET", key(in_the_way), "x"});
    const auto before = everything();
    EXPECT_TRUE(raw_pop(1).has_error("WRONGTYPE")) << key(in_the_way);
    EXPECT_EQ(everything(), before) << key(in_the_way);
  }
}

class Claim : public QueueTest {
 protected:
  Claim() { push_past_us({"a"}); }
  void move() { redis_.call({"RPOPLPUSH", key(Key::ready), key(Key::processing)}); }
};

TEST_F(Claim, DrawsAFenceCountsAndNamesTheQueueOnce) {
  move();
  redis_.call({"SET", key(Key::fence), "7"});
  const Reply first = script(internal::scripts::claim, {}, {"first"});
  const Reply second = script(internal::scripts::claim, {}, {"second"});
  EXPECT_EQ(first.value()[0].integer(), 8);
  EXPECT_EQ(second.value()[0].integer(), 9);
  EXPECT_EQ(first.value()[1].integer(), 0);
  EXPECT_EQ(counts().id, "first");
  EXPECT_EQ(counts().leased, 2U);
}

TEST_F(Claim, TellsWhetherSomethingFailedBefore) {
  redis_.call({"HSET", key(Key::crashes), "x", "1"});
  EXPECT_EQ(script(internal::scripts::claim, {}, {"id"}).value()[1].integer(), 1);
}

TEST_F(Claim, DrawsNoFenceWhenAKeyOfAnotherTypeIsInTheWay) {
  conserves_ = false;
  redis_.call({"SET", key(Key::stats), "x"});
  EXPECT_TRUE(raw_script(internal::scripts::claim, {}, {"id"}).has_error("WRONGTYPE"));
  EXPECT_FALSE(redis_.exists(key(Key::fence)));
}

TEST_F(Claim, AfterALongWaitTakesAnItemThatIsStillInProcessing) {
  move();
  EXPECT_EQ(script(internal::scripts::claim, {}, {"id", "a"}).value().size(), 2U);
  EXPECT_THAT(all(Key::processing), ElementsAre("a"));
}

TEST_F(Claim, AfterALongWaitLeavesAnItemAloneThatHasGoneBack) {
  EXPECT_EQ(script(internal::scripts::claim, {}, {"id", "a"}).value().size(), 0U);
  EXPECT_THAT(all(Key::ready), ElementsAre("a"));
  EXPECT_FALSE(redis_.exists(key(Key::fence)));
  EXPECT_EQ(counts().leased, 0U);
}

TEST_F(Claim, AfterALongWaitGivesTheItemOfAPausedQueueBack) {
  push_past_us({"b"});
  move();
  redis_.call({"SET", key(Key::paused), "1"});
  EXPECT_EQ(script(internal::scripts::claim, {}, {"id", "a"}).value().size(), 0U);
  EXPECT_THAT(all(Key::ready), ElementsAre("b", "a")) << "it is not the next one any more";
  EXPECT_THAT(all(Key::processing), IsEmpty());
  EXPECT_EQ(counts().leased, 0U);
}

using Leasing = QueueTest;

TEST_F(Leasing, SetsAKeyThatOutlivesTheLeaseByAnHour) {
  push({"a"});
  Queue queue = open_queue();
  const Lease lease = lease_one(queue, 30s);
  EXPECT_EQ(redis_.text({"GET", lease_key("a")}),
            queue.session() + "#" + std::to_string(lease.fence));
  const std::int64_t left_ms = redis_.integer({"PTTL", lease_key("a")});
  EXPECT_GT(left_ms, 3'600'000 + 20'000);
  EXPECT_LE(left_ms, 3'600'000 + 30'000);
}

TEST_F(Leasing, IsEmptyForAnEmptyAndForAPausedQueue) {
  Queue queue = open_queue();
  EXPECT_THAT(queue.lease(1, 1min), IsEmpty());
  push({"a"});
  redis_.call({"SET", key(Key::paused), ""});
  EXPECT_THAT(queue.lease(1, 1min), IsEmpty());
  redis_.call({"DEL", key(Key::paused)});
  EXPECT_THAT(queue.lease(1, 1min), SizeIs(1));
}

TEST_F(Leasing, RefusesAnImpossibleNumberOfItems) {
  Queue queue = open_queue();
  EXPECT_THROW(static_cast<void>(queue.lease(0, 1min)), std::invalid_argument);
  EXPECT_THROW(static_cast<void>(queue.lease(Queue::kMaxBatch + 1, 1min)), std::invalid_argument);
}

TEST_F(Leasing, RefusesAnImpossibleTime) {
  push({"a"});
  Queue queue = open_queue();
  EXPECT_THROW(static_cast<void>(queue.lease(1, 0ms)), std::invalid_argument);
  EXPECT_THROW(static_cast<void>(queue.lease(1, -2h)), std::invalid_argument);
  EXPECT_THROW(static_cast<void>(queue.lease(1, 25h)), std::invalid_argument);
  EXPECT_EQ(counts().ready, 1U);
}

TEST_F(Leasing, TakesTheGreatestBatchAtOnce) {
  push(numbered("i", Queue::kMaxBatch + 1));
  Queue queue = open_queue();
  EXPECT_EQ(items_of(queue.lease(Queue::kMaxBatch, 1min)), numbered("i", Queue::kMaxBatch));
}

TEST_F(Leasing, TellsHowOftenAnItemWasTriedBefore) {
  push({"a", "b"});
  redis_.call({"HSET", key(Key::attempts), hash_of("b"), "2"});
  redis_.call({"HSET", key(Key::crashes), hash_of("b"), "1"});
  Queue queue = open_queue();
  const auto leases = queue.lease(2, 1min);
  ASSERT_THAT(leases, SizeIs(2));
  EXPECT_EQ(leases[0].attempt(), 1U);
  EXPECT_EQ(leases[1].failures, 2U);
  EXPECT_EQ(leases[1].crashes, 1U);
  EXPECT_EQ(leases[1].attempt(), 4U);
}

TEST_F(Leasing, DropsACopyOfAnItemThatIsHeldUntilTheReclaimerReturnsIt) {
  push({"same", "same"});
  Queue first = open_queue();
  Queue second = open_queue();
  Lease held = lease_one(first);
  EXPECT_THAT(second.lease(1, 1min), IsEmpty());
  EXPECT_THAT(all(Key::processing), ElementsAre("same", "same"));
  EXPECT_THAT(first.settle({completed(std::move(held))}), ElementsAre(Settled::accepted));

  Reclaimer reclaimer(keys_.queue(), options());
  const TimePoint begin = BootClock::now();
  reclaimer.pass(begin);
  reclaimer.pass(begin + 3s);
  EXPECT_EQ(reclaimer.pass(begin + 6s).returned, 1U);
  Lease again = lease_one(second);
  EXPECT_EQ(again.crashes, 0U);
  EXPECT_THAT(second.settle({completed(std::move(again))}), ElementsAre(Settled::accepted));
  EXPECT_TRUE(counts().drained());
}

TEST_F(Leasing, TakesOneOfTwoEqualItemsInABatch) {
  push({"same", "other", "same"});
  Queue queue = open_queue();
  EXPECT_THAT(items_of(queue.lease(3, 1min)), UnorderedElementsAre("same", "other"));
  EXPECT_EQ(counts().processing, 3U);
}

TEST_F(Leasing, LeavesTheLeaseOfARedisWqClientAlone) {
  push({"a"});
  redis_.call({"SET", lease_key("a"), "some-uuid", "EX", "60"});
  Queue queue = open_queue();
  EXPECT_THAT(queue.lease(1, 1min), IsEmpty());
  EXPECT_EQ(redis_.text({"GET", lease_key("a")}), "some-uuid");
}

// A stream with a clock that the test moves.
class Stream : public QueueTest {
 protected:
  Stream() { clock_ = TimePoint{1h}; }
  static TimePoint now() { return clock_.load(); }
  static internal::CommandBuffer ping() {
    internal::CommandBuffer ping;
    ping.command({"PING"});
    return ping;
  }
  static inline std::atomic<TimePoint> clock_{TimePoint{}};

  internal::ReconnectingConnection link_{options(), {}};
  internal::LeaseStream stream_{link_, keys_, "session", {}, &now};
};

TEST_F(Stream, LeasesWhatTheRequestBeforeHasPopped) {
  push({"a"});
  stream_.post({}, 1);
  auto answer = stream_.take();
  EXPECT_TRUE(answer.popped);
  EXPECT_THAT(answer.leased, IsEmpty());
  EXPECT_EQ(stream_.popped(), 1U);
  stream_.post({}, 0);
  answer = stream_.take();
  EXPECT_FALSE(answer.popped);
  EXPECT_THAT(items_of(answer.leased), ElementsAre("a"));
  EXPECT_EQ(answer.leased_at, clock_.load());
  EXPECT_EQ(stream_.popped(), 0U);
}

TEST_F(Stream, TakesAnswersInTheOrderOfTheRequests) {
  push(numbered("i", 30));
  stream_.post({}, 10);
  stream_.post({}, 10);
  EXPECT_EQ(stream_.outstanding(), 2U);
  static_cast<void>(stream_.take());
  stream_.post({}, 10);
  static_cast<void>(stream_.take());
  EXPECT_EQ(items_of(stream_.take().leased), numbered("i", 10));
  EXPECT_EQ(stream_.popped(), 20U);
}

TEST_F(Stream, LeasesAnItemUpToHalfTheGracePeriodAfterThePop) {
  push({"a"});
  stream_.post({}, 1);
  static_cast<void>(stream_.take());
  clock_ = now() + internal::kUnleasedGrace / 2;
  stream_.post({}, 0);
  EXPECT_THAT(items_of(stream_.take().leased), ElementsAre("a"));
}

TEST_F(Stream, DoesNotLeaseAnItemThatWasPoppedTooLongAgo) {
  push({"a"});
  stream_.post({}, 1);
  static_cast<void>(stream_.take());
  clock_ = now() + internal::kUnleasedGrace / 2 + 1ms;
  stream_.post({}, 0);
  EXPECT_THAT(stream_.take().leased, IsEmpty());
  EXPECT_FALSE(redis_.exists(lease_key("a")));
  EXPECT_THAT(all(Key::processing), ElementsAre("a"));
}

TEST_F(Stream, LeasesALargeItemLaterThanASmallOne) {
  push({std::string(10'000'000, 'x')});
  stream_.post({}, 1);
  static_cast<void>(stream_.take());
  clock_ = now() + internal::time_to_lease(10'000'000);
  stream_.post({}, 0);
  EXPECT_THAT(stream_.take().leased, SizeIs(1));
}

// What a stream says, and what it asks for next, when answers are late or connections break.
class TroubledStream : public Stream {
 protected:
  RedisOptions logging(RedisOptions options) {
    options.log = [this](LogLevel, std::string_view text) { said_.emplace_back(text); };
    return options;
  }
  void pop_late(internal::LeaseStream& stream, std::size_t n) {
    stream.post({}, n);
    static_cast<void>(stream.take());
    clock_ = now() + 3s;
    stream.post({}, 0);
    EXPECT_THAT(stream.take().leased, IsEmpty());
  }

  std::vector<std::string> said_;
};

TEST_F(TroubledStream, SaysWhatCameTooLateAndAsksForLess) {
  push(numbered("i", 1'000));
  internal::ReconnectingConnection link(logging(options()), {});
  internal::LeaseStream stream(link, keys_, "session", {}, &now);
  EXPECT_EQ(stream.bearable(1'000), 1'000U);
  pop_late(stream, 100);
  EXPECT_LT(stream.bearable(10'000'000), 10'000'000U);
  EXPECT_THAT(said_,
              ElementsAre(::testing::HasSubstr("100 items of 0.0 MB in total arrived 3.0 s")));
  pop_late(stream, 1);
  EXPECT_THAT(said_.back(), ::testing::HasSubstr("an item of 0.0 MB arrived 3.0 s"));
}

TEST_F(TroubledStream, WaitsForASlowAnswerBeforeItAsksForMore) {
  push(numbered("i", 10));
  internal::LeaseStream stream(link_, keys_, "session", internal::PopSize::from_one_item(), &now);
  EXPECT_EQ(stream.bearable(5), 1U);
  stream.post({}, 1);
  EXPECT_EQ(stream.bearable(5), 0U);
  static_cast<void>(stream.take());
  EXPECT_EQ(stream.bearable(5), 5U);
}

TEST_F(TroubledStream, AsksForLessUntilRedisDoesNotBreakTheConnectionOverTheAnswer) {
  redis_.call({"CONFIG", "SET", "client-output-buffer-limit", "normal 1048576 0 0"});
  std::vector<std::string> items;
  for (const char c : {'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'}) items.emplace_back(400'000, c);
  push(items);
  internal::ReconnectingConnection link(logging(options()), {});
  internal::LeaseStream stream(link, keys_, "session", {}, &now);
  stream.post({}, 1);
  static_cast<void>(stream.take());
  stream.post({}, 7);  // whose answer does not fit: they return by themselves
  EXPECT_FALSE(stream.take().popped);
  redis_.call({"RPOPLPUSH", key(Key::processing), key(Key::ready)});
  redis_.call({"RPOPLPUSH", key(Key::processing), key(Key::ready)});
  stream.post({}, stream.bearable(7));
  EXPECT_TRUE(stream.take().popped);
}

TEST_F(Stream, DoesNotLeaseAgainWhatMayHaveBeenLeasedALeaseAgo) {
  FaultProxy proxy(server_);
  internal::ReconnectingConnection link(proxy.options(), {});
  internal::LeaseStream stream(link, keys_, "session", {}, &now);
  push({"a"});
  stream.set_terms(1s, {});
  stream.post({}, 1);
  static_cast<void>(stream.take());
  // The first SET never arrives, but it might have.
  proxy.lose_request(lease_key("a"));
  proxy.watch([&](std::string_view bytes) {
    if (bytes.find(lease_key("a")) != std::string_view::npos) clock_ = now() + 501ms;
  });
  stream.post({}, 0);
  EXPECT_THAT(stream.take().leased, IsEmpty());
  proxy.watch({});
  EXPECT_EQ(proxy.faults(), 1U);
  EXPECT_FALSE(redis_.exists(lease_key("a")));
  EXPECT_THAT(all(Key::processing), ElementsAre("a"));
}

TEST_F(Stream, WaitsForAnItemLongerThanForAnyOtherAnswer) {
  RedisOptions impatient = options();
  impatient.command_timeout = 100ms;
  internal::ReconnectingConnection link(impatient, {});
  internal::LeaseStream stream(link, keys_, "session", {}, &now);
  EXPECT_FALSE(stream.wait_for_item(500ms));
  EXPECT_EQ(link.generation(), 1U);
  // And after that no longer than before.
  server_.freeze();
  EXPECT_THROW(static_cast<void>(link.connection().call(ping())), ConnectionError);
  server_.thaw();
}

TEST_F(Stream, WaitsForAnItemAndLeasesItWithTheNextRequest) {
  push({"a", "b"});
  ASSERT_TRUE(stream_.wait_for_item(1s));
  stream_.post({}, 0);
  const auto answer = stream_.take();
  ASSERT_THAT(items_of(answer.leased), ElementsAre("a"));
  const auto next = [this] {
    stream_.post({}, 1);
    static_cast<void>(stream_.take());
    stream_.post({}, 0);
    return stream_.take().leased;
  }();
  ASSERT_THAT(items_of(next), ElementsAre("b"));
  EXPECT_GT(next[0].fence, answer.leased[0].fence);
}

TEST_F(Stream, WaitsForAnItemNoLongerThanItIsTold) {
  EXPECT_FALSE(stream_.wait_for_item(1ms));
  EXPECT_THAT(all(Key::processing), IsEmpty());
}

TEST_F(Stream, TellsHowOftenAnItemItWaitedForWasTriedBefore) {
  push({"a"});
  redis_.call({"HSET", key(Key::crashes), hash_of("a"), "2"});
  ASSERT_TRUE(stream_.wait_for_item(1s));
  stream_.post({}, 0);
  const auto leased = stream_.take().leased;
  ASSERT_THAT(leased, SizeIs(1));
  EXPECT_EQ(leased[0].crashes, 2U);
}

}  // namespace
}  // namespace wq::test
