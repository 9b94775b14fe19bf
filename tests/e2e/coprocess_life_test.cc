#include "e2e/coprocess.h"

// When a coprocess is started, replaced and ended, and who pays for that.
namespace wq::test {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Le;
using ::testing::Pair;
using ::testing::SizeIs;

using Clock = std::chrono::steady_clock;

class CoprocessLife : public CoprocessTest {
 protected:
  void expect_uncharged(std::uint64_t left) {
    EXPECT_EQ(counts().ready + counts().delayed, left);
    EXPECT_EQ(counts().processing, 0U);
    EXPECT_EQ(counts().failed + counts().crashed + counts().dead, 0U);
  }

  /// How long it takes from SIGTERM to its end, which must be that of a worker that was told to.
  Clock::duration time_to_stop(Process& worker) {
    const auto begin = Clock::now();
    worker.signal(SIGTERM);
    EXPECT_EQ(worker.wait(), 143) << worker.err();
    return Clock::now() - begin;
  }

  [[nodiscard]] std::size_t lines_in(const std::string& name) const {
    return lines(content_of(path(name))).size();
  }
};

// Far below the grace of 25 s, and far above what it takes.
constexpr auto kAtOnce = 15s;

// ---- a process that leaves ----

TEST_F(CoprocessLife, ThatEndsWithZeroAfterAnAnswerCostsNothing) {
  push(numbered("", 10));
  Process worker = coprocess({"--batch", "3", "--max-crashes", "1", "--max-attempts", "1"},
                             "say(done(items[0]))\nsys.exit(0)");
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  expect_drained(10, 0);
  EXPECT_EQ(counts().failed + counts().crashed, 0U);
}

TEST_F(CoprocessLife, ThatEndsWithZeroAndNeverAnswersIsTheCommandsFault) {
  push(numbered("", 4));
  Process worker = coprocess({"--batch", "3", "--max-crashes", "1"}, "sys.exit(0)");
  EXPECT_EQ(worker.wait(), 2) << worker.err();
  EXPECT_THAT(worker.err(), AllOf(HasSubstr("the coprocess ended without an answer: exited with "
                                            "code 0; 5 times in a row")));
  expect_uncharged(4);
}

TEST_F(CoprocessLife, ThatEndsWithZeroAndDoesNotAnswerAnyMoreEndsTheWorker) {
  push(numbered("", 4));
  Process worker = coprocess({"--max-crashes", "1"},
                             "if os.path.exists(ONE): sys.exit(0)\nruns(ONE, 'x')\n"
                             "say(done(items[0]))",
                             "ONE = '" + path("one") + "'");
  EXPECT_EQ(worker.wait(), 1) << worker.err();
  EXPECT_EQ(counts().completed, 1U);
  expect_uncharged(3);
}

TEST_F(CoprocessLife, EndsAfterAsManyItemsAsAsked) {
  push(numbered("", 10));
  Process worker =
      coprocess({"--batch", "2", "--max-items-per-process", "3"},
                R"(say([done(item, f"{os.getpid()} {hello['max_items']}") for item in items]))",
                "import atexit\natexit.register(lambda: runs('" + path("left") + "', 'x'))");
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  expect_drained(10, 0);
  EXPECT_EQ(counts().failed + counts().crashed, 0U);
  std::map<std::string, std::size_t> items_of;
  for (const auto& [item, found] : results()) ++items_of[found.front()];
  EXPECT_THAT(items_of, SizeIs(4));
  EXPECT_THAT(items_of, Each(Pair(HasSubstr(" 3"), Le(3U))));
  EXPECT_GE(lines_in("left"), 3U) << "they are not killed";
}

TEST_F(CoprocessLife, HasALimitOfItemsOnlyAsACoprocess) {
  Process refused = worker({"--max-items-per-process", "3"}, {"true"});
  EXPECT_EQ(refused.wait(), 2);
  EXPECT_THAT(refused.err(), HasSubstr("--max-items-per-process needs --coprocess"));
}

// ---- a process that is not ready ----

TEST_F(CoprocessLife, HoldsNothingWhileItsModelLoads) {
  push(numbered("", 20));
  Process loading = coprocess({"--batch", "8"}, "say([done(item) for item in items])",
                              "runs('" + path("loads") + "', 'x')\ntime.sleep(1000)");
  EXPECT_TRUE(eventually([this] { return lines_in("loads") == 1; }));
  EXPECT_EQ(counts().processing, 0U);
  EXPECT_EQ(work({}, {"true"}), 0);
  EXPECT_EQ(counts().completed, 20U);
  EXPECT_EQ(loading.wait(), 0) << "the queue is drained: " << loading.err();
}

TEST_F(CoprocessLife, ThatStillLoadsGetsTheItemThatWouldElseWaitBehindALongOne) {
  push({"long", "short"});
  // The second process is ready once the first has begun, whose item ends only after the other.
  Process worker =
      coprocess({"--concurrency", "2", "--timeout", "60s", "--max-attempts", "1"},
                "if items[0]['item'] == 'long':\n  runs(BEGUN, 'x')\n  wait(SHORT)\n"
                "else: runs(SHORT, 'x')\nsay(done(items[0]))",
                "BEGUN, SHORT = '" + path("begun") + "', '" + path("short") + "'\n" +
                    "def wait(path):\n  while not os.path.exists(path): time.sleep(0.01)\n"
                    "if os.environ['WQ_SLOT'] == '1': wait(BEGUN)");
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  expect_drained(2, 0);
}

TEST_F(CoprocessLife, IsNotStartedForAQueueThatIsDrained) {
  push({"a"});
  EXPECT_EQ(work({}, {"true"}), 0);
  Process worker = coprocess({}, "", "runs('" + path("started") + "', 'x')");
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  EXPECT_EQ(lines_in("started"), 0U);
}

TEST_F(CoprocessLife, GivesBackWhatItsNextProcessIsNotReadyFor) {
  push(numbered("", 8));
  // The first process answers one item and leaves; the next one loads for ever.
  Process worker = coprocess(
      {"--batch", "8"}, "say(done(items[0]))\nsys.exit(0)",
      "ONE = '" + path("one") + "'\nif os.path.exists(ONE): time.sleep(1000)\nruns(ONE, 'x')");
  // At one moment: the worker may take one more for the slot before it knows that it is not ready,
  // and gives that back too.
  EXPECT_TRUE(eventually([this] {
    const Counts now = counts();
    return now.completed == 1 && now.ready == 7 && now.processing == 0;
  }));
  EXPECT_LT(time_to_stop(worker), kAtOnce);
  expect_uncharged(7);
}

TEST_F(CoprocessLife, SaysThatItsStdoutMayNotBeFlushed) {
  push({"a"});
  Process worker = coprocess({}, "say(done(items[0]))",
                             "while not os.path.exists('" + path("go") + "'): time.sleep(0.01)");
  worker.wait_for_err("it did not flush its stdout");
  file("go", "");
  EXPECT_EQ(worker.wait(), 0) << worker.err();
}

// ---- a worker that is told to stop ----

TEST_F(CoprocessLife, EndsAtOnceAtSigtermWhileItLoads) {
  push({"a"});
  Process worker = coprocess({}, "", "runs('" + path("loads") + "', 'x')\ntime.sleep(1000)");
  EXPECT_TRUE(eventually([this] { return lines_in("loads") == 1; }));
  EXPECT_LT(time_to_stop(worker), kAtOnce);
  expect_uncharged(1);
  EXPECT_EQ(lines_in("loads"), 1U);
}

TEST_F(CoprocessLife, BeginsNoNewProcessAfterSigterm) {
  push(numbered("", 4));
  Process worker = coprocess({"--batch", "4", "--max-crashes", "1"}, R"(runs(ITEMS, "x")
while not os.path.exists(GO): time.sleep(0.01)
os._exit(3))",
                             "ITEMS = '" + path("items") + "'\nGO = '" + path("go") + "'\nruns('" +
                                 path("starts") + "', 'x')");
  EXPECT_TRUE(eventually([this] { return lines_in("items") == 1; }));
  worker.signal(SIGTERM);
  worker.wait_for_err("finishing");
  file("go", "");
  EXPECT_EQ(worker.wait(), 143) << worker.err();
  EXPECT_EQ(lines_in("starts"), 1U);
  expect_uncharged(4);
}

