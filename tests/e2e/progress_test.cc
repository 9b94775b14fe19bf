#include <csignal>

#include "e2e/programs.h"
#include "support/terminal.h"

// What a worker says while it works, while it waits, and at its end.
namespace wq::test {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

class Progress : public ProgramTest {
 protected:
  // Ends when `go` exists.
  [[nodiscard]] Words until_go() const {
    return {"sh", "-c", "until [ -e '" + go_ + "' ]; do sleep 0.02; done", "_", "{}"};
  }
  void go() const { file("go", ""); }

  const std::string go_ = path("go");
};

TEST_F(Progress, IsALineInTheLogFromTimeToTime) {
  push({"a", "b"});
  Process worker = this->worker({"--progress", "100ms"}, until_go());
  worker.wait_for_err("progress: completed=0 failed=0 released=0 left=2 dead=0 running=1");
  worker.wait_for_err("longest ");
  go();
  EXPECT_EQ(worker.wait(), 0);
  EXPECT_THAT(worker.err(), HasSubstr(" of a"));
}

TEST_F(Progress, IsALineInPlaceOnATerminal) {
  push({"a", "b"});
  Terminal terminal(120);
  Process worker = start(Words{kWorkerProgram, "--queue", "q", "--"} + until_go(),
                         {.terminal = terminal.slave()});
  terminal.wait_for("0 done, 0 failed, 2 left in the queue");
  terminal.wait_for("1 running, longest ");
  go();
  EXPECT_EQ(worker.wait(), 0);
  // The line is gone, and whole lines of the log are left.
  EXPECT_THAT(terminal.text(),
              AllOf(HasSubstr("end: drained completed=2"), Not(HasSubstr("left in the queue"))));
}

TEST_F(Progress, StandsBelowWhatCommandsPrint) {
  push({"a", "b"});
  Terminal terminal(120);
  Process worker =
      start({kWorkerProgram, "--queue", "q", "--", "sh", "-c",
             "until [ -e '" + go_ + "' ]; do sleep 0.02; done; echo out $1", "_", "{}"},
            {.terminal = terminal.slave()});
  terminal.wait_for("1 running, longest ");
  go();
  EXPECT_EQ(worker.wait(), 0);
  EXPECT_THAT(terminal.screen(), AllOf(::testing::Contains("out a"), ::testing::Contains("out b")));
}

TEST_F(Progress, IsNotShownIfNotWanted) {
  push({"a"});
  Terminal terminal(120);
  Process worker =
      start(Words{kWorkerProgram, "--queue", "q", "--progress", "0", "--"} + until_go(),
            {.terminal = terminal.slave()});
  terminal.wait_for("start: ");
  EXPECT_TRUE(eventually([this] { return counts().processing == 1; }));
  go();
  EXPECT_EQ(worker.wait(), 0);
  EXPECT_THAT(terminal.bytes(), Not(HasSubstr("left in the queue")));
}

class Waiting : public ProgramTest {
 protected:
  void end(Process& worker) {
    worker.signal(SIGTERM);
    EXPECT_EQ(worker.wait(), 143);
  }
};

TEST_F(Waiting, ForAQueueToBeginIsSaid) {
  Process worker = this->worker({}, {"true"});
  worker.wait_for_err("waiting: the queue 'q' has not begun: no item was pushed");
  worker.wait_for_err("the worker exits 600s after its start if no item is pushed");
  end(worker);
}

TEST_F(Waiting, ForAQueueToBeginNamesThoseThatThereAre) {
  push({"a"});
  Process worker = start({kWorkerProgram, "--queue", "Q1", "--", "true"});
  worker.wait_for_err("no item was pushed (there is q); the worker exits");
  end(worker);
}

TEST_F(Waiting, ForAPausedQueueIsSaid) {
  push({"a"});
  static_cast<void>(ctl({"pause", "q"}));
  Process worker = this->worker({}, {"true"});
  worker.wait_for_err("waiting: the queue is paused (wqctl resume)");
  end(worker);
}

TEST_F(Waiting, ForAProducerNamesIt) {
  Process producer = push_process({"q"}, {.input = "a\n", .open_input = true});
  Process worker = this->worker({}, {"true"});
  worker.wait_for_err("waiting: the queue is empty, and a producer holds it open: 'wq-push on ");
  worker.wait_for_err("pid " + std::to_string(producer.pid()) + "', last heartbeat ");
  worker.wait_for_err("its hold expires within 60s");
  producer.close_input();
  EXPECT_EQ(producer.wait(), 0);
  EXPECT_EQ(worker.wait(), 0);
}

TEST_F(Waiting, ForTheLastItemsOfOthersIsSaid) {
  push({"a"});
  Queue other = open_queue();
  Lease held = lease_one(other);
  Process worker = this->worker({}, {"true"});
  worker.wait_for_err("waiting: nothing is ready; 1 item is held by other workers");
  EXPECT_THAT(other.settle({completed(std::move(held))}),
              ::testing::ElementsAre(Settled::accepted));
  EXPECT_EQ(worker.wait(), 0);
}

using End = ProgramTest;

TEST_F(End, OfAQueueWithDeadLettersIsAWarningWithTheirKindsAndWhatToDo) {
  push({"a", "b"});
  Process worker = this->worker({"--max-attempts", "1", "--halt", "0"}, {"false"});
  EXPECT_EQ(worker.wait(), 0);
  EXPECT_THAT(lines(worker.err()).back(),
              AllOf(HasSubstr(" warning 2 dead letters remain (2 exit)"),
                    EndsWith("list them: wqctl ls q dead; retry them: wqctl retry q --all")));
}

TEST_F(End, OnATerminalWithDeadLettersIsAFailureUnlessTheyAreToBeIgnored) {
  for (const auto& [option, code] : {std::pair{"--progress=0", 3}, std::pair{"--ignore-dead", 0}}) {
    push({option});
    Terminal terminal(120);
    Process worker =
        start({kWorkerProgram, "--queue", "q", "--max-attempts", "1", option, "--", "false"},
              {.terminal = terminal.slave()});
    EXPECT_EQ(worker.wait(), code);
  }
}

TEST_F(End, RefusesToFailAndToIgnoreTheSame) {
  Process worker = this->worker({"--fail-on-dead", "--ignore-dead"}, {"true"});
  EXPECT_EQ(worker.wait(), 2);
  EXPECT_THAT(worker.err(), HasSubstr("contradict each other"));
}

using Halting = ProgramTest;

TEST_F(Halting, BeginsNothingMoreWhenItIsDecided) {
  push(numbered("item", 200));
  Process worker = this->worker({"--halt", "3", "--max-attempts", "1"}, {"false"});
  EXPECT_EQ(worker.wait(), 3);
  EXPECT_EQ(counts().failed + counts().died, 2 * 3U);
}

TEST_F(Halting, LetsNoMoreFailThanWasBegun) {
  push(numbered("item", 200));
  Process worker =
      this->worker({"--halt", "1", "--concurrency", "4", "--max-attempts", "1"}, {"false"});
  EXPECT_EQ(worker.wait(), 3);
  EXPECT_GE(counts().died, 1U);
  EXPECT_LE(counts().died, 4U);
}

}  // namespace
}  // namespace wq::test
