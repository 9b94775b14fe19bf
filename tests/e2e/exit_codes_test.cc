#include <csignal>

#include "e2e/programs.h"

// Every exit code of the table that all programs share.
namespace wq::test {
namespace {

using ::testing::HasSubstr;

class ExitCode : public ProgramTest {
 protected:
  // Its Redis is a socket without a listener.
  [[nodiscard]] ProcessOptions without_redis() const {
    return {.environment = {{"WQ_REDIS", "unix://" + path("nobody")}}};
  }
};

TEST_F(ExitCode, IsZeroForAWorkerThatSeesTheQueueDrained) {
  push({"a"});
  EXPECT_EQ(work({}, {"true"}), 0);
}

TEST_F(ExitCode, IsZeroForAWorkerAlsoWhenDeadLettersRemain) {
  push({"a"});
  EXPECT_EQ(work({"--max-attempts", "1"}, {"false"}), 0);
  EXPECT_EQ(counts().dead, 1U);
}

TEST_F(ExitCode, IsOneForAWorkerWhoseQueueWasLost) {
  conserves_ = false;
  push({"a"});
  Process worker = this->worker(
      {}, {"sh", "-c", "echo running >&2; until [ -e " + path("go") + " ]; do sleep 0.02; done"});
  worker.wait_for_err("running");
  redis_.call({"FLUSHALL"});
  file("go", "");
  EXPECT_EQ(worker.wait(), 1) << worker.err();
  EXPECT_THAT(worker.err(), HasSubstr("lost its data"));
}

TEST_F(ExitCode, IsOneForAWorkerThatWaitsWhenRedisComesBackEmpty) {
  conserves_ = false;
  Process producer = push_process({"q"}, {.input = "a\n", .open_input = true});
  Process worker = this->worker({}, {"true"});
  ASSERT_TRUE(eventually([this] { return counts().completed == 1; }));
  server_.restart();  // which has nothing on its disk
  EXPECT_EQ(worker.wait(), 1) << worker.err();
  redis_ = RedisClient(options());
}

TEST_F(ExitCode, IsOneForAPushWhoseInputBreaks) {
  Process push = push_process({"q", "--file", path("")});  // a folder
  EXPECT_NE(push.wait(), 0) << push.err();
  EXPECT_EQ(counts().ready, 0U);
}

TEST_F(ExitCode, IsOneForResultsThatCannotBeWritten) {
  push({"a"});
  EXPECT_EQ(work({"--results"}, {"cat"}), 0);
  Process full = start({"sh", "-c", R"(exec "$@" > /dev/full)", "_", kCtlProgram, "results", "q"});
  EXPECT_EQ(full.wait(), 1) << full.err();
  EXPECT_THAT(full.err(), HasSubstr("standard output"));
}

TEST_F(ExitCode, IsTwoForWrongUse) {
  EXPECT_EQ(start({kWorkerProgram}).wait(), 2);
  EXPECT_EQ(start({kPushProgram}).wait(), 2);
  EXPECT_EQ(start({kCtlProgram, "no-such-command"}).wait(), 2);
  EXPECT_EQ(start({kCtlProgram, "workers"}).wait(), 2);
  EXPECT_EQ(worker({"--no-such-option"}, {"true"}).wait(), 2);
}

TEST_F(ExitCode, IsTwoForAQueueNameThatIsTaken) {
  for (const char* name : {"", "q:processing", "q:stats", "q:leased_by_session:x"}) {
    EXPECT_EQ(push_process({name, "a"}).wait(), 2) << name;
    EXPECT_EQ(ctl_process({"status", name}).wait(), 2) << name;
    EXPECT_EQ(start({kWorkerProgram, "--queue", name, "--", "true"}).wait(), 2) << name;
  }
}

TEST_F(ExitCode, IsTwoForACommandThatCannotBeExecuted) {
  push({"a"});
  EXPECT_EQ(work({}, {"/no/such/program"}), 2);
}

TEST_F(ExitCode, IsThreeForDeadLettersWithFailOnDead) {
  push({"a", "b"});
  Process worker =
      this->worker({"--max-attempts", "1", "--fail-on-dead"}, {"test", "{}", "=", "a"});
  EXPECT_EQ(worker.wait(), 3) << worker.err();
  EXPECT_EQ(counts().completed, 1U);
}

TEST_F(ExitCode, IsThreeForAWorkerThatWasHalted) {
  push(numbered("", 100));
  Process worker = this->worker({"--halt", "3"}, {"false"});
  EXPECT_EQ(worker.wait(), 3) << worker.err();
  EXPECT_THAT(worker.err(), HasSubstr("halted"));
  // A few more may have ended before the third was known.
  EXPECT_GE(counts().failed, 3U);
  EXPECT_LT(counts().failed, 50U);
  EXPECT_EQ(counts().processing, 0U);
}

TEST_F(ExitCode, IsThreeAfterTwentyFailuresWithoutASuccess) {
  push(numbered("", 100));
  EXPECT_EQ(work({"--max-attempts", "1"}, {"false"}), 3);
  EXPECT_GE(counts().failed, 20U);
  EXPECT_LT(counts().failed, 100U);
}

TEST_F(ExitCode, IsFourWhenRedisIsNotThere) {
  const Words patience{"--redis-patience", "300ms"};
  Process worker = this->worker(patience, {"true"}, without_redis());
  EXPECT_EQ(worker.wait(), 4) << worker.err();
  EXPECT_THAT(worker.err(), HasSubstr("nobody"));
  EXPECT_EQ(push_process(Words{"q", "a"} + patience, without_redis()).wait(), 4);
  EXPECT_EQ(ctl_process(Words{"status", "q"} + patience, without_redis()).wait(), 4);
}

TEST_F(ExitCode, IsFourWhenRedisGoesAwayForLongerThanThePatience) {
  push({"a"});
  Process worker = this->worker({"--redis-patience", "500ms", "--lease", "1s"},
                                {"sh", "-c", "echo running >&2; exec sleep 1000"});
  worker.wait_for_err("running");
  // With an item in work: it goes on as long as its lease lasts.
  server_.stop();
  EXPECT_EQ(worker.wait(), 4) << worker.err();
  conserves_ = false;
  server_.start();
  redis_ = RedisClient(options());
}

TEST_F(ExitCode, IsFiveAfterTheMostItems) {
  push(numbered("", 5));
  Process worker = this->worker({"--max-items", "3"}, {"true"});
  EXPECT_EQ(worker.wait(), 5) << worker.err();
  EXPECT_EQ(counts().completed, 3U);
  EXPECT_EQ(counts().ready, 2U);
  EXPECT_EQ(counts().leased, 3U);
}

TEST_F(ExitCode, IsFiveAfterTheLongestIdleTime) {
  Process producer = push_process({"q"}, {.input = "a\n", .open_input = true});
  Process worker = this->worker({"--max-idle", "1s"}, {"true"});
  EXPECT_EQ(worker.wait(), 5) << worker.err();
  EXPECT_EQ(counts().completed, 1U);
  EXPECT_GE(worker.run_time(), std::chrono::seconds{1});
}

TEST_F(ExitCode, IsSixWhenTheQueueIsNeverOpened) {
  EXPECT_EQ(work({"--wait-open", "300ms"}, {"true"}), 6);
}

TEST_F(ExitCode, Is130AfterSIGINT) {
  Process worker = this->worker({}, {"true"});
  Process push = push_process({"q"}, {.open_input = true});
  ASSERT_TRUE(eventually(
      [this] { return redis_.exists(key(Key::workers)) && redis_.exists(key(Key::producers)); }));
  worker.signal(SIGINT);
  EXPECT_EQ(worker.wait(), 130) << worker.err();
  push.signal(SIGINT);
  EXPECT_EQ(push.wait(), 130) << push.err();
}

TEST_F(ExitCode, Is143AfterSIGTERM) {
  Process worker = this->worker({}, {"true"});
  Process push = push_process({"q"}, {.open_input = true});
  ASSERT_TRUE(eventually(
      [this] { return redis_.exists(key(Key::workers)) && redis_.exists(key(Key::producers)); }));
  worker.signal(SIGTERM);
  EXPECT_EQ(worker.wait(), 143) << worker.err();
  push.signal(SIGTERM);
  EXPECT_EQ(push.wait(), 143) << push.err();
}

TEST_F(ExitCode, IsZeroForHelpAndVersionOnStdout) {
  for (const Words& program :
       {Words{kWorkerProgram}, Words{kPushProgram}, Words{kCtlProgram},
        Words{kCtlProgram, "status"}, Words{kCtlProgram, "results"}, Words{kCtlProgram, "gc"}}) {
    Process help = start(program + Words{"--help"}, without_redis());
    EXPECT_EQ(help.wait(), 0) << program.front();
    EXPECT_THAT(help.out(), HasSubstr("Usage: "));
    EXPECT_EQ(help.err(), "");
    Process version = start(program + Words{"--version"}, without_redis());
    EXPECT_EQ(version.wait(), 0) << program.front();
    EXPECT_EQ(lines(version.out()).size(), 1U);
  }
}

}  // namespace
}  // namespace wq::test