TEST_F(CoprocessLife, BeginsNotTheNextBatchAfterSigterm) {
  push(numbered("", 4));
  Process worker = coprocess({"--batch", "2"}, R"(runs(BATCHES, "x")
if os.path.exists(GO): time.sleep(1000)
while not os.path.exists(GO): time.sleep(0.01)
say([done(item) for item in items]))",
                             "BATCHES = '" + path("batches") + "'\nGO = '" + path("go") + "'");
  EXPECT_TRUE(eventually([this] { return lines_in("batches") == 1 && counts().processing == 4; }));
  worker.signal(SIGTERM);
  worker.wait_for_err("finishing");
  const auto begin = Clock::now();
  file("go", "");
  EXPECT_EQ(worker.wait(), 143) << worker.err();
  EXPECT_LT(Clock::now() - begin, kAtOnce);
  // A worker asks for one item first, of whose size it knows nothing: that may be the first batch.
  const std::uint64_t first = counts().completed;
  EXPECT_GE(first, 1U);
  EXPECT_LE(first, 2U);
  expect_uncharged(4 - first);
}

TEST_F(CoprocessLife, HasNoTimeoutChargedAfterSigterm) {
  push({"a"});
  Process worker =
      coprocess({"--timeout", "2s", "--max-attempts", "1"}, "runs(BEGUN, 'x')\ntime.sleep(1000)",
                "BEGUN = '" + path("begun") + "'");
  EXPECT_TRUE(eventually([this] { return lines_in("begun") == 1; }));
  EXPECT_LT(time_to_stop(worker), kAtOnce);
  expect_uncharged(1);
}

