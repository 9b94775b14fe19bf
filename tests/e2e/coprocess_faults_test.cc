#include "e2e/coprocess.h"

// A coprocess that dies, hangs or talks nonsense, at each point of a batch: what it had answered
// stays done, one item alone is charged, and the others are done as if nothing had happened.
namespace wq::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

struct Phase {
  const char* name;
  const char* body;  // with "poison" among the items it goes wrong
  const char* kind;  // of the failure that is kept
  const char* message;
};

std::ostream& operator<<(std::ostream& out, const Phase& phase) { return out << phase.name; }

class CoprocessWithAPoison : public CoprocessTest, public ::testing::WithParamInterface<Phase> {};

TEST_P(CoprocessWithAPoison, ChargesItAlone) {
  Words items = numbered("", 39);
  items.insert(items.begin() + 17, "poison");
  push(items);
  Process worker = coprocess(
      {"--batch", "16", "--max-attempts", "1", "--max-crashes", "1", "--timeout", "2s"},
      std::string("poisoned = any(item['item'] == 'poison' for item in items)\n") + GetParam().body,
      "def answer_all(items): say([done(item) for item in items])");
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  expect_drained(39, 1);
  EXPECT_EQ(counts().failed + counts().crashed, 1U);
  const nlohmann::json failure = failure_of("poison");
  ASSERT_TRUE(failure.is_object()) << worker.err();
  EXPECT_EQ(failure.at("kind"), GetParam().kind);
  EXPECT_THAT(failure.at("message").get<std::string>(), HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    At, CoprocessWithAPoison,
    ::testing::Values(
        Phase{"AfterReading", "if poisoned: sys.exit(3)\nanswer_all(items)", "exit", "code 3"},
        Phase{"ByASignal", "if poisoned: os.kill(os.getpid(), signal.SIGKILL)\nanswer_all(items)",
              "signal", "SIGKILL"},
        Phase{
            "AfterHalfOfTheAnswers",
            "for item in items:\n    if item['item'] == 'poison': sys.exit(3)\n    say(done(item))",
            "exit", "code 3"},
        Phase{"InTheMiddleOfALine",
              "text = json.dumps([done(item) for item in items])\n"
              "if poisoned:\n    sys.stdout.write(text[:len(text) // 2])\n"
              "    sys.stdout.flush()\n    os._exit(4)\nprint(text, flush=True)",
              "exit", "code 4"},
        Phase{
            "WithGarbage",
            "if poisoned: print('loading \\x1b[1mmodel...', flush=True)\nanswer_all(items)",
            "protocol",
            "of its stdout is not a valid answer: it is not a JSON object or an array of objects: "
            "'loading \\x1b[1mmodel...'"},
        Phase{"WithAnAnswerForNobody",
              "if poisoned: say({'id': 4711, 'answer': 'done'})\nanswer_all(items)", "protocol",
              "it answers item 4711"},
        Phase{"ByHanging", "if poisoned: time.sleep(1000)\nanswer_all(items)", "timeout",
              "no answer or progress for"},
        Phase{"ByClosingItsStdout",
              "if poisoned:\n    os.close(1)\n    time.sleep(1000)\nanswer_all(items)", "protocol",
              "closed its stdin or stdout"},
        Phase{"ByClosingItsStdoutAndEnding",
              "if poisoned:\n    os.close(1)\n    time.sleep(0.02)\n    "
              "os._exit(5)\nanswer_all(items)",
              "exit", "code 5"}),
    [](const auto& phase) { return std::string(phase.param.name); });

class CoprocessFault : public CoprocessTest {};

TEST_F(CoprocessFault, WithBatchesInFlightChargesOnlyOneOfAllItems) {
  Words items = numbered("", 63);
  items.insert(items.begin() + 5, "poison");
  push(items);
  // It reads on while it computes, so that it dies with both batches.
  Process worker = coprocess({"--batch", "16", "--max-crashes", "1"}, R"(held.append(items)
if any(item['item'] == 'poison' for batch in held for item in batch):
    threading.Timer(0.1, lambda: os._exit(3)).start()
else:
    say([done(item) for item in items])
    held.clear())",
                             "held = []");
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  expect_drained(63, 1);
  EXPECT_EQ(counts().crashed, 1U);
  EXPECT_EQ(failure_of("poison").at("exit_code"), 3);
}

