#include <algorithm>
#include <csignal>
#include <filesystem>

#include "e2e/programs.h"

// What wq-push puts into a queue, and what it says about it.
namespace wq::test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class Push : public ProgramTest {
 protected:
  // Runs it to a good end and returns what it said.
  std::string push_all(const Words& arguments, ProcessOptions process = {}) {
    Process push = push_process(arguments, std::move(process));
    const int code = push.wait();
    EXPECT_EQ(code, 0) << push.err();
    return push.err();
  }

  // What is in the queue, first pushed first.
  [[nodiscard]] Words queued() {
    Words items = all(Key::ready);
    std::reverse(items.begin(), items.end());
    return items;
  }

  // What it would push, without a Redis.
  [[nodiscard]] Words dry(const Words& arguments) const {
    Process dry = push_process(Words{"--dry-run"} + arguments,
                               {.environment = {{"WQ_REDIS", "unix://" + path("nobody")}}});
    EXPECT_EQ(dry.wait(), 0) << dry.err();
    return lines(dry.out());
  }

  [[nodiscard]] static std::string as_lines(const Words& items) {
    std::string text;
    for (const std::string& item : items) text += item + "\n";
    return text;
  }
};

TEST_F(Push, TakesItemsFromItsArgumentsInTheirOrder) {
  EXPECT_THAT(push_all({"q", "one", "two words", "-", "--", "--three"}),
              HasSubstr("pushed 4 items to q"));
  EXPECT_EQ(queued(), (Words{"one", "two words", "-", "--three"}));
}

TEST_F(Push, HandsOutFirstWhatWasPushedFirst) {
  push_all({"q", "a", "b", "c"});
  Process worker = this->worker({}, {"echo", "{}"});
  EXPECT_EQ(worker.wait(), 0);
  EXPECT_EQ(worker.out(), "a\nb\nc\n");
}

TEST_F(Push, TakesTheLinesOfStdin) {
  push_all({"q"}, {.input = "one\n\n  two  \nthree\r\n{1..3}\n*\nlast"});
  EXPECT_EQ(queued(), (Words{"one", "  two  ", "three\r", "{1..3}", "*", "last"}));
}

