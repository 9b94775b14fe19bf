#include <csignal>

#include "e2e/programs.h"

// What becomes of items whose command does not succeed.
namespace wq::test {
namespace {

using ::testing::HasSubstr;

const Words kFast{"--backoff", "1ms..10ms", "--release-delay", "1ms"};

class Failing : public ProgramTest {
 protected:
  // Ends with the given code the first `times` times, and well afterwards.
  [[nodiscard]] Words fail_at_first(int times, int code) const {
    return {"sh", "-c",
            "echo x >> " + path("tries") + "; [ $(wc -l < " + path("tries") + ") -gt " +
                std::to_string(times) + " ] || exit " + std::to_string(code) +
                "; printf 'attempt %s' \"$WQ_ATTEMPT\""};
  }

  [[nodiscard]] std::size_t tries() const { return lines(content_of(path("tries"))).size(); }
};

TEST_F(Failing, With99ReleasesTheItemForLaterAtNoCost) {
  push({"a"});
  EXPECT_EQ(work(Words{"--results", "--max-attempts", "1"} + kFast, fail_at_first(3, 99)), 0);
  EXPECT_EQ(results(), exactly_once({"a"}, [](const std::string&) { return "attempt 1"; }));
  EXPECT_EQ(counts().released, 3U);
  EXPECT_EQ(counts().failed, 0U);
}

TEST_F(Failing, With99WaitsForTheReleaseDelay) {
  push({"a"});
  Process worker = this->worker({"--release-delay", "1h"}, {"sh", "-c", "exit 99"});
  ASSERT_TRUE(eventually([this] { return counts().delayed == 1; }));
  const std::int64_t due_ms = redis_.integer({"ZSCORE", key(Key::delayed), "a"});
  EXPECT_NEAR(static_cast<double>(due_ms - redis_.time_ms()), 3'600'000, 60'000);
  EXPECT_FALSE(worker.ended());
}

TEST_F(Failing, WithAFatalExitCodeMakesADeadLetterAtOnce) {
  push({"a"});
  EXPECT_EQ(work({"--fatal-exit-codes", "2,65"}, {"sh", "-c", "echo no such bucket >&2; exit 65"}),
            0);
  EXPECT_EQ(all(Key::dead), Words{"a"});
  EXPECT_EQ(counts().leased, 1U);
  const nlohmann::json failure = failure_of("a");
  EXPECT_EQ(failure.at("kind"), "exit");
  EXPECT_EQ(failure.at("exit_code"), 65);
  EXPECT_EQ(failure.at("stderr_tail"), "no such bucket\n");
}

TEST_F(Failing, ByUsingTooMuchMemoryHarmsNobodyElse) {
  push({"greedy", "modest"});
  EXPECT_EQ(work({"--memory-limit", "200M", "--max-crashes", "1", "--concurrency", "2"},
                 {"python3", "-c",
                  "import sys, signal\n"
                  "if sys.argv[1] == 'greedy':\n"
                  "  held = bytearray(b'x') * (300 << 20)\n"
                  "  signal.pause()\n",
                  "{}"}),
            0);
  EXPECT_EQ(all(Key::dead), Words{"greedy"});
  EXPECT_EQ(counts().completed, 1U);
  const nlohmann::json failure = failure_of("greedy");
  EXPECT_EQ(failure.at("kind"), "oom");
  EXPECT_EQ(failure.at("signal"), SIGKILL);
  EXPECT_THAT(std::string(failure.at("message")), HasSubstr("exceeded --memory-limit (200 MiB)"));
}

TEST_F(Failing, WithAnotherCodeIsTriedAgainUntilItSucceeds) {
  push({"a"});
  EXPECT_EQ(work(Words{"--results", "--fatal-exit-codes", "65"} + kFast, fail_at_first(2, 7)), 0);
  EXPECT_EQ(results(), exactly_once({"a"}, [](const std::string&) { return "attempt 3"; }));
  EXPECT_EQ(counts().failed, 2U);
  EXPECT_FALSE(redis_.exists(key(Key::attempts)));
  EXPECT_FALSE(redis_.exists(key(Key::failures)));
}

TEST_F(Failing, EndsAfterTheMostAttempts) {
  push({"a"});
  Process worker =
      this->worker(Words{"--max-attempts", "2", "--label", "box 7"} + kFast, fail_at_first(9, 7));
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  EXPECT_EQ(tries(), 2U);
  EXPECT_EQ(all(Key::dead), Words{"a"});
  EXPECT_EQ(counts().failed, 2U);
  EXPECT_EQ(counts().died, 1U);
  EXPECT_EQ(failure_of("a").at("exit_code"), 7);
  EXPECT_EQ(failure_of("a").at("worker"), "box 7");
  EXPECT_THAT(worker.err(), HasSubstr("attempt 2: exit: exited with code 7"));
}

TEST_F(Failing, WaitsForTheBackoffWhichDoublesEachTime) {
  push({"a"});
  redis_.call({"HSET", key(Key::attempts), hash_of("a"), "3"});  // as if it had failed so often
  Process worker = this->worker({"--backoff", "1h..24h", "--max-attempts", "20"}, {"false"});
  ASSERT_TRUE(eventually([this] { return counts().delayed == 1; }));
  const std::int64_t due_ms = redis_.integer({"ZSCORE", key(Key::delayed), "a"});
  const auto waits =
      std::chrono::milliseconds{due_ms - failure_of("a").at("at_ms").get<std::int64_t>()};
  EXPECT_GE(waits, std::chrono::hours{4});
  EXPECT_LE(waits, std::chrono::hours{8});
}

TEST_F(Failing, OfTheTimeoutEndsTheWholeGroup) {
  push({"a"});
  Process worker = this->worker(
      {"--timeout", "2s", "--max-attempts", "1"},
      {"sh", "-c", R"(sleep 1000 & echo "background: $! ." >&2; echo "child: $$ ." >&2; wait)"});
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  EXPECT_FALSE(is_alive(pid_after(worker.err(), "background: ")));
  EXPECT_FALSE(is_alive(pid_after(worker.err(), "child: ")));
  EXPECT_EQ(failure_of("a").at("kind"), "timeout");
}

TEST_F(Failing, OfTheTimeoutKillsWhatIgnoresSIGTERM) {
  push({"a"});
  Process worker = this->worker(
      {"--timeout", "2s", "--max-attempts", "1"},
      {"sh", "-c", R"(trap "" TERM; echo "child: $$ ." >&2; while :; do sleep 0.05; done)"});
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  EXPECT_FALSE(is_alive(pid_after(worker.err(), "child: ")));
  EXPECT_EQ(failure_of("a").at("kind"), "timeout");
}

TEST_F(Failing, OfAnItemDoesNotKeepTheOthersFromBeingDone) {
  const Words items = numbered("", 50);
  push(items);
  EXPECT_EQ(work(Words{"--concurrency", "4", "--max-attempts", "2"} + kFast,
                 {"sh", "-c", R"(case $1 in *7) exit 1;; esac)", "_", "{}"}),
            0);
  EXPECT_EQ(counts().completed, 45U);
  EXPECT_EQ(counts().dead, 5U);
  EXPECT_EQ(counts().failed, 10U);
}

TEST_F(Failing, KeepsWhatTheDeadProcessPrintedLastWithResultsAndWithout) {
  push({"a"});
  EXPECT_EQ(work({"--max-attempts", "1"}, {"sh", "-c", "echo page 3; exit 1"}), 0);
  EXPECT_THAT(ctl({"inspect", "q", "a"}), HasSubstr("    stdout:\n      page 3\n"));
  push({"b"});
  EXPECT_EQ(work({"--max-attempts", "1", "--results"}, {"sh", "-c", "seq 100000; exit 1"}), 0);
  const std::string tail = failure_of("b").at("stdout_tail");
  EXPECT_TRUE(tail.ends_with("\n99999\n100000\n")) << tail;
  EXPECT_LE(tail.size(), 4096U);
}

TEST_F(Failing, OfTheTimeoutIsNotHeldUpByWhoDoesNotReadItsOutput) {
  push({"100000", "300000"});  // one of them ends, and waits for its output to be taken
  Process pipeline = start(
      {"sh", "-c",
       R"("$@" | { until [ -e )" + path("go") + R"( ]; do sleep 0.01; done; cat >/dev/null; })",
       "_", kWorkerProgram, "--queue", "q", "--timeout", "1s", "--max-attempts", "1", "--", "head",
       "-c", "{}", "/dev/zero"});
  EXPECT_TRUE(eventually([this] { return counts().dead == 2; }));
  file("go", "");
  EXPECT_EQ(pipeline.wait(), 0);
  EXPECT_EQ(failure_of("100000").at("kind"), "timeout");
  EXPECT_EQ(failure_of("300000").at("kind"), "timeout");
}

TEST_F(Failing, KeepsWhatTheDeadProcessSaidLast) {
  push({"a"});
  EXPECT_EQ(
      work({"--max-attempts", "1"}, {"sh", "-c", "seq 100000 >&2; echo the reason >&2; exit 1"}),
      0);
  const std::string tail = failure_of("a").at("stderr_tail");
  EXPECT_TRUE(tail.ends_with("\n100000\nthe reason\n")) << tail;
  EXPECT_LE(tail.size(), 4096U);
}

}  // namespace
}  // namespace wq::test
