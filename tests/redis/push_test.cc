// open, push, touch and close: each answer, by calling the scripts.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <wq/admin.h>
#include <wq/queue.h>

#include "support/queue_test.h"

namespace wq::test {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::IsEmpty;
using ::testing::Le;

constexpr int kHoldMs = 60'000;
constexpr std::int64_t kDayMs = 86'400'000;
using ItemList = std::vector<std::string>;

class Push : public QueueTest {
 protected:
  std::string open(const std::string& session = "s", bool unless_drained = false) {
    return std::string(script(internal::scripts::open, {keys_.replay(session)},
                              {session, std::to_string(kHoldMs), unless_drained ? "1" : "0"})
                           .value()
                           .text());
  }

  struct Call {
    int number = 1;
    int answered = 0;
    bool once = false;
    std::string session = "s";
    std::vector<std::string> keys{};    // of each item; "" for none. With once, empty: the items
    std::vector<std::string> delays{};  // of each item in ms, or empty
    int after = 0;
    bool again = false;
  };
  // The answer as text: a number, or a word.
  std::string push(const Call& call, const std::vector<std::string>& items) {
    const Reply reply = raw_push(call, items);
    reply.checked();
    return reply.value().is_text() ? std::string(reply.value().text())
                                   : std::to_string(reply.value().integer());
  }
  Reply raw_push(const Call& call, const std::vector<std::string>& items) {
    std::vector<std::string> arguments = {call.session,
                                          std::to_string(call.number),
                                          std::to_string(call.after),
                                          std::to_string(call.answered),
                                          std::to_string(kHoldMs),
                                          "id",
                                          call.once ? "1" : "0",
                                          "0",
                                          call.delays.empty() ? "0" : "1",
                                          call.again ? "1" : "0"};
    arguments.insert(arguments.end(), items.begin(), items.end());
    if (call.once) {
      for (const std::string& key : call.keys.empty() ? items : call.keys) {
        arguments.push_back(key.empty() ? "" : internal::seen_entry(key));
      }
    }
    arguments.insert(arguments.end(), call.delays.begin(), call.delays.end());
    return raw_script(internal::scripts::push,
                      {keys_.replay(call.session), keys_.pushing(call.session)}, arguments);
  }