TEST_F(CoprocessFault, TellsTheEndOfItsStderr) {
  push({"poison"});
  Process worker =
      coprocess({"--max-crashes", "1"}, "print('cannot go on', file=sys.stderr)\nsys.exit(1)");
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  EXPECT_THAT(failure_of("poison").dump(), HasSubstr("cannot go on"));
  EXPECT_THAT(worker.err(), HasSubstr("\ncannot go on\n"));
}

TEST_F(CoprocessFault, OfUsingTooMuchMemoryIsSaidSo) {
  push({"a", "b", "poison", "c"});
  Process worker = coprocess({"--batch", "4", "--max-crashes", "1", "--memory-limit", "100M"},
                             "if any(item['item'] == 'poison' for item in items):\n    x = b'x' * "
                             "300_000_000\n    time.sleep(1000)\n"
                             "say([done(item) for item in items])");
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  expect_drained(3, 1);
  EXPECT_EQ(failure_of("poison").at("kind"), "oom");
}

TEST_F(CoprocessFault, OfNobodyIsChargedToNobody) {
  // Killed from outside, with a batch of four in work: all are tried again, and nothing happens.
  push({"a", "b", "c", "d"});
  Process worker = coprocess({"--batch", "4", "--max-delay", "60s",  // all four, however slow
                              "--max-crashes", "1", "--max-attempts", "1"},
                             R"(if not os.path.exists(PID):
    runs(PID, str(os.getpid()))
    time.sleep(1000)
say([done(item) for item in items]))",
                             "PID = '" + path("pid") + "'");
  EXPECT_TRUE(eventually([this] { return content_of(path("pid")).ends_with('\n'); }));
  ::kill(static_cast<pid_t>(std::stol(content_of(path("pid")))), SIGKILL);
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  expect_drained(4, 0);
  EXPECT_EQ(counts().failed + counts().crashed, 0U);
  EXPECT_THAT(worker.err(), HasSubstr("exited with 4 unanswered items"));
}

TEST_F(CoprocessFault, OfHangingTakesItsGroupAlong) {
  push({"a"});
  Process worker = coprocess({"--timeout", "1s", "--max-attempts", "1"}, R"(import subprocess
runs(PID, str(subprocess.Popen(["sleep", "1000"]).pid))
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
time.sleep(1000))",
                             "PID = '" + path("pid") + "'");
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  EXPECT_EQ(failure_of("a").at("kind"), "timeout");
  EXPECT_FALSE(is_alive(static_cast<pid_t>(std::stol(content_of(path("pid"))))));
}

TEST_F(CoprocessFault, IsNotASlowItemThatReportsProgress) {
  push({"a"});
  Process worker = coprocess({"--timeout", "2s", "--max-attempts", "1"}, R"(end = time.time() + 4
while time.time() < end:
    say({"id": items[0]["id"], "answer": "progress"})
    time.sleep(0.05)
say(done(items[0])))");
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  expect_drained(1, 0);
}

TEST_F(CoprocessFault, IsNotTheTimeThatAModelTakesToLoad) {
  push({"a"});
  Process worker =
      coprocess({"--timeout", "1s", "--max-attempts", "1"}, "say(done(items[0]))", "time.sleep(2)");
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  expect_drained(1, 0);
}

TEST_F(CoprocessFault, BeforeItIsReadyIsNoItemsFault) {
  push({"a", "b", "c"});
  Process worker = coprocess({"--batch", "2", "--max-crashes", "1"}, "", "sys.exit('no GPU')");
  EXPECT_EQ(worker.wait(), 2);
  EXPECT_THAT(worker.err(), AllOf(HasSubstr("ended before it was ready: exited with code 1"),
                                  HasSubstr("5 times in a row")));
  EXPECT_EQ(counts().ready, 3U);
  EXPECT_EQ(counts().failed + counts().crashed, 0U);
}

