// Pushing to a queue that was filled before, and pushing nothing.
#include <wq/producer.h>

#include "e2e/programs.h"

namespace wq::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class PushAgain : public ProgramTest {
 protected:
  // Fills the queue with these and drains it, with a result of each.
  void run_once(const Words& items, const Words& options = {}) {
    EXPECT_EQ(push_process(options + Words{"q"} + items).wait(), 0);
    EXPECT_EQ(work({"--results"}, {"printf", "%s", "{}"}), 0);
  }

  // Runs it to its end and returns what it said.
  std::string said(const Words& arguments, int expected_code, ProcessOptions process = {}) {
    Process push = push_process(arguments, std::move(process));
    EXPECT_EQ(push.wait(), expected_code) << push.err();
    return push.err();
  }
};

TEST_F(PushAgain, ToADrainedQueueSaysWhatItHoldsAndHowToBeginAnew) {
  run_once({"a", "b"});
  EXPECT_THAT(said({"q", "a", "b"}, 0),
              AllOf(HasSubstr("q was drained before (2 of 2 items completed, 0 dead, 2 results "
                              "kept)"),
                    HasSubstr("--fresh"), HasSubstr("--once")));
}

TEST_F(PushAgain, ToAQueueThatIsFilledInPartsSaysNothing) {
  EXPECT_THAT(said({"q", "a"}, 0), Not(HasSubstr("drained")));
  EXPECT_THAT(said({"q", "b"}, 0), Not(HasSubstr("drained")));
}

TEST_F(PushAgain, WithOnceSaysSoOnlyIfItKnewNoItem) {
  run_once({"a"});
  EXPECT_THAT(said({"--once", "q", "a"}, 0), HasSubstr("--once knew none of them"));
  EXPECT_EQ(work({}, {"true"}), 0);
  EXPECT_THAT(said({"--once", "q", "a", "b"}, 0), Not(HasSubstr("drained before")));
}

TEST_F(PushAgain, FreshRemovesTheEarlierRunFirst) {
  run_once({"a", "b"});
  EXPECT_THAT(said({"--fresh", "q", "a", "b"}, 0),
              AllOf(HasSubstr("removed from q"), HasSubstr("2 results")));
  EXPECT_EQ(counts().pushed, 2U);
  EXPECT_EQ(counts().completed, 0U);
  EXPECT_THAT(results(), IsEmpty());
  EXPECT_EQ(work({}, {"true"}), 0);
}

TEST_F(PushAgain, FreshBeginsAQueueThatIsNotThereLikeAnyOther) {
  EXPECT_THAT(said({"--fresh", "q", "a"}, 0), Not(HasSubstr("removed")));
  EXPECT_EQ(counts().ready, 1U);
}

TEST_F(PushAgain, FreshIsRefusedWhileAProducerIsThere) {
  run_once({"a"});
  Producer producer("q", options());
  EXPECT_THAT(said({"--fresh", "q", "b"}, 1), HasSubstr("1 producer"));
  EXPECT_EQ(counts().completed, 1U);
  EXPECT_EQ(counts().pushed, 1U);
}

TEST_F(PushAgain, FreshIsRefusedWhileAWorkerIsThere) {
  EXPECT_THAT(said({"q", "a"}, 0), HasSubstr("pushed 1 item"));
  Process busy =
      worker({}, {"sh", "-c", "while [ ! -e \"$1\" ]; do sleep 0.05; done", "_", path("go")});
  ASSERT_TRUE(eventually([&] { return redis_.exists(key(Key::workers)); }));
  EXPECT_THAT(said({"--fresh", "q", "b"}, 1), HasSubstr("1 worker"));
  EXPECT_EQ(counts().processing, 1U);
  file("go", "");
  EXPECT_EQ(busy.wait(), 0);
}

TEST_F(PushAgain, FreshRemovesNothingForAListThatIsEmptyOrCannotBeRead) {
  run_once({"a"});
  EXPECT_THAT(said({"--fresh", "q"}, 0, {.input = ""}), HasSubstr("nothing was removed either"));
  EXPECT_THAT(said({"--fresh", "q"}, 2, {.input = "BZh91AY&SY"}), HasSubstr("bzcat"));
  EXPECT_THAT(said({"--fresh", "q"}, 1, {.input = "\x1f\x8b\x08"}),
              HasSubstr("ends in the middle"));
  EXPECT_THAT(said({"--fresh", "q", "--file", path("none")}, 2), HasSubstr("cannot read"));
  EXPECT_EQ(counts().completed, 1U);
  EXPECT_EQ(results().size(), 1U);
}

TEST_F(PushAgain, FreshThatIsKilledInTheMiddleIsRepeatedWithNoItemTwice) {
  run_once({"old"});
  Process push = push_process({"--fresh", "q", "--file", "-"}, {.open_input = true});
  push.write("a\nb\n");
  ASSERT_TRUE(eventually([&] { return counts().ready == 2; }));
  push.kill();
  // As when the time of its hold is over.
  redis_.call({"ZADD", key(Key::producers), "XX", "1000",
               redis_.list({"ZRANGE", key(Key::producers), "0", "-1"}).at(0)});
  said({"--fresh", "q", "a", "b", "c"}, 0);
  EXPECT_EQ(counts().pushed, 3U);
  EXPECT_EQ(counts().ready, 3U);
  EXPECT_EQ(work({"--results"}, {"printf", "%s", "{}"}), 0);
  EXPECT_EQ(results(), exactly_once({"a", "b", "c"}, [](const std::string& x) { return x; }));
}

TEST_F(PushAgain, FreshAndSkipExcludeEachOther) {
  EXPECT_THAT(said({"--fresh", "--skip", "3", "q", "a"}, 2), HasSubstr("use one of them"));
}

TEST_F(PushAgain, FreshIsNeverTakenFromTheEnvironment) {
  run_once({"a"});
  EXPECT_THAT(said({"q", "b"}, 0, {.environment = {{"WQ_PUSH_FRESH", "1"}}}),
              HasSubstr("$WQ_PUSH_FRESH is ignored"));
  EXPECT_EQ(counts().pushed, 2U);
}

TEST_F(PushAgain, OfNothingSaysThatWorkersWillWait) {
  EXPECT_THAT(
      said({"q"}, 0, {.input = ""}),
      AllOf(HasSubstr("nothing was pushed to q: there were no items"), HasSubstr("workers wait")));
  run_once({"a"});
  EXPECT_THAT(said({"q"}, 0, {.input = "\n\n"}),
              AllOf(HasSubstr("there were no items"), Not(HasSubstr("workers wait"))));
  EXPECT_THAT(said({"--skip", "1", "q", "a"}, 0), HasSubstr("only the 1 items of --skip"));
}

}  // namespace
}  // namespace wq::test