  std::string touch(const std::string& session = "s", int answered = 0) {
    return std::string(script(internal::scripts::touch, {keys_.replay(session)},
                              {session, std::to_string(kHoldMs), std::to_string(answered)})
                           .value()
                           .text());
  }
  std::int64_t close(const std::string& session = "s", const std::string& latest_ms = "") {
    return script(internal::scripts::close, {keys_.replay(session)}, {session, latest_ms})
        .value()
        .integer();
  }
  std::int64_t hold_left_ms(const std::string& session = "s") {
    return std::stoll(redis_.text({"ZSCORE", key(Key::producers), session}).value_or("0")) -
           redis_.time_ms();
  }
  std::int64_t due_ms(const std::string& item) {
    return std::stoll(redis_.text({"ZSCORE", key(Key::delayed), item}).value_or("0"));
  }
  // The queue has begun and holds nothing.
  void drain() {
    open("before");
    push({1, 0, false, "before"}, {"x"});
    close("before");
    Queue queue = open_queue();
    static_cast<void>(queue.settle({completed(lease_one(queue))}));
    ASSERT_TRUE(counts().drained());
  }
};

TEST_F(Push, OpenTakesAHoldAndBeginsAReplaySession) {
  EXPECT_EQ(open(), "ok");
  EXPECT_THAT(hold_left_ms(), AllOf(Ge(50'000), Le(kHoldMs)));
  EXPECT_EQ(redis_.text({"HGET", keys_.replay("s"), "floor"}), "0");
  EXPECT_EQ(redis_.text({"HGET", keys_.replay("s"), "hold_ms"}), "60000");
  EXPECT_EQ(redis_.integer({"PTTL", keys_.replay("s")}), -1);
  EXPECT_EQ(counts().producers, 1U);
  EXPECT_THAT(counts().id, IsEmpty());
}

TEST_F(Push, OpenMayBeRepeated) {
  EXPECT_EQ(open(), "ok");
  EXPECT_EQ(open(), "ok");
  EXPECT_EQ(push({1}, {"a"}), "1");
  EXPECT_EQ(counts().producers, 1U);
}

TEST_F(Push, AnOpenThatArrivesLateForgetsNoPush) {
  open();
  EXPECT_EQ(push({1}, {"a"}), "1");
  EXPECT_EQ(open(), "ok");  // was sent on a connection that broke
  EXPECT_EQ(push({1}, {"a"}), "1");
  EXPECT_THAT(all(Key::ready), ElementsAre("a"));
}

TEST_F(Push, OpenRefusesADrainedQueueWhenAsked) {
  drain();
  const auto before = everything();
  EXPECT_EQ(open("s", true), "drained");
  EXPECT_EQ(everything(), before);
  EXPECT_EQ(open("s", false), "ok");
}

TEST_F(Push, OpenDoesNotTakeItsOwnHoldForAReasonToGoOn) {
  drain();
  EXPECT_EQ(open("s", false), "ok");
  EXPECT_EQ(open("s", true), "drained");
}

TEST_F(Push, OpenTakesAQueueForOpenThatHasNotBegunOrHoldsAnItemOrAProducer) {
  EXPECT_EQ(open("s1", true), "ok");  // not begun
  close("s1");
  drain();
  for (const Key list : {Key::ready, Key::processing}) {
    redis_.call({"LPUSH", key(list), "a"});
    EXPECT_EQ(open("s2", true), "ok") << key(list);
    close("s2");
    redis_.call({"DEL", key(list)});
  }
  redis_.call({"ZADD", key(Key::delayed), "1", "a"});
  EXPECT_EQ(open("s3", true), "ok");
  close("s3");
  redis_.call({"DEL", key(Key::delayed)});
  redis_.call({"ZADD", key(Key::dead), "1", "a"});
  EXPECT_EQ(open("s4", true), "drained");
  redis_.call({"DEL", key(Key::dead)});
  open("other");
  EXPECT_EQ(open("s5", true), "ok");
}

TEST_F(Push, AddsItemsInOrderAndNamesTheQueueOnce) {
  open();
  EXPECT_EQ(push({1}, {"a", "b"}), "2");
  EXPECT_EQ(push({2, 1}, {"c"}), "1");
  EXPECT_THAT(all(Key::ready), ElementsAre("c", "b", "a"));
  EXPECT_EQ(counts().id, "id");
  EXPECT_EQ(counts().pushed, 3U);
}

TEST_F(Push, TheSameNumberAgainGetsTheStoredAnswer) {
  open();
  EXPECT_EQ(push({1}, {"a", "b"}), "2");
  const auto before = everything();
  EXPECT_EQ(push({1}, {"a", "b"}), "2");
  EXPECT_EQ(everything(), before);
}

TEST_F(Push, ANumberThatWasAnsweredIsStale) {
  open();
  push({1}, {"a"});
  push({2, 1}, {"b"});
  const auto before = everything();
  EXPECT_EQ(push({1}, {"a"}), "stale");
  EXPECT_EQ(everything(), before);
}

TEST_F(Push, RemembersWhatIsNotKnownToBeAnswered) {
  open();
  for (int n = 1; n <= 3; ++n) push({n}, {"a" + std::to_string(n)});
  push({4, 2}, {"a4"});
  EXPECT_EQ(redis_.text({"HGET", keys_.replay("s"), "floor"}), "2");
  EXPECT_EQ(redis_.integer({"HLEN", keys_.replay("s")}), 5);  // floor, added, hold_ms, 3, 4
  EXPECT_EQ(push({2}, {"a2"}), "stale");
  EXPECT_EQ(push({3}, {"a3"}), "1");
  EXPECT_EQ(counts().pushed, 4U);
}

TEST_F(Push, AnOlderAnsweredNumberDoesNotLowerTheFloor) {
  open();
  push({1}, {"a"});
  push({2, 1}, {"b"});
  EXPECT_EQ(push({3, 0}, {"c"}), "1");
  EXPECT_EQ(redis_.text({"HGET", keys_.replay("s"), "floor"}), "1");
}

TEST_F(Push, WithoutASessionNothingIsWritten) {
  EXPECT_EQ(push({1}, {"a"}), "nosession");
  EXPECT_THAT(everything(), IsEmpty());
  open();
  close();
  EXPECT_EQ(push({1}, {"a"}), "nosession");
  EXPECT_THAT(everything(), IsEmpty());
}

TEST_F(Push, WithALostHoldADrainedQueueIsNotFilled) {
  drain();
  open();
  redis_.call({"ZREM", key(Key::producers), "s"});
  const auto before = everything();
  EXPECT_EQ(push({1}, {"a"}), "holdlost");
  EXPECT_EQ(touch(), "holdlost");
  EXPECT_EQ(everything(), before);
}

TEST_F(Push, WithALostHoldAQueueThatIsNotDrainedIsFilledAndHeldAgain) {
  drain();
  open();
  open("other");
  redis_.call({"ZREM", key(Key::producers), "s"});
  EXPECT_EQ(push({1}, {"a"}), "1");
  EXPECT_EQ(counts().producers, 2U);
}

TEST_F(Push, APushThatWasDoneIsAnsweredEvenIfTheHoldIsLost) {
  drain();
  open();
  EXPECT_EQ(push({1}, {"a"}), "1");
  redis_.call({"ZREM", key(Key::producers), "s"});
  Queue queue = open_queue();
  static_cast<void>(queue.settle({completed(lease_one(queue))}));
  EXPECT_EQ(push({1}, {"a"}), "1");
  EXPECT_TRUE(counts().drained());
}

TEST_F(Push, RenewsTheHold) {
  open();
  redis_.call({"ZADD", key(Key::producers), "5", "s"});
  push({1}, {"a"});
  EXPECT_THAT(hold_left_ms(), AllOf(Ge(50'000), Le(kHoldMs)));
}

TEST_F(Push, OnceSkipsWhatWasPushedBefore) {
  open();
  EXPECT_EQ(push({1, 0, true}, {"a", "b"}), "2");
  EXPECT_EQ(push({2, 1, true}, {"b", "c", "a"}), "1");
  EXPECT_THAT(all(Key::ready), ElementsAre("c", "b", "a"));
  EXPECT_EQ(counts().pushed, 3U);
  EXPECT_EQ(redis_.integer({"SCARD", key(Key::seen)}), 3);
}

TEST_F(Push, OnceSkipsEqualItemsOfOnePush) {
  open();
  EXPECT_EQ(push({1, 0, true}, {"a", "b", "a"}), "2");
  EXPECT_THAT(all(Key::ready), ElementsAre("b", "a"));
}

TEST_F(Push, OnceMayAddNothingAndStillIsAnswered) {
  open();
  push({1, 0, true}, {"a"});
  EXPECT_EQ(push({2, 1, true}, {"a"}), "0");
  EXPECT_EQ(push({2, 1, true}, {"a"}), "0");
  EXPECT_EQ(counts().pushed, 1U);
}

TEST_F(Push, WithoutOnceNothingIsRemembered) {
  open();
  push({1}, {"a"});
  EXPECT_FALSE(redis_.exists(key(Key::seen)));
  EXPECT_EQ(push({2, 1, true}, {"a"}), "1");
}

TEST_F(Push, AnItemIsSkippedByItsOwnOnceKeyAndNeverWithoutOne) {
  open();
  EXPECT_EQ(push({1, 0, true, "s", {"k1", "", "k1"}}, {"a", "b", "c"}), "2");
  EXPECT_EQ(push({2, 1, true, "s", {"k2", "k1", ""}}, {"a", "d", "b"}), "2");
  EXPECT_THAT(all(Key::ready), ElementsAre("b", "a", "b", "a"));
  EXPECT_EQ(redis_.integer({"SCARD", key(Key::seen)}), 2);
  EXPECT_EQ(counts().pushed, 4U);
}

TEST_F(Push, AnItemWithADelayWaitsInDelayedUntilThen) {
  open();
  const std::int64_t before = redis_.time_ms();
  EXPECT_EQ(push({1, 0, false, "s", {}, {"0", "5000", "86400000"}}, {"a", "b", "c"}), "3");
  EXPECT_THAT(all(Key::ready), ElementsAre("a"));
  EXPECT_THAT(all(Key::delayed), ElementsAre("b", "c"));
  EXPECT_THAT(due_ms("b"), AllOf(Ge(before + 5'000), Le(redis_.time_ms() + 5'000)));
  EXPECT_THAT(due_ms("c"), AllOf(Ge(before + kDayMs), Le(redis_.time_ms() + kDayMs)));
  EXPECT_EQ(counts().pushed, 3U);
  EXPECT_FALSE(redis_.exists(key(Key::seen)));
}

TEST_F(Push, AQueueWithNothingButADelayedItemHasBegunAndIsNotDrained) {
  open();
  EXPECT_EQ(push({1, 0, false, "s", {}, {"5000"}}, {"a"}), "1");
  close();
  EXPECT_EQ(counts().id, "id");
  EXPECT_FALSE(counts().drained());
}

TEST_F(Push, ARepeatedPushOfDelayedItemsLeavesTheirTimesAlone) {
  open();
  EXPECT_EQ(push({1, 0, true, "s", {}, {"5000"}}, {"a"}), "1");
  redis_.call({"ZADD", key(Key::delayed), "77", "a"});
  EXPECT_EQ(push({1, 0, true, "s", {}, {"5000"}}, {"a"}), "1");
  EXPECT_EQ(due_ms("a"), 77);
}

TEST_F(Push, EqualDelayedItemsBecomeOneWithTheLastTimeAndAreCountedAsMerged) {
  open();
  EXPECT_EQ(push({1, 0, false, "s", {}, {"70000", "50000"}}, {"a", "a"}), "2");
  EXPECT_EQ(counts().merged, 1U);
  EXPECT_EQ(push({2, 1, false, "s", {}, {"5000"}}, {"a"}), "1");
  EXPECT_LE(due_ms("a"), redis_.time_ms() + 5'000);
  EXPECT_EQ(counts().pushed, 3U);
  EXPECT_EQ(counts().merged, 2U);
  EXPECT_EQ(counts().delayed, 1U);
}

TEST_F(Push, OnceSkipsADelayedItemThatWasPushedBefore) {
  open();
  EXPECT_EQ(push({1, 0, true, "s", {}, {"60000", "0"}}, {"a", "b"}), "2");
  EXPECT_EQ(push({2, 1, true, "s", {}, {"0", "60000"}}, {"a", "b"}), "0");
  EXPECT_THAT(all(Key::ready), ElementsAre("b"));
  EXPECT_THAT(all(Key::delayed), ElementsAre("a"));
}

TEST_F(Push, APageOfReadyKeepsItsPlaceWhileDelayedItemsArePushed) {
  Admin admin("q", options());
  open();
  push({1}, {"a", "b", "c", "d"});
  const ItemPage first = admin.list(ItemState::ready, "", 2);
  push({2, 1, false, "s", {}, {"60000", "60000"}}, {"x", "y"});
  const ItemPage second = admin.list(ItemState::ready, first.next, 2);
  ASSERT_EQ(second.items.size(), 2U);
  EXPECT_EQ(second.items[0].item, "c");
  EXPECT_EQ(second.items[1].item, "d");
}

TEST_F(Push, AKeyOfAnotherTypeStopsADelayedItemBeforeTheFirstWrite) {
  conserves_ = false;
  for (const Key in_the_way :
       {Key::ready, Key::delayed, Key::stats, Key::producers, Key::replays, Key::seen}) {
    redis_.call({"FLUSHALL"});
    open();
    redis_.call({"DEL", key(in_the_way)});
    redis_.call({"SET", key(in_the_way), "x"});
    const auto before = everything();
    EXPECT_TRUE(raw_push({1, 0, true, "s", {}, {"0", "9"}}, {"a", "b"}).has_error("WRONGTYPE"))
        << key(in_the_way);
    EXPECT_EQ(everything(), before) << key(in_the_way);
  }
}

TEST_F(Push, IsRefusedAsAWholeByARedisThatIsFullWhateverItsFirstWriteIs) {
  open();
  push({1, 0, true}, {"seen"});
  redis_.call({"CONFIG", "SET", "maxmemory", "1"});
  const auto before = everything();
  for (const auto& [items, delays] : std::vector<std::pair<ItemList, ItemList>>{
           {{"a", "b"}, {"0", "9"}}, {{"a"}, {"9"}}, {{"seen"}, {"9"}}}) {
    EXPECT_TRUE(raw_push({2, 1, true, "s", {}, delays}, items).has_error("OOM")) << items.at(0);
    EXPECT_EQ(everything(), before) << items.at(0);
  }
  redis_.call({"CONFIG", "SET", "maxmemory", "0"});
}

TEST_F(Push, AKeyOfAnotherTypeStopsItBeforeTheFirstWrite) {
  conserves_ = false;
  for (const Key in_the_way : {Key::ready, Key::stats, Key::producers, Key::replays, Key::seen}) {
    redis_.call({"FLUSHALL"});
    open();
    redis_.call({"DEL", key(in_the_way)});
    redis_.call({"SET", key(in_the_way), "x"});
    const auto before = everything();
    EXPECT_TRUE(raw_push({1, 0, true}, {"a"}).has_error("WRONGTYPE")) << key(in_the_way);
    EXPECT_EQ(everything(), before) << key(in_the_way);
  }
}

TEST_F(Push, TouchLengthensTheHoldAndKeepsTheSession) {
  open();
  redis_.call({"ZADD", key(Key::producers), "5", "s"});
  redis_.call({"ZADD", key(Key::replays), "5", "s"});
  EXPECT_EQ(touch(), "ok");
  EXPECT_THAT(hold_left_ms(), AllOf(Ge(50'000), Le(kHoldMs)));
  EXPECT_GT(std::stoll(redis_.text({"ZSCORE", key(Key::replays), "s"}).value_or("0")), 5);
}

TEST_F(Push, TouchTakesAHoldBackWhileTheQueueIsNotDrained) {
  open();
  redis_.call({"ZREM", key(Key::producers), "s"});
  EXPECT_EQ(touch(), "ok");  // it has not begun
  EXPECT_EQ(counts().producers, 1U);
}

TEST_F(Push, TouchIsToldOfAPurgeAndTakesNoHold) {
  open();
  static_cast<void>(Admin("q", options()).purge());
  open("of the next run");
  const auto before = everything();
  EXPECT_EQ(touch(), "purged");
  EXPECT_EQ(everything(), before);
}

TEST_F(Push, CloseGivesUpTheHoldAndTheSessionOnce) {
  open();
  push({1}, {"a"});
  EXPECT_EQ(close(), 1);
  EXPECT_EQ(counts().producers, 0U);
  EXPECT_FALSE(redis_.exists(keys_.replay("s")));
  EXPECT_EQ(close(), 0);
  EXPECT_THAT(all(Key::ready), ElementsAre("a"));
}

TEST_F(Push, CloseLeavesASessionThatWasHeardOfSince) {
  open();
  const std::string now = std::to_string(redis_.time_ms() - 1'000);
  EXPECT_EQ(close("s", now), 0);
  EXPECT_EQ(counts().producers, 1U);
  EXPECT_TRUE(redis_.exists(keys_.replay("s")));
  EXPECT_EQ(close("s", std::to_string(redis_.time_ms() + 1'000)), 1);
}

// Redis went back to an earlier state: a failover to a replica without the last writes.
TEST_F(Push, AfterOneThatIsNotThereIsBehind) {
  open();
  push({.number = 1}, {"a"});
  push({.number = 2, .after = 1}, {"b"});
  const auto before = everything();
  EXPECT_EQ(push({.number = 4, .answered = 3, .after = 3}, {"d"}), "behind");
  EXPECT_EQ(touch("s", 3), "behind");
  EXPECT_EQ(everything(), before);
  EXPECT_EQ(touch("s", 2), "ok");
  EXPECT_EQ(push({.number = 4, .answered = 2, .after = 2}, {"d"}), "1");
}

TEST_F(Push, OfWhichTheSessionIsGoneIsBehindForATouchOfIt) {
  open();
  push({.number = 1}, {"a"});
  redis_.call({"DEL", keys_.replay("s")});
  EXPECT_EQ(touch("s", 1), "behind");
  EXPECT_EQ(touch("s", 0), "behind") << "it must not look like one that is evicted";
}

TEST_F(Push, TellsHowFarASessionIs) {
  const auto replayed = [this](const std::string& session) {
    return script(internal::scripts::replayed, {keys_.replay(session)}, {session});
  };
  EXPECT_EQ(replayed("s").value().text(), "gone");
  open();
  push({.number = 1}, {"a", "b"});
  push({.number = 2, .answered = 1, .after = 1}, {"c"});
  push({.number = 3, .answered = 1, .after = 2}, {"d"});
  EXPECT_EQ(replayed("s").value()[0].integer(), 3);
  EXPECT_EQ(replayed("s").value()[1].integer(), 4);
  redis_.call({"DEL", keys_.replay("s")});
  EXPECT_EQ(replayed("s").value().size(), 0U) << "evicted";
}

TEST_F(Push, AgainTakesItsItemsFromWhatIsLost) {
  open();
  push({.number = 1}, {"a"});
  const auto lose = [this](const std::string& id, const std::string& pushed,
                           const std::string& lost) {
    return script(internal::scripts::lost, {}, {id, pushed, lost}).value().integer();
  };
  EXPECT_EQ(lose("other", "4", "0"), 0);
  EXPECT_EQ(lose("id", "4", "0"), 3);
  EXPECT_EQ(lose("id", "4", "2"), 0) << "it is counted already";
  EXPECT_EQ(counts().lost, 3U);
  EXPECT_EQ(counts().pushed, 4U);
  expect_conserved();
  push({.number = 2, .after = 1, .again = true}, {"b", "c"});
  EXPECT_EQ(counts().lost, 1U);
  EXPECT_EQ(counts().recovered, 2U);
  EXPECT_EQ(counts().pushed, 4U);
  expect_conserved();
  push({.number = 3, .answered = 1, .after = 2, .again = true}, {"d", "e"});
  EXPECT_EQ(counts().lost, 0U);
  EXPECT_EQ(counts().pushed, 5U);
  EXPECT_EQ(counts().recovered, 4U);
}

}  // namespace
}  // namespace wq::test
