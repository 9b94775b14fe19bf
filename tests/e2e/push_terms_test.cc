// Items with delays and once-keys of their own: --delay and --jsonl.
#include <algorithm>
#include <chrono>
#include <csignal>

#include "e2e/programs.h"

namespace wq::test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PushTerms : public ProgramTest {
 protected:
  std::string said(const Words& arguments, int expected_code, ProcessOptions process = {}) {
    Process push = push_process(arguments, std::move(process));
    EXPECT_EQ(push.wait(), expected_code) << push.err();
    return push.err();
  }
  [[nodiscard]] Words queued() {
    Words items = all(Key::ready);
    std::reverse(items.begin(), items.end());
    return items;
  }
  // How long it waits still.
  std::int64_t left_ms(const std::string& item) {
    return std::stoll(redis_.text({"ZSCORE", key(Key::delayed), item}).value_or("0")) -
           redis_.time_ms();
  }
};

TEST_F(PushTerms, WithADelayItemsGoToDelayedAndAWorkerWaitsForThem) {
  EXPECT_THAT(said({"--delay", "300ms", "q", "a", "b"}, 0), HasSubstr("pushed 2 items to q"));
  EXPECT_EQ(counts().pushed, 2U);
  Process worker = this->worker({}, {"echo", "{}"});
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  EXPECT_EQ(counts().completed, 2U);
}

TEST_F(PushTerms, ADelayIsAsLongAsItSaysAndAtMostADay) {
  said({"--delay", "24h", "q", "a"}, 0);
  EXPECT_GT(left_ms("a"), 86'000'000);
  EXPECT_LE(left_ms("a"), 86'400'000);
  EXPECT_EQ(counts().ready, 0U);
  EXPECT_THAT(said({"--delay", "25h", "q", "b"}, 2), HasSubstr("--delay 25h is longer than 24h"));
  EXPECT_EQ(counts().pushed, 1U);
}

