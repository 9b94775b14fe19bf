#include <csignal>

#include "e2e/programs.h"

// Workers that are told to leave.
namespace wq::test {
namespace {

constexpr int kInterrupted = 130;
constexpr int kTerminated = 143;
// Far less than anything that a worker might wait for by mistake.
constexpr std::chrono::seconds kQuick{8};

class Stop : public ProgramTest {
 protected:
  // Says that it runs, and ends well when `go` exists.
  [[nodiscard]] Words until_go() const {
    return {"sh", "-c",
            R"(echo "running: $$ ." >&2; until [ -e ")" + go_ +
                R"(" ]; do sleep 0.02; done; echo "attempt $WQ_ATTEMPT")"};
  }
  void go() const { file("go", ""); }

  // Says that it runs, and then what a signal does to it by default ends it.
  static Words for_ever() { return {"sh", "-c", R"(echo "running: $$ ." >&2; exec sleep 1000)"}; }

  // Does not care about SIGTERM.
  static Words stubborn() {
    return {
        "sh", "-c",
        R"(trap "echo asked >&2" TERM; echo "running: $$ ." >&2; while :; do sleep 0.05; done)"};
  }

  // Whose item was given back at no cost.
  void expect_released() {
    EXPECT_EQ(all(Key::ready), Words{"a"});
    EXPECT_EQ(counts().released, 1U);
    EXPECT_EQ(counts().crashed, 0U);
    EXPECT_FALSE(redis_.exists(key(Key::attempts)));
    EXPECT_FALSE(redis_.exists(lease_key("a")));
    EXPECT_EQ(work({"--results"}, {"sh", "-c", "echo \"attempt $WQ_ATTEMPT\""}), 0);
    EXPECT_EQ(results(), exactly_once({"a"}, [](const std::string&) { return "attempt 1\n"; }));
  }

  static auto measured(Process& process) {
    const auto begin = std::chrono::steady_clock::now();
    process.wait();
    return std::chrono::steady_clock::now() - begin;
  }

  const std::string go_ = path("go");
};

TEST_F(Stop, LetsTheRunningItemEndAfterSIGTERMAndLeavesWith143) {
  push({"a", "b"});
  Process worker = this->worker({"--results"}, until_go());
  worker.wait_for_err("running: ");
  worker.signal(SIGTERM);
  worker.wait_for_err("finishing");
  go();
  EXPECT_EQ(worker.wait(), kTerminated) << worker.err();
  EXPECT_EQ(results(), exactly_once({"a"}, [](const std::string&) { return "attempt 1\n"; }));
  EXPECT_EQ(all(Key::ready), Words{"b"});
}

TEST_F(Stop, LetsTheRunningItemEndAfterSIGINTAndLeavesWith130) {
  push({"a"});
  Process worker = this->worker({}, until_go());
  worker.wait_for_err("running: ");
  worker.signal(SIGINT);
  worker.wait_for_err("finishing");
  go();
  EXPECT_EQ(worker.wait(), kInterrupted) << worker.err();
  EXPECT_EQ(counts().completed, 1U);
}

TEST_F(Stop, DoesNotWaitAfterASecondSignalAndReleasesTheItemUncharged) {
  push({"a"});
  Process worker = this->worker({}, for_ever());
  worker.wait_for_err("running: ");
  const pid_t child = pid_after(worker.err(), "running: ");
  worker.signal(SIGTERM);
  worker.wait_for_err("finishing");
  EXPECT_TRUE(is_alive(child));
  worker.signal(SIGTERM);
  EXPECT_LT(measured(worker), kQuick);
  EXPECT_EQ(worker.wait(), kTerminated) << worker.err();
  EXPECT_FALSE(is_alive(child));
  expect_released();
}

TEST_F(Stop, EndsWithTheCodeOfTheFirstSignal) {
  push({"a"});
  Process worker = this->worker({}, for_ever());
  worker.wait_for_err("running: ");
  worker.signal(SIGINT);
  worker.wait_for_err("finishing");
  worker.signal(SIGTERM);
  EXPECT_EQ(worker.wait(), kInterrupted) << worker.err();
}

TEST_F(Stop, EndsTheItemWhenTheGraceTimeIsOverAndReleasesItUncharged) {
  push({"a"});
  Process worker = this->worker({"--grace", "300ms"}, for_ever());
  worker.wait_for_err("running: ");
  const pid_t child = pid_after(worker.err(), "running: ");
  worker.signal(SIGTERM);
  EXPECT_LT(measured(worker), kQuick);
  EXPECT_EQ(worker.wait(), kTerminated) << worker.err();
  EXPECT_FALSE(is_alive(child));
  expect_released();
}

TEST_F(Stop, KillsAChildThatIgnoresSIGTERM) {
  push({"a"});
  Process worker = this->worker({"--grace", "0"}, stubborn());
  worker.wait_for_err("running: ");
  const pid_t child = pid_after(worker.err(), "running: ");
  worker.signal(SIGTERM);
  worker.wait_for_err("asked");
  EXPECT_EQ(worker.wait(), kTerminated) << worker.err();
  EXPECT_FALSE(is_alive(child));
  expect_released();
}

