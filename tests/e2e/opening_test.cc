#include <csignal>

#include "e2e/programs.h"

// When a worker waits for a queue to be filled, and when it leaves.
namespace wq::test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Opening : public ProgramTest {
 protected:
  // Until the worker has looked at the queue.
  [[nodiscard]] bool came(std::int64_t workers = 1) {
    return eventually([&] { return redis_.integer({"HLEN", key(Key::workers)}) == workers; });
  }

  // What is left of the holds of dead producers ends now, not in a minute.
  void end_holds() {
    for (const std::string& session : redis_.list({"ZRANGE", key(Key::producers), "0", "-1"})) {
      redis_.call({"HSET", keys_.replay(session), "hold_ms", "200"});
      redis_.call({"ZADD", key(Key::producers), "1", session});
    }
  }
};

TEST_F(Opening, AWorkerThatCameFirstWaitsAndThenDrainsTheQueue) {
  Process early = worker({"--results"}, {"printf", "%s", "{}"});
  ASSERT_TRUE(came());
  EXPECT_FALSE(early.ended());
  const Words items = numbered("", 20);
  EXPECT_EQ(push_process(Words{"q"} + items).wait(), 0);
  EXPECT_EQ(early.wait(), 0) << early.err();
  EXPECT_EQ(results(), exactly_once(items, [](const std::string& item) { return item; }));
}

TEST_F(Opening, ItemsOfRedisCliBeginAQueueToo) {
  Process early = worker({}, {"true"});
  ASSERT_TRUE(came());
  push_past_us({"a", "b"});
  EXPECT_EQ(early.wait(), 0) << early.err();
  EXPECT_EQ(counts().completed, 2U);
}

TEST_F(Opening, AWorkerLeavesAQueueThatWasNeverOpenedWithSix) {
  Process early = worker({"--wait-open", "1s"}, {"true"});
  EXPECT_EQ(early.wait(), 6) << early.err();
  EXPECT_GE(early.run_time(), std::chrono::seconds{1});
  EXPECT_THAT(early.err(), HasSubstr("never-opened"));
}

TEST_F(Opening, WhatOnlyLooksAtAQueueThatDoesNotExistLeavesNoKey) {
  EXPECT_EQ(work({"--wait-open", "1s"}, {"true"}), 6);
  const std::string results_folder = path("results");
  const std::vector<Words> looks = {{"status", "q"},
                                    {"workers", "q"},
                                    {"ls", "q", "ready"},
                                    {"inspect", "q", "a"},
                                    {"retry", "q", "a"},
                                    {"retry", "q", "--all"},
                                    {"drop", "q", "a"},
                                    {"resume", "q"},
                                    {"purge", "q", "--yes"},
                                    {"verify", "q"},
                                    {"verify", "q", "--repair"},
                                    {"results", "q"},
                                    {"results", "q", "--to", results_folder},
                                    {"gc", "q"},
                                    {"doctor", "q"},
                                    {"metrics", "q"}};
  for (const Words& look : looks) {
    Process process = ctl_process(look);
    EXPECT_NE(process.wait(), 2) << process.err();
    EXPECT_THAT(redis_.list({"KEYS", "*"}), IsEmpty()) << look.front();
  }
  Process producer = push_process({"q"}, {.input = ""});
  EXPECT_EQ(producer.wait(), 0) << producer.err();
  EXPECT_THAT(keys_left(), IsEmpty());
}