TEST_F(PushTerms, ALineOfJsonSaysWhatTheItemIsAndItsTerms) {
  said({"--jsonl", "--delay", "2h", "q"}, 0, {.input = R"({"item": "now", "delay": 0}
{"item": {"id": 7, "x": [1.0]}, "delay": "1h"}

{"item": "usual"}
{"item": "first", "delay": 0, "once": "k"}
{"item": "second", "delay": 0, "once": "k"}
)"});
  EXPECT_EQ(queued(), (Words{"now", "first"}));
  EXPECT_THAT(all(Key::delayed), ElementsAre(R"({"id": 7, "x": [1.0]})", "usual"));
  EXPECT_LE(left_ms(R"({"id": 7, "x": [1.0]})"), 3'600'000);
  EXPECT_GT(left_ms("usual"), 3'600'000);
}

TEST_F(PushTerms, OnceKeysOfLinesHoldAcrossRunsAndWithOnceOtherItemsAreTheirKeys) {
  said({"--jsonl", "q"}, 0, {.input = "{\"item\": \"a\", \"once\": \"k\"}\n{\"item\": \"b\"}\n"});
  const std::string again = "{\"item\": \"x\", \"once\": \"k\"}\n{\"item\": \"b\"}\n";
  EXPECT_THAT(said({"--jsonl", "--once", "q"}, 0, {.input = again}),
              AllOf(HasSubstr("pushed 1 item "), HasSubstr("skipped 1 pushed before")));
  EXPECT_THAT(said({"--jsonl", "--once", "q"}, 0, {.input = again}), HasSubstr("skipped 2"));
  EXPECT_EQ(queued(), (Words{"a", "b", "b"}));
}

TEST_F(PushTerms, SaysHowManyWereSkippedByKeysOfTheirOwn) {
  EXPECT_THAT(said({"--jsonl", "q"}, 0,
                   {.input = "{\"item\": 1, \"once\": \"k\"}\n{\"item\": 2, \"once\": \"k\"}\n"}),
              HasSubstr("skipped 1 pushed before"));
}

TEST_F(PushTerms, WithARateItemsGoEvenly) {
  Process push = push_process({"--rate", "20/s", "q"}, {.input = "1\n2\n3\n4\n5\n6\n7\n8\n9\n"});
  EXPECT_EQ(push.wait(), 0) << push.err();
  EXPECT_EQ(counts().pushed, 9U);
  // The first two at once, then two each 100 ms.
  EXPECT_GE(push.run_time(), std::chrono::milliseconds{390});
}

TEST_F(PushTerms, AStopEndsTheWaitForTheRateAndTheItemIsPushed) {
  Process push = push_process({"--rate", "1/s", "q", "{1..1000}"});
  ASSERT_TRUE(eventually([this] { return counts().pushed >= 1; }));
  push.signal(SIGTERM);
  EXPECT_EQ(push.wait(), 143);
  EXPECT_EQ(word_after(push.err(), "--skip "), std::to_string(counts().pushed));
}

TEST_F(PushTerms, ARateThatIsNoneIsRefused) {
  for (const char* rate : {"0/s", "5", "x/s", "5/m", "-1/s"}) {
    EXPECT_THAT(said({"--rate", rate, "q", "a"}, 2), HasSubstr("such as 100/s")) << rate;
  }
}

TEST_F(PushTerms, ABrokenLineOfJsonEndsThePushWithItsNumberAndWhatIsInTheQueue) {
  const std::string list =
      file("list", "{\"item\": \"a\"}\n\n{\"item\": \"b\"\n{\"item\": \"c\"}\n");
  EXPECT_THAT(said({"--jsonl", "q", "--file", list}, 2),
              AllOf(HasSubstr("list: line 3: it is not JSON"),
                    HasSubstr("exactly 1 items were pushed to q"), HasSubstr("--skip 1")));
  EXPECT_EQ(queued(), Words{"a"});
  EXPECT_EQ(counts().producers, 0U);
  file("list", "{\"item\": \"a\"}\n\n{\"item\": \"b\"}\n{\"item\": \"c\"}\n");
  said({"--jsonl", "q", "--file", list, "--skip", "1"}, 0);
  EXPECT_EQ(queued(), (Words{"a", "b", "c"}));
}

TEST_F(PushTerms, DryRunPrintsTheItemsOfLinesOfJson) {
  Process dry = push_process({"--dry-run", "--jsonl", "q"},
                             {.input = "{\"item\": [1, 2], \"delay\": 5}\n{\"item\": \"b\"}\n"});
  EXPECT_EQ(dry.wait(), 0) << dry.err();
  EXPECT_EQ(dry.out(), "[1, 2]\nb\n");
}

TEST_F(PushTerms, LinesOfJsonAreNeitherEndedByNulNorNamesOfFiles) {
  EXPECT_THAT(said({"--jsonl", "-0", "q"}, 2), HasSubstr("cannot be combined"));
  EXPECT_THAT(said({"--jsonl", "--each-file", "q"}, 2), HasSubstr("cannot be combined"));
  EXPECT_THAT(redis_.list({"KEYS", "*"}), IsEmpty());
}

TEST_F(PushTerms, KilledInTheMiddleOfLinesWithKeysGoesOnWithoutARepetition) {
  std::string lines;
  for (int i = 0; i < 30'000; ++i) {
    const std::string n = std::to_string(i);
    lines += "{\"item\": " + n + ", \"once\": \"k" + n + "\"";
    lines += i % 3 == 0 ? ", \"delay\": \"1h\"}\n" : "}\n";
  }
  const std::string list = file("list", lines);
  Process push = push_process({"--jsonl", "q", "--file", list});
  ASSERT_TRUE(eventually([this] { return redis_.integer({"LLEN", "q"}) > 0; }));
  push.kill();
  said({"--jsonl", "q", "--file", list}, 0);
  EXPECT_EQ(counts().ready, 20'000U);
  EXPECT_EQ(counts().delayed, 10'000U);
  EXPECT_EQ(counts().pushed, 30'000U);
}

}  // namespace
}  // namespace wq::test