TEST_F(Stop, LeavesAtOnceAtAThirdSignalAndTakesTheChildAlong) {
  push({"a"});
  Process worker = this->worker({"--lease", "3s"}, stubborn());
  worker.wait_for_err("running: ");
  const pid_t child = pid_after(worker.err(), "running: ");
  worker.signal(SIGTERM);
  worker.wait_for_err("finishing");
  worker.signal(SIGTERM);
  worker.wait_for_err("stopping all running items");
  worker.signal(SIGTERM);
  EXPECT_LT(measured(worker), kQuick);
  EXPECT_EQ(worker.wait(), kTerminated) << worker.err();
  EXPECT_TRUE(eventually([&] { return !is_alive(child); }));
  // What was held comes back when the lease ends.
  EXPECT_EQ(work({"--lease", "3s"}, {"true"}), 0);
  EXPECT_EQ(counts().completed, 1U);
  EXPECT_EQ(counts().crashed, 1U);
}

TEST_F(Stop, KeepsAResultThatComesInAfterTheChildWasAskedToEnd) {
  push({"a"});
  Process worker = this->worker(
      {"--results", "--grace", "0"},
      {"sh", "-c",
       R"(trap "echo saved; exit 0" TERM; echo "running" >&2; while :; do sleep 0.05; done)"});
  worker.wait_for_err("running");
  worker.signal(SIGTERM);
  EXPECT_EQ(worker.wait(), kTerminated) << worker.err();
  EXPECT_EQ(results(), exactly_once({"a"}, [](const std::string&) { return "saved\n"; }));
}

TEST_F(Stop, IsQuickBeforeTheQueueHasBegun) {
  Process worker = this->worker({}, {"true"});
  ASSERT_TRUE(eventually([this] { return redis_.exists(key(Key::workers)); }));
  worker.signal(SIGTERM);
  EXPECT_LT(measured(worker), kQuick);
  EXPECT_EQ(worker.wait(), kTerminated) << worker.err();
}

TEST_F(Stop, IsQuickWhileTheWorkerWaitsForMore) {
  Process producer = push_process({"q"}, {.input = "a\n", .open_input = true});
  Process worker = this->worker({}, {"true"});
  ASSERT_TRUE(eventually([this] { return counts().completed == 1; }));
  worker.signal(SIGINT);
  EXPECT_LT(measured(worker), kQuick);
  EXPECT_EQ(worker.wait(), kInterrupted) << worker.err();
}

TEST_F(Stop, IsQuickWhileRedisIsAway) {
  server_.stop();
  Process worker = this->worker({}, {"true"});
  worker.wait_for_err("retrying for");
  worker.signal(SIGTERM);
  EXPECT_LT(measured(worker), kQuick);
  EXPECT_EQ(worker.wait(), kTerminated) << worker.err();
  server_.start();
  redis_ = RedisClient(options());
}

TEST_F(Stop, IsQuickWhenRedisWentAwayFromAnIdleWorker) {
  Process worker = this->worker({}, {"true"});
  ASSERT_TRUE(eventually([this] { return redis_.exists(key(Key::workers)); }));
  server_.stop();
  worker.wait_for_err("retrying for");
  worker.signal(SIGTERM);
  EXPECT_LT(measured(worker), kQuick);
  EXPECT_EQ(worker.wait(), kTerminated) << worker.err();
  server_.start();
  redis_ = RedisClient(options());
}

TEST_F(Stop, LeavesNoEntryAmongTheWorkers) {
  push({"a"});
  Process worker = this->worker({"--grace", "0"}, for_ever());
  worker.wait_for_err("running: ");
  ASSERT_TRUE(eventually([this] { return redis_.exists(key(Key::workers)); }));
  worker.signal(SIGTERM);
  worker.wait();
  EXPECT_FALSE(redis_.exists(key(Key::workers)));
}

// Where the system permits it, a worker in a container of its own, where it is process 1.
class StopOfProcess1 : public Stop, public ::testing::WithParamInterface<Words> {};

Words with_kill(Words unshare) { return unshare + Words{"--pid", "--fork", "--kill-child"}; }

std::vector<Words> ways_into_a_container() {
  for (const Words& way : {Words{"unshare"}, Words{"unshare", "--user", "--map-root-user"}}) {
    try {
      if (Process(with_kill(way) + Words{"true"}).wait() == 0) return {way};
    } catch (const std::system_error&) {  // no such program
    }
  }
  return {};
}

TEST_P(StopOfProcess1, LeavesWith143AfterItsItemAndCollectsOrphans) {
  push({"a"});
  // Leaves an orphan behind that has left its group and ends before the item does.
  const Words command{"sh", "-c",
                      R"(setsid sh -c 'sleep 0.01 & echo "$$" > )" + path("orphan") +
                          R"(' & until [ -e )" + path("orphan") +
                          R"( ]; do sleep 0.02; done; echo running >&2; until [ -e )" + go_ +
                          R"( ]; do sleep 0.02; done; echo "worker $PPID")"};
  Process container = start(with_kill(GetParam()) +
                            Words{kWorkerProgram, "--queue", "q", "--results", "--"} + command);
  container.wait_for_err("running");
  ASSERT_EQ(children_of(container.pid()).size(), 1U);
  const pid_t worker = children_of(container.pid()).front();
  EXPECT_TRUE(eventually([&] { return children_of(worker).size() == 1; })) << "orphans remain";
  ::kill(worker, SIGTERM);
  container.wait_for_err("finishing");
  go();
  EXPECT_EQ(container.wait(), kTerminated) << container.err();
  EXPECT_EQ(results(), exactly_once({"a"}, [](const std::string&) { return "worker 1\n"; }));
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(StopOfProcess1);
INSTANTIATE_TEST_SUITE_P(Here, StopOfProcess1, ::testing::ValuesIn(ways_into_a_container()));

}  // namespace
}  // namespace wq::test