TEST_F(Push, ReadsACompressedListFromStdin) {
  const Words items = numbered("item ", 20'000);
  const std::string list = file("list", as_lines(items));
  Process push = start({"sh", "-c", "gzip -c \"$1\" | \"$2\" q", "_", list, kPushProgram});
  EXPECT_EQ(push.wait(), 0) << push.err();
  EXPECT_TRUE(queued() == items);
}

TEST_F(Push, OfATornCompressedListSaysWhereItEndsAndPushesNoHalfItem) {
  const Words items = numbered("item ", 20'000);
  const std::string list = file("list", as_lines(items));
  Process push =
      start({"sh", "-c", "gzip -c \"$1\" | head -c 20000 >\"$1.torn\"; \"$2\" q --file \"$1.torn\"",
             "_", list, kPushProgram});
  EXPECT_EQ(push.wait(), 1) << push.err();
  const Words pushed = queued();
  EXPECT_LT(pushed.size(), items.size());
  EXPECT_TRUE(std::equal(pushed.begin(), pushed.end(), items.begin()));
  EXPECT_THAT(push.err(),
              AllOf(HasSubstr("list.torn: line " + std::to_string(pushed.size() + 1) +
                              ", within the first 20000 bytes of the file"),
                    HasSubstr("exactly " + std::to_string(pushed.size()) + " items were pushed")));
}

TEST_F(Push, TakesWhatNulEndsFromStdinExactly) {
  push_all({"-0", "q"}, {.input = std::string("a\nb\0\0c", 6)});
  EXPECT_EQ(queued(), (Words{"a\nb", "", "c"}));
}

TEST_F(Push, TakesTheLinesOfFilesBehindItsArguments) {
  const std::string first = file("first", "1\n2\n");
  const std::string second = file("second", "4\n");
  push_all({"q", "0", "--file", first, "--file", "-", "--file", second}, {.input = "3\n"});
  EXPECT_EQ(queued(), (Words{"0", "1", "2", "3", "4"}));
}

TEST_F(Push, TakesWholeFiles) {
  const std::string binary("\0\xff\n", 3);
  push_all({"--each-file", "q", file("a", binary), file("b", "")}, {});
  EXPECT_EQ(queued(), (Words{binary, ""}));
}

TEST_F(Push, TakesRangesOfNumbers) {
  push_all({"q", "s3://b/shard-{008..011}.tar", "{\"json\": {}}"});
  EXPECT_EQ(queued(), (Words{"s3://b/shard-008.tar", "s3://b/shard-009.tar", "s3://b/shard-010.tar",
                             "s3://b/shard-011.tar", "{\"json\": {}}"}));
}

TEST_F(Push, TakesPatternsAcrossFolders) {
  std::filesystem::create_directories(path("data/deep/er"));
  const std::string one = file("data/1.tar", "");
  const std::string two = file("data/deep/er/2.tar", "");
  file("data/deep/3.txt", "");
  push_all({"q", path("data/**.tar")});
  EXPECT_THAT(queued(), UnorderedElementsAre(one, two));
}

TEST_F(Push, RefusesAPatternWithoutAnyFile) {
  Process push = push_process({"q", path("*.tar")});
  EXPECT_EQ(push.wait(), 2) << push.err();
  EXPECT_THAT(push.err(), HasSubstr("*.tar"));
  EXPECT_THAT(queued(), IsEmpty());
}

TEST_F(Push, TakesNothingForARangeOrPatternThatIsLiteral) {
  push_all({"--literal", "q", "{1..3}", "*"});
  EXPECT_EQ(queued(), (Words{"{1..3}", "*"}));
}

TEST_F(Push, WithOnceAddsNothingTheSecondTime) {
  push_all({"--once", "q", "a", "b", "a"});
  EXPECT_THAT(push_all({"--once", "q", "b", "c"}),
              AllOf(HasSubstr("pushed 1 item "), HasSubstr("skipped 1 pushed before")));
  EXPECT_EQ(queued(), (Words{"a", "b", "c"}));
}

TEST_F(Push, WithOnceAddsNothingThatIsDoneAlready) {
  push_all({"--once", "q", "a"});
  EXPECT_EQ(work({}, {"true"}), 0);
  push_all({"--once", "q", "a"});
  EXPECT_THAT(queued(), IsEmpty());
}

TEST_F(Push, UnlessDrainedIsRefusedOnADrainedQueueOnly) {
  push_all({"--unless-drained", "q", "a"});
  push_all({"--unless-drained", "q", "b"});
  EXPECT_EQ(work({}, {"true"}), 0);
  Process refused = push_process({"--unless-drained", "q", "c"});
  EXPECT_NE(refused.wait(), 0);
  EXPECT_THAT(refused.err(), HasSubstr("drained"));
  EXPECT_EQ(counts().ready, 0U);
  EXPECT_EQ(counts().pushed, 2U);
}

TEST_F(Push, ThatIsOnlyTriedPrintsTheItemsAndNeedsNoRedis) {
  EXPECT_EQ(dry({"q", "a", "b{1..2}"}), (Words{"a", "b1", "b2"}));
  EXPECT_EQ(dry({"--skip", "1", "q", "a", "b{1..2}"}), (Words{"b1", "b2"}));
  EXPECT_FALSE(redis_.exists(key(Key::stats)));
}

TEST_F(Push, StopsAtAnItemThatIsTooLargeAndSaysWhereItIs) {
  Process push = push_process({"--max-item-bytes", "5", "q"}, {.input = "12345\n123456\n1\n"});
  EXPECT_NE(push.wait(), 0);
  EXPECT_THAT(push.err(), AllOf(HasSubstr("line 2"), HasSubstr("5")));
  EXPECT_THAT(push.err(), HasSubstr("exactly 1 items were pushed to q"));
  EXPECT_EQ(queued(), Words{"12345"});
}

TEST_F(Push, HintsThatLargeItemsBelongElsewhere) {
  EXPECT_THAT(push_all({"q"}, {.input = std::string(2 << 20, 'x')}), HasSubstr("2097152 bytes"));
  EXPECT_EQ(counts().ready, 1U);
}

TEST_F(Push, OfAMissingFileTouchesNothing) {
  Process push = push_process({"q", "a", "--file", path("missing")});
  EXPECT_EQ(push.wait(), 2);
  EXPECT_THAT(push.err(), HasSubstr(path("missing")));
  EXPECT_THAT(redis_.list({"KEYS", "*"}), IsEmpty());
}

TEST_F(Push, SaysHowToGoOnWhenItIsInterruptedWhileInputPauses) {
  const Words items = numbered("item ", 7'000);
  Process push = push_process({"q"}, {.input = as_lines(items), .open_input = true});
  ASSERT_TRUE(eventually([this] { return counts().ready == 7'000; }));
  push.signal(SIGINT);
  EXPECT_EQ(push.wait(), 130);
  EXPECT_THAT(push.err(), HasSubstr("interrupted: exactly 7000 items were pushed to q; to resume, "
                                    "run the same command with --skip 7000"));
  push_all({"q", "--skip", "7000"}, {.input = as_lines(items) + "the last\n"});
  EXPECT_EQ(queued(), items + Words{"the last"});
  EXPECT_EQ(counts().producers, 0U);
}

TEST_F(Push, InterruptedInTheMiddleGoesOnWithoutALossOrARepetition) {
  const Words items = numbered("", 400'000);
  const std::string input = file("input", as_lines(items));
  Process push = push_process({"q", "--file", input});
  // It may have ended by then; usually it has not.
  ASSERT_TRUE(eventually([this] { return redis_.integer({"LLEN", "q"}) > 0; }));
  push.signal(SIGTERM);
  ASSERT_EQ(push.wait(), 143) << push.err();
  const std::string skip = word_after(push.err(), "--skip ");
  EXPECT_EQ(word_after(push.err(), "exactly "), skip);
  EXPECT_EQ(std::to_string(redis_.integer({"LLEN", "q"})), skip);
  EXPECT_LT(std::stoul(skip), items.size());

  push_all({"q", "--file", input, "--skip", skip});
  EXPECT_TRUE(queued() == items);
  EXPECT_EQ(counts().pushed, items.size());
}

TEST_F(Push, KilledInTheMiddleGoesOnWithOnce) {
  const Words items = numbered("", 100'000);
  const std::string input = file("input", as_lines(items));
  Process push = push_process({"--once", "q", "--file", input});
  ASSERT_TRUE(eventually([this] { return redis_.integer({"LLEN", "q"}) > 0; }));
  push.kill();
  EXPECT_LT(redis_.integer({"LLEN", "q"}), 100'000);
  push_all({"--once", "q", "--file", input});
  EXPECT_TRUE(queued() == items);
}

TEST_F(Push, InterruptedWhileRedisIsAwaySaysThatNothingIsIn) {
  Process push = push_process({"q"}, {.open_input = true});
  ASSERT_TRUE(eventually([this] { return counts().producers == 1; }));
  server_.stop();
  push.write("a\n");
  push.wait_for_err("retrying for");
  push.signal(SIGINT);
  EXPECT_EQ(push.wait(), 130) << push.err();
  EXPECT_THAT(push.err(), HasSubstr("0 items were pushed to q, and up to 1 more may have been"));
  server_.start();
  redis_ = RedisClient(options());
}

TEST_F(Push, ForgetsItsHoldAndItsSessionAtTheEnd) {
  push_all({"q", "a"});
  EXPECT_THAT(keys_left(), UnorderedElementsAre("q", "q:stats"));
}

TEST_F(Push, OfNothingLeavesNothing) {
  EXPECT_THAT(push_all({"q"}, {.input = ""}), HasSubstr("nothing was pushed"));
  EXPECT_THAT(keys_left(), IsEmpty());
}

// What sanitizers need would be counted too.
#ifndef WQ_SANITIZED
TEST_F(Push, OfAMillionLinesNeedsLittleMemory) {
  conserves_ = true;
  Process push = push_process({"q"}, {.open_input = true});
  std::string input;
  for (int thousand = 0; thousand < 1'000; ++thousand) {
    input.clear();
    for (int i = 0; i < 1'000; ++i) {
      input +=
          "s3://bucket/folder/of/shards/part-" + std::to_string(thousand * 1'000 + i) + ".tar\n";
    }
    push.write(input);
  }
  ASSERT_TRUE(eventually([this] { return redis_.integer({"LLEN", "q"}) == 1'000'000; }));
  // It remembers the last 100,000 items that were confirmed, see `PushReport::recovered`.
  EXPECT_LT(push.peak_memory_bytes(), std::size_t{32} << 20);
  push.close_input();
  EXPECT_EQ(push.wait(), 0) << push.err();
}
#endif

TEST_F(Push, SaysWhichItemIsTooLongForRedisAndWhatIsInAndHowToGoOn) {
  redis_.call({"CONFIG", "SET", "proto-max-bulk-len", "1048576"});
  const std::string list = file("list", "a\nb\n" + std::string(1'048'577, 'x') + "\nc\n");
  Process push = push_process({"q", "--file", list});
  EXPECT_EQ(push.wait(), 2) << push.err();
  EXPECT_THAT(push.err(),
              AllOf(HasSubstr("item 3: the item 'xxx"),
                    HasSubstr("has 1048577 bytes; this Redis takes no more than 1048576"),
                    HasSubstr("exactly 2 items were pushed to q")));
  EXPECT_THAT(queued(), ElementsAre("a", "b"));
  push_all({"q", "--file", list, "--skip", "3"});
  EXPECT_THAT(queued(), ElementsAre("a", "b", "c"));
}

}  // namespace
}  // namespace wq::test
