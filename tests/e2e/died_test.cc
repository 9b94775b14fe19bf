#include <csignal>

#include "e2e/programs.h"

// Each way in which an attempt can end, its cost, and its record.
namespace wq::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class Died : public ProgramTest {
 protected:
  // Each budget is spent by one; what the other counts is free.
  static Words only_errors_count() { return {"--max-attempts", "1", "--max-crashes", "3"}; }
  static Words only_crashes_count() { return {"--max-attempts", "3", "--max-crashes", "1"}; }
  static Words sh(const std::string& script) { return {"sh", "-c", script}; }
  // Ends in the given way the first time, well afterwards.
  [[nodiscard]] Words sh_once(const std::string& end) const {
    const std::string tried = path("tried");
    return sh("[ -e " + tried + " ] && exit 0; touch " + tried + "; " + end);
  }

  // A worker with `options` whose only item ends in this way is done with it: as a dead letter, or
  // after another try.
  void expect_dead(const Words& options, const Words& command) {
    push({"a"});
    EXPECT_EQ(work(options + fast_, command), 0);
    EXPECT_EQ(all(Key::dead), Words{"a"});
    EXPECT_EQ(counts().completed, 0U);
  }
  void expect_tried_again(const Words& options, const Words& command) {
    push({"a"});
    EXPECT_EQ(work(options + fast_, command), 0);
    EXPECT_EQ(counts().completed, 1U);
    EXPECT_EQ(counts().dead, 0U);
  }
  // A worker that is gone without a word while it holds an item.
  void kill_a_worker_at_work(const Words& options) {
    Process worker =
        this->worker(Words{"--lease", "3s"} + options, sh("echo running >&2; exec sleep 1000"));
    worker.wait_for_err("running");
    ASSERT_TRUE(eventually([this] { return redis_.exists(key(Key::workers)); }));
    worker.kill();
  }

  const Words fast_{"--backoff", "1ms..10ms", "--lease", "3s"};
};

TEST_F(Died, OfAnExitCodeIsAnError) {
  expect_dead(only_errors_count(), sh("exit 139"));
  EXPECT_EQ(counts().failed, 1U);
  EXPECT_EQ(counts().crashed, 0U);
}

TEST_F(Died, OfAnExitCodeCostsNoCrash) {
  expect_tried_again(only_crashes_count(), sh_once("exit 1"));
  EXPECT_EQ(counts().failed, 1U);
}

TEST_F(Died, OfTheTimeoutIsAnErrorThoughTheSignalIsOurs) {
  expect_dead(only_errors_count() + Words{"--timeout", "200ms"}, sh("exec sleep 1000"));
  EXPECT_EQ(failure_of("a").at("kind"), "timeout");
  EXPECT_EQ(failure_of("a").at("signal"), SIGTERM);
  EXPECT_GE(failure_of("a").at("wall_ms"), 200);
  EXPECT_EQ(counts().crashed, 0U);
}

TEST_F(Died, OfASignalIsACrash) {
  expect_dead(only_crashes_count(), sh("kill -SEGV $$"));
  EXPECT_EQ(failure_of("a").at("kind"), "signal");
  EXPECT_EQ(failure_of("a").at("signal"), SIGSEGV);
  EXPECT_EQ(counts().crashed, 1U);
  EXPECT_EQ(counts().failed, 0U);
}

TEST_F(Died, OfASignalCostsNoAttempt) {
  expect_tried_again(only_errors_count(), sh_once("kill -KILL $$"));
  EXPECT_EQ(counts().crashed, 1U);
}

TEST_F(Died, OfTooMuchMemoryIsACrashThatSaysHowMuch) {
  expect_dead(only_crashes_count() + Words{"--memory-limit", "200M"},
              {"python3", "-c", "held = bytearray(b'x') * (300 << 20)\nwhile True: pass"});
  EXPECT_EQ(failure_of("a").at("kind"), "oom");
  EXPECT_GT(failure_of("a").at("max_rss_bytes"), 200 << 20);
  EXPECT_EQ(counts().crashed, 1U);
}

