#include <csignal>
#include <deque>

#include "e2e/programs.h"

// A queue is filled and drained, and workers are killed on the way.
namespace wq::test {
namespace {

using ::testing::UnorderedElementsAre;

class Drain : public ProgramTest {
 protected:
  // Prints a line, then hangs, if the item is `stuck` and this is the first try.
  static Words stuck_at(const std::string& stuck) {
    return {"sh", "-c",
            R"(if [ "$WQ_ATTEMPT $1" = "1 )" + stuck +
                R"(" ]; then echo "stuck: $$ ." >&2; exec sleep 1000; fi; printf 'done %s' "$1")",
            "_", "{}"};
  }

  static std::string done(const std::string& item) { return "done " + item; }

  // The one among them whose item hangs.
  static Process& find_stuck(std::initializer_list<Process*> workers) {
    Process* found = nullptr;
    const bool came = eventually([&] {
      for (Process* each : workers) {
        if (each->err().find("stuck: ") != std::string::npos) found = each;
      }
      return found != nullptr;
    });
    if (!came) throw std::runtime_error("no worker hangs");
    return *found;
  }
};

TEST_F(Drain, OfThreeWorkersEndsEachWithZeroAndKeepsEachResultExactlyOnce) {
  const Words items = numbered("item ", 200);
  std::string input;
  for (const std::string& item : items) input += item + "\n";
  EXPECT_EQ(push_process({"q"}, {.input = input}).wait(), 0);

  const Words command{"printf", "done %s", "{}"};
  Process first = worker({"--results"}, command);
  Process second = worker({"--results"}, command);
  Process third = worker({"--results", "--concurrency", "4"}, command);
  EXPECT_EQ(first.wait(), 0) << first.err();
  EXPECT_EQ(second.wait(), 0) << second.err();
  EXPECT_EQ(third.wait(), 0) << third.err();

  EXPECT_EQ(results(), exactly_once(items, done));
  EXPECT_EQ(counts().completed, 200U);
  EXPECT_EQ(counts().leased, 200U + counts().released);
}

TEST_F(Drain, LeavesNoKeysButWhatPeopleReadAfterwards) {
  push_process({"q", "good", "bad"}).wait();
  EXPECT_EQ(work({"--results", "--max-attempts", "1"}, {"test", "{}", "=", "good"}), 0);
  EXPECT_TRUE(eventually([this] { return !redis_.exists(key(Key::reclaimer)); }));
  EXPECT_THAT(keys_left(), UnorderedElementsAre("q:stats", "q:fence", "q:results", "q:dead",
                                                "q:failures", "q:attempts"));
}

TEST_F(Drain, WithoutFailuresLeavesOnlyTheTotalsAndTheFence) {
  push_process({"q", "one", "two"}).wait();
  EXPECT_EQ(work({}, {"true", "{}"}), 0);
  EXPECT_TRUE(eventually([this] { return !redis_.exists(key(Key::reclaimer)); }));
  EXPECT_THAT(keys_left(), UnorderedElementsAre("q:stats", "q:fence"));
}

TEST_F(Drain, LosesAndRepeatsNothingWhenAWorkerIsKilledInTheMiddleOfAnItem) {
  const Words items = numbered("", 40);
  push(items);
  const Words options{"--results", "--lease", "3s"};
  Process a = worker(options, stuck_at("17"));
  Process b = worker(options, stuck_at("17"));
  Process c = worker(options, stuck_at("17"));
  Process& victim = find_stuck({&a, &b, &c});
  const pid_t child = pid_after(victim.err(), "stuck: ");
  // Until everything but the one that hangs is done.
  ASSERT_TRUE(eventually([this] { return counts().completed == 39; }));
  EXPECT_TRUE(is_alive(child));

  victim.kill();
  EXPECT_TRUE(eventually([&] { return !is_alive(child); })) << "its child lives on";
  for (Process* each : {&a, &b, &c}) {
    if (each != &victim) {
      EXPECT_EQ(each->wait(), 0) << each->err();
    }
  }
  EXPECT_EQ(results(), exactly_once(items, done));
  EXPECT_EQ(counts().crashed, 1U);
  EXPECT_EQ(counts().completed, 40U);
}

TEST_F(Drain, GoesOnWhenTheReclaimerIsKilled) {
  push({"a"});
  Process reclaimer = worker({"--results", "--lease", "3s"}, stuck_at("a"));
  reclaimer.wait_for_err("stuck: ");
  const std::string session = word_after(reclaimer.err(), "session=");
  ASSERT_TRUE(eventually([&] { return redis_.text({"GET", key(Key::reclaimer)}) == session; }));

  Process other = worker({"--results", "--lease", "3s"}, stuck_at("a"));
  ASSERT_TRUE(eventually([this] { return redis_.integer({"HLEN", key(Key::workers)}) == 2; }));
  reclaimer.kill();
  EXPECT_EQ(other.wait(), 0) << other.err();
  EXPECT_EQ(results(), exactly_once({"a"}, done));
  EXPECT_EQ(counts().crashed, 1U);
}