TEST_F(CoprocessFault, OfLeavingWithoutReadingIsNotRepeatedForEver) {
  push({"a"});
  Process worker = coprocess({"--max-crashes", "1"}, "", "say({'wq': 1})\nsys.exit(0)");
  EXPECT_EQ(worker.wait(), 2) << worker.err();
  EXPECT_THAT(worker.err(), HasSubstr("5 times in a row"));
  EXPECT_EQ(counts().ready, 1U);
  EXPECT_EQ(counts().crashed, 0U);
}

TEST_F(CoprocessFault, OfPrintingBeforeItIsReadyIsExplained) {
  push({"a"});
  Process worker = coprocess({"--batch", "2"}, "", "print('loading model...', flush=True)");
  EXPECT_EQ(worker.wait(), 2);
  EXPECT_THAT(worker.err(),
              AllOf(HasSubstr("line 1 of its stdout is not a valid answer"),
                    HasSubstr("'loading model...'"), HasSubstr("everything else to stderr")));
  EXPECT_EQ(counts().failed + counts().crashed, 0U);
}

TEST_F(CoprocessFault, OfNeverBeingReadyIsNoticed) {
  push({"a"});
  Process worker = coprocess({"--start-timeout", "100ms"}, "", "time.sleep(1000)");
  EXPECT_EQ(worker.wait(), 2);
  EXPECT_THAT(worker.err(), HasSubstr("it was not ready within 100ms; 2 times in a row"));
  EXPECT_EQ(counts().ready, 1U);
}

TEST_F(CoprocessFault, OfAnotherVersionIsSaid) {
  push({"a"});
  Process worker = coprocess({}, "", "say({'wq': 2})");
  EXPECT_EQ(worker.wait(), 2);
  EXPECT_THAT(worker.err(), HasSubstr("another version of the protocol; this worker uses 1"));
}

TEST_F(CoprocessFault, OfLosingItsDeviceLaterLeavesTheItemsToOtherMachines) {
  push(numbered("", 10));
  Process worker =
      coprocess({"--max-crashes", "9"}, "say(done(items[0]))\nruns(GONE, 'x')\nos._exit(1)",
                "GONE = '" + path("gone") + "'\nif os.path.exists(GONE): sys.exit('no GPU')");
  EXPECT_EQ(worker.wait(), 1) << worker.err();
  EXPECT_THAT(worker.err(), HasSubstr("ended before it was ready"));
  EXPECT_LE(counts().crashed, 1U);
  EXPECT_EQ(counts().dead, 0U);
}

TEST_F(CoprocessFault, OfTheWorkerRedoesNothingThatWasAnswered) {
  const Words items = numbered("", 20);
  push(items);
  const std::string head = "RAN = '" + path("ran") + "'";
  // One batch at a time: two that are in flight may reach the process in any order.
  Process first =
      coprocess({"--batch", "8", "--in-flight", "1", "--lease", "3s"}, R"(for item in items:
    runs(RAN, item["item"])
    if item["item"] == "13": time.sleep(1000)
    say(done(item)))",
                head);
  EXPECT_TRUE(eventually([this] { return counts().completed == 13; }));
  first.kill();
  Process second = coprocess({"--batch", "8", "--lease", "3s"}, R"(for item in items:
    runs(RAN, item["item"])
    say(done(item)))",
                             head);
  EXPECT_EQ(second.wait(), 0) << second.err();
  expect_drained(20, 0);
  std::map<std::string, int> times;
  for (const std::string& item : lines(content_of(path("ran")))) ++times[item];
  for (const std::string& item : items) EXPECT_EQ(times[item], item == "13" ? 2 : 1) << item;
}

}  // namespace
}  // namespace wq::test