TEST_F(Died, WithItsWorkerIsACrashThatSaysWhoAndWhere) {
  push({"a"});
  // The first crash may have another cause; the second attempt runs the item alone.
  for (int death = 0; death < 2; ++death) {
    kill_a_worker_at_work(Words{"--label", "box 7"} + only_crashes_count());
  }
  EXPECT_EQ(work(only_crashes_count() + fast_, {"true"}), 0);
  EXPECT_EQ(all(Key::dead), Words{"a"});
  EXPECT_EQ(counts().crashed, 2U);
  EXPECT_EQ(failure_of("a").at("kind"), "crash");
  EXPECT_EQ(failure_of("a").at("worker"), "box 7");
  EXPECT_FALSE(std::string(failure_of("a").at("host")).empty());
}

TEST_F(Died, WithItsWorkerCostsNoAttempt) {
  push({"a"});
  kill_a_worker_at_work({});
  EXPECT_EQ(work(only_errors_count() + fast_, {"true"}), 0);
  EXPECT_EQ(counts().completed, 1U);
  EXPECT_EQ(counts().crashed, 1U);
}

TEST_F(Died, OfASignalAndWithItsWorkerComesOutOfOneBudget) {
  push({"a"});
  kill_a_worker_at_work({});
  EXPECT_EQ(work(Words{"--max-crashes", "2"} + fast_, sh("kill -SEGV $$")), 0);
  EXPECT_EQ(all(Key::dead), Words{"a"});
  EXPECT_EQ(counts().crashed, 2U);
}

TEST_F(Died, WhileItsWorkerWasLeavingCostsNothing) {
  push({"a"});
  Process worker = this->worker({"--max-attempts", "1", "--max-crashes", "1"},
                                sh("echo \"running: $$ .\" >&2; exec sleep 1000"));
  worker.wait_for_err("running: ");
  worker.signal(SIGTERM);
  worker.wait_for_err("finishing");
  // As a service manager does that signals all processes.
  ::kill(pid_after(worker.err(), "running: "), SIGTERM);
  EXPECT_EQ(worker.wait(), 143) << worker.err();
  EXPECT_EQ(all(Key::ready), Words{"a"});
  EXPECT_EQ(counts().crashed, 0U);
  EXPECT_EQ(counts().failed, 0U);
}

TEST_F(Died, WhenItsLeaseWasTakenAwayCostsNothing) {
  push({"a"});
  Process worker = this->worker({"--lease", "3s", "--max-attempts", "1", "--max-crashes", "1"},
                                sh_once("echo running >&2; exec sleep 1000"));
  worker.wait_for_err("running");
  redis_.call({"DEL", lease_key("a")});
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  EXPECT_EQ(counts().completed, 1U);
  EXPECT_EQ(counts().crashed, 0U);
  EXPECT_EQ(counts().failed, 0U);
}

TEST_F(Died, IsShownWithEverythingThatIsKnown) {
  push({"a"});
  EXPECT_EQ(work(Words{"--max-crashes", "1", "--label", "box 7"},
                 {"python3", "-c",
                  "import os, sys\n"
                  "held = bytearray(b'x') * (300 << 20)\n"
                  "print('last words', file=sys.stderr, flush=True)\n"
                  "os.abort()"}),
            0);
  const std::string details = ctl({"inspect", "q", "a"});
  EXPECT_THAT(details, AllOf(HasSubstr("tried before: 0 failures, 1 crash\n"),
                             HasSubstr("signal: killed by signal 6 (SIGABRT)\n"),
                             HasSubstr("    worker:     box 7\n"), HasSubstr("    host:       "),
                             HasSubstr("    signal:     6\n"), HasSubstr(" MiB (peak)\n"),
                             HasSubstr("    took:       "), HasSubstr("    CPU time:   "),
                             HasSubstr("      last words\n")));
  EXPECT_THAT(ctl({"ls", "q", "dead"}), HasSubstr("killed by signal 6 (SIGABRT)  (box 7, "));
  const auto json = nlohmann::json::parse(ctl({"ls", "q", "dead", "--json"}));
  EXPECT_EQ(json.at("crashes"), 1);
  EXPECT_EQ(json, nlohmann::json::parse(ctl({"inspect", "q", "a", "--json"})));
  const auto& failure = json.at("failure");
  EXPECT_EQ(failure.at("worker"), "box 7");
  EXPECT_EQ(failure.at("signal"), SIGABRT);
  EXPECT_GT(failure.at("max_rss_bytes"), 300'000'000);
  EXPECT_GT(failure.at("cpu_ms"), 0);
  EXPECT_GT(failure.at("wall_ms"), 0);
  EXPECT_EQ(failure.at("stderr_tail"), "last words\n");
  EXPECT_TRUE(failure.contains("host"));
}

}  // namespace
}  // namespace wq::test