TEST_F(Opening, AWorkerThatIsKilledBeforeTheQueueBeginsLeavesNothingForEver) {
  {
    Process early = worker({}, {"true"});
    ASSERT_TRUE(came());
    ASSERT_TRUE(eventually([this] { return redis_.integer({"PTTL", key(Key::workers)}) > 0; }));
    early.kill();
  }
  for (const std::string& each : redis_.list({"KEYS", "*"})) {
    const std::int64_t left_ms = redis_.integer({"PTTL", each});
    EXPECT_GT(left_ms, 0) << each;
    EXPECT_LE(left_ms, 600'000) << each;
  }
}

TEST_F(Opening, TheSignsOfLifeOfAWorkerStayOnceTheQueueHasBegun) {
  Process early = worker({}, {"true"});
  ASSERT_TRUE(came());
  Process producer = push_process({"q"}, {.open_input = true});
  ASSERT_TRUE(eventually([this] { return counts().producers == 1; }));  // so the worker stays
  push_past_us({"a"});
  EXPECT_TRUE(eventually([this] { return redis_.integer({"PTTL", key(Key::workers)}) == -1; }));
  producer.close_input();
  EXPECT_EQ(early.wait(), 0) << early.err();
}

TEST_F(Opening, AProducerThatIsOnlyAboutToPushDoesNotBeginTheQueue) {
  Process producer = push_process({"q"}, {.open_input = true});
  ASSERT_TRUE(eventually([this] { return counts().producers == 1; }));
  EXPECT_EQ(work({"--wait-open", "1s"}, {"true"}), 6);
  producer.close_input();
  EXPECT_EQ(producer.wait(), 0) << producer.err();
}

TEST_F(Opening, WorkersWaitWhileAProducerHoldsTheQueueOpenAndLeaveWhenItCloses) {
  Process producer = push_process({"q"}, {.input = "1\n2\n", .open_input = true});
  Process first = worker({"--results"}, {"printf", "%s", "{}"});
  Process second = worker({"--results"}, {"printf", "%s", "{}"});
  ASSERT_TRUE(eventually([this] { return counts().completed == 2; }));
  ASSERT_TRUE(came(2));
  producer.write("3\n");
  ASSERT_TRUE(eventually([this] { return counts().completed == 3; }));
  EXPECT_FALSE(first.ended());
  EXPECT_FALSE(second.ended());
  producer.write("4");  // without a line end
  producer.close_input();
  EXPECT_EQ(producer.wait(), 0) << producer.err();
  EXPECT_EQ(first.wait(), 0) << first.err();
  EXPECT_EQ(second.wait(), 0) << second.err();
  EXPECT_EQ(results(),
            exactly_once({"1", "2", "3", "4"}, [](const std::string& item) { return item; }));
}

TEST_F(Opening, TheHoldOfAKilledProducerRunsOut) {
  Process producer = push_process({"q"}, {.input = "1\n", .open_input = true});
  Process waiting = worker({}, {"true"});
  ASSERT_TRUE(eventually([this] { return counts().completed == 1; }));
  producer.kill();
  EXPECT_EQ(counts().producers, 1U);
  EXPECT_FALSE(waiting.ended());
  end_holds();
  EXPECT_EQ(waiting.wait(), 0) << waiting.err();
  EXPECT_EQ(counts().producers, 0U);
}

TEST_F(Opening, AWorkerLeavesADrainedQueueAtOnce) {
  push({"a"});
  EXPECT_EQ(work({}, {"true"}), 0);
  EXPECT_EQ(work({}, {"false"}), 0);
  EXPECT_EQ(counts().completed, 1U);
}

TEST_F(Opening, AWorkerWaitsForItemsThatOthersHold) {
  push({"a"});
  Queue other = open_queue();
  Lease held = lease_one(other);
  Process waiting = worker({"--results"}, {"printf", "%s", "{}"});
  ASSERT_TRUE(came());
  EXPECT_FALSE(waiting.ended());
  EXPECT_EQ(other.settle({completed(std::move(held))}).front(), Settled::accepted);
  EXPECT_EQ(waiting.wait(), 0) << waiting.err();
}

TEST_F(Opening, AWorkerSpendsNothingOnAPausedQueueUntilItGoesOn) {
  push({"a"});
  redis_.call({"SET", key(Key::paused), "1"});
  Process paused = worker({}, {"true"});
  ASSERT_TRUE(came());
  EXPECT_EQ(counts().leased, 0U);
  redis_.call({"DEL", key(Key::paused)});
  EXPECT_EQ(paused.wait(), 0) << paused.err();
  EXPECT_EQ(counts().completed, 1U);
}

}  // namespace
}  // namespace wq::test