TEST_F(Drain, MakesAnItemThatKillsItsWorkersADeadLetter) {
  push({"good", "bad"});
  // Until the last of them, every worker is killed by the item.
  const Words killer{"sh", "-c", R"([ "$1" = good ] || kill -9 $PPID)", "_", "{}"};
  const Words options{"--lease", "2s", "--max-crashes", "2"};
  EXPECT_EQ(work(options, killer), -SIGKILL);
  EXPECT_EQ(work(options, killer), -SIGKILL);
  EXPECT_EQ(work(options, killer), 0);
  EXPECT_EQ(all(Key::dead), Words{"bad"});
  EXPECT_EQ(failure_of("bad").at("kind"), "crash");
  EXPECT_EQ(counts().completed, 1U);
  EXPECT_EQ(counts().crashed, 2U);
}

TEST_F(Drain, CommitsNothingForAWorkerThatSleptThroughItsLease) {
  push({"a"});
  // The first try goes on while its worker sleeps, and ends well.
  Process sleeper =
      worker({"--results", "--lease", "3s"}, {"sh", "-c",
                                              R"(echo running >&2; until [ -e ")" + path("go") +
                                                  R"(" ]; do sleep 0.02; done; echo "too late")"});
  sleeper.wait_for_err("running");
  sleeper.signal(SIGSTOP);
  Process other = worker({"--results", "--lease", "3s"}, {"printf", "done %s", "{}"});
  EXPECT_EQ(other.wait(), 0) << other.err();
  file("go", "");
  sleeper.signal(SIGCONT);
  EXPECT_EQ(sleeper.wait(), 0) << sleeper.err();
  EXPECT_EQ(results(), exactly_once({"a"}, done));
  EXPECT_EQ(counts().completed, 1U);
  EXPECT_EQ(counts().crashed, 1U);
}

TEST_F(Drain, OfAnEmptyResultKeepsIt) {
  push({"a"});
  EXPECT_EQ(work({"--results"}, {"true"}), 0);
  EXPECT_EQ(results(), exactly_once({"a"}, [](const std::string&) { return ""; }));
}

TEST_F(Drain, WaitsForEachOfSeveralProducers) {
  Process first = push_process({"q"}, {.input = "a\n", .open_input = true});
  Process second = push_process({"q"}, {.input = "b\n", .open_input = true});
  Process worker = this->worker({"--results"}, {"printf", "done %s", "{}"});
  ASSERT_TRUE(eventually([this] { return counts().completed == 2; }));
  first.close_input();
  EXPECT_EQ(first.wait(), 0);
  second.write("c\n");
  ASSERT_TRUE(eventually([this] { return counts().completed == 3; }));
  EXPECT_FALSE(worker.ended());
  second.close_input();
  EXPECT_EQ(second.wait(), 0);
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  EXPECT_EQ(results(), exactly_once({"a", "b", "c"}, done));
}

TEST_F(Drain, GoesOnWhenNobodyReadsTheLog) {
  push(numbered("", 5));
  Process shell = start(
      {"sh", "-c", R"({ "$@"; echo "ended with $?" >)" + path("code") + "; } 2>&1 | head -c 1", "_",
       kWorkerProgram, "--queue", "q", "--", "sh", "-c", "echo to stderr >&2"});
  EXPECT_EQ(shell.wait(), 0);
  EXPECT_EQ(counts().completed, 5U);
  EXPECT_EQ(content_of(path("code")), "ended with 0\n");
}

TEST_F(Drain, GoesOnWithItsStreamsClosed) {
  push(numbered("", 5));
  Process shell = start({"sh", "-c", R"(exec "$@" <&- >&- 2>&-)", "_", kWorkerProgram, "--queue",
                         "q", "--results", "--", "cat"});
  EXPECT_EQ(shell.wait(), 0);
  EXPECT_EQ(results(), exactly_once(numbered("", 5), [](const std::string& item) { return item; }));
}

TEST_F(Drain, DoesNotWaitForAProcessThatHasLeftItsGroup) {
  push({"a"});
  // It has left, with the pipe of the results in its hands, before the command ends.
  Process worker = this->worker(
      {"--results"},
      {"sh", "-c", "exec 3>&1; echo $(setsid sh -c 'echo $$; exec sleep 1000 >&3 3>&-' &)"});
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  const auto left = static_cast<pid_t>(std::stol(results().at("a").front()));
  EXPECT_EQ(::kill(left, SIGKILL), 0);
}

TEST_F(Drain, OfManyWorkersThatAreKilledAgainAndAgainLosesAndRepeatsNothing) {
  const Words items = numbered("", 400);
  push(items);
  const Words options{"--results", "--lease",       "500ms", "--concurrency",
                      "3",         "--max-crashes", "100"};
  const Words command{"sh", "-c", R"(sleep 0.01; printf 'done %s' "$1")", "_", "{}"};
  std::deque<Process> workers;
  for (int i = 0; i < 3; ++i) workers.push_back(worker(options, command));
  for (const std::uint64_t progress : {40U, 80U, 120U, 160U, 200U}) {
    ASSERT_TRUE(eventually([&] { return counts().completed >= progress; }));
    workers.front().kill();
    workers.pop_front();
    workers.push_back(worker(options, command));
  }
  for (Process& each : workers) EXPECT_EQ(each.wait(), 0) << each.err();
  EXPECT_EQ(results(), exactly_once(items, done));
  EXPECT_EQ(counts().completed, 400U);
}

}  // namespace
}  // namespace wq::test