TEST_F(CoprocessLife, EndsAtOnceAtSigtermIfItHasNothingToDo) {
  push({"long", "short"});
  Process worker =
      coprocess({"--concurrency", "2", "--grace", "1h"},
                "if items[0]['item'] == 'long': time.sleep(1000)\nsay(done(items[0]))",
                "import atexit\natexit.register(lambda: runs('" + path("left") + "', 'x'))");
  EXPECT_TRUE(eventually([this] { return counts().completed == 1 && counts().processing == 1; }));
  worker.signal(SIGTERM);
  EXPECT_TRUE(eventually([this] { return lines_in("left") == 1; }));
  EXPECT_FALSE(worker.ended()) << "the other one may go on for the grace time";
  worker.signal(SIGTERM);
  EXPECT_EQ(worker.wait(), 143) << worker.err();
  expect_uncharged(1);
}

// ---- a program that prints ----

TEST_F(CoprocessLife, IsOverWhenItPrintsSomethingForEveryItem) {
  push({"a", "b", "c"});
  Process worker = coprocess({"--max-crashes", "1"},
                             "print('Loading weights...', flush=True)\nsay(done(items[0]))");
  EXPECT_EQ(worker.wait(), 2) << worker.err();
  EXPECT_THAT(worker.err(),
              AllOf(HasSubstr("broke the protocol 3 times"), HasSubstr("'Loading weights...'"),
                    HasSubstr("write only answers to stdout")));
  expect_uncharged(3);
}

TEST_F(CoprocessLife, GoesOnWhenItPrintsSomethingForTheFirstItemAlone) {
  push({"poison", "a", "b", "c"});
  Process worker = coprocess({"--max-crashes", "1"}, R"(for item in items:
    if item["item"] == "poison": print("corrupt JPEG", flush=True)
    say(done(item)))");
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  expect_drained(3, 1);
  EXPECT_EQ(failure_of("poison").at("kind"), "protocol");
}

TEST_F(CoprocessLife, OfTheExampleIsNotDisturbedByWhatItsModelPrintsAndStarts) {
  const Words items = numbered("item", 5);
  push(items);
  const std::string program = file("model.py", R"(
import subprocess, sys
sys.path.insert(0, sys.argv[1])
import coprocess

def model(text):
    print("a library that prints")
    eaten = subprocess.run(["cat"], capture_output=True).stdout  # reads stdin to its end
    subprocess.run(["echo", "a command that prints"])
    return text.upper() + eaten.decode()

coprocess.load_model = lambda: model
coprocess.main()
)");
  Process worker = this->worker({"--coprocess", "--batch", "2"}, {"python3", program, kExamples});
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  EXPECT_EQ(results(),
            exactly_once(items, [](const std::string& item) { return "ITEM" + item.substr(4); }));
  EXPECT_THAT(worker.err(),
              AllOf(HasSubstr("a library that prints"), HasSubstr("a command that prints")));
}

}  // namespace
}  // namespace wq::test
