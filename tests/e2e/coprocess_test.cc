#include "e2e/coprocess.h"

#include <set>

// The messages to a coprocess, and the effect of its answers.
namespace wq::test {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAreArray;

constexpr const char* kDoAll = "say([done(item, item['item']) for item in items])";

class CoprocessAnswers : public CoprocessTest {
 protected:
  void run_example(const Words& command) {
    const Words items = numbered("item", 500);
    push(items);
    Process worker = this->worker({"--coprocess", "--batch", "64"}, command);
    EXPECT_EQ(worker.wait(), 0) << worker.err();
    EXPECT_EQ(results(),
              exactly_once(items, [](const std::string& item) { return "ITEM" + item.substr(4); }));
  }
};

TEST_F(CoprocessAnswers, OfTheExampleInPythonAreTheResults) {
  run_example({"python3", kExamples + std::string("/coprocess.py")});
}

TEST_F(CoprocessAnswers, OfTheExampleInNodeAreTheResults) {
  if (start({"sh", "-c", "command -v node"}).wait() != 0) GTEST_SKIP() << "there is no node";
  run_example({"node", kExamples + std::string("/coprocess.mjs")});
}

TEST_F(CoprocessAnswers, ComeFromOneProcessForEachSlot) {
  const Words items = numbered("", 300);
  push(items);
  // Neither goes on before the other one has its first batch.
  Process worker = coprocess({"--batch", "10", "--concurrency", "2"},
                             R"(open(f"{FOLDER}{hello['slot']}", "w")
while not (os.path.exists(f"{FOLDER}0") and os.path.exists(f"{FOLDER}1")): time.sleep(0.01)
say([done(item, f"{os.getpid()} {hello['slot']} {os.environ['WQ_SLOT']}") for item in items]))",
                             "FOLDER = '" + path("slot") + "'");
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  std::set<std::string> processes;
  for (const auto& [item, found] : results()) processes.insert(found.front());
  ASSERT_THAT(processes, SizeIs(2));
  std::set<std::string> slots;
  for (const std::string& each : processes) slots.insert(each.substr(each.find(' ') + 1));
  EXPECT_THAT(slots, ElementsAre("0 0", "1 1"));
}

TEST_F(CoprocessAnswers, FollowAHelloThatSaysWhereItIs) {
  push({"a"});
  Process worker =
      coprocess({"--batch", "7"}, "say([done(item, json.dumps(hello)) for item in items])");
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  const auto hello = nlohmann::json::parse(results().at("a").front());
  EXPECT_EQ(hello.at("wq"), 1);
  EXPECT_EQ(hello.at("queue"), "q");
  EXPECT_EQ(hello.at("slot"), 0);
  EXPECT_EQ(hello.at("batch"), 7);
  EXPECT_EQ(hello.at("session").get<std::string>().size(), 16U);
}

TEST_F(CoprocessAnswers, AreGivenWhatIsKnownOfAnItem) {
  push({"a"});
  Process worker = coprocess({}, "say([done(item, json.dumps(item)) for item in items])");
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  const auto item = nlohmann::json::parse(results().at("a").front());
  EXPECT_EQ(item.at("item"), "a");
  EXPECT_EQ(item.at("attempt"), 1);
  EXPECT_EQ(std::to_string(item.at("fence").get<std::uint64_t>()),
            redis_.text({"GET", key(Key::fence)}));
  EXPECT_EQ(item.at("sha224"), hash_of("a"));
}

TEST_F(CoprocessAnswers, HoldAnyBytesAsBase64) {
  const std::string bytes("\xff\x00\n\"\xc3", 5);
  push({bytes});
  Process worker = coprocess({}, R"(for item in items:
    back = base64.b64decode(item["item_base64"]) + b"\xfe"
    say({"id": item["id"], "answer": "done", "result_base64": base64.b64encode(back).decode()}))");
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  const std::vector<Result> found = open_queue().results("", 10);
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found.front().result, bytes + "\xfe");
}

TEST_F(CoprocessAnswers, MayHaveAnyJsonAsTheResultWhichIsPrintedAsJson) {
  const Words values{R"({"b":1,"a":[2.50,"x"]})", "17", "null", "false", R"("text")", R"("{}")"};
  push(values);
  Process worker = coprocess(
      {"--batch", "10"},
      "for item in items:\n"
      "    print('{\"id\":%d,\"answer\":\"done\",\"result\": %s}' % (item['id'], item['item']),\n"
      "          flush=True)");
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  std::vector<::testing::Matcher<std::string>> printed;
  for (const std::string& value : values) printed.push_back(EndsWith(",\"result\":" + value + "}"));
  EXPECT_THAT(lines(ctl({"results", "q"})), UnorderedElementsAreArray(printed));
}

TEST_F(CoprocessAnswers, SayOfEachItemOfABatchWhatBecomesOfIt) {
  push({"done", "failed", "fatal", "release", "quiet"});
  Process worker = coprocess({"--batch", "10", "--max-attempts", "1", "--release-delay", "1ms"},
                             R"(for item in items:
    answer = item["item"]
    if answer == "release" and runs("RAN", "x") is None and len(open("RAN").readlines()) > 2:
        answer = "done"
    if answer == "quiet":
        say({"id": item["id"], "answer": "failed"})
    else:
        say({"id": item["id"], "answer": answer, "error": "why not", "delay_seconds": 0.001}))",
                             "os.chdir('" + path("") + "')");
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  expect_drained(2, 3);
  EXPECT_EQ(counts().released, 2U);
  EXPECT_EQ(failure_of("failed").at("message"), "why not");
  EXPECT_EQ(failure_of("fatal").at("message"), "why not");
  EXPECT_EQ(failure_of("quiet").at("message"), "the coprocess gave no reason");
}

TEST_F(CoprocessAnswers, ThatAreLongerThanAResultMayBeAreFailures) {
  push({"long", "short", "json", "long json"});
  Process worker =
      coprocess({"--batch", "4", "--results-max-bytes", "10"},
                "say([done(item, item['item'] * 2) for item in items if item['item'] == 'short'])\n"
                "say([done(item, item['item'] * 3) for item in items if item['item'] == 'long'])\n"
                "say([done(item, [1111, 222]) for item in items if item['item'] == 'json'])\n"
                "say([done(item, [1111, 2222]) for item in items if item['item'] == 'long json'])");
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  expect_drained(2, 2);
  EXPECT_THAT(failure_of("long").at("message").get<std::string>(),
              HasSubstr("--results-max-bytes"));
  EXPECT_THAT(failure_of("long json").at("message").get<std::string>(),
              HasSubstr("--results-max-bytes"));
}

TEST_F(CoprocessAnswers, MayBeAsLongAsTheyLikeWhileItemsAreWritten) {
  // Both pipes are full at the same time, many times over.
  const Words items{std::string(3'000'000, 'a'), std::string(3'000'000, 'b'),
                    std::string(3'000'000, 'c'), std::string(3'000'000, 'd')};
  push(items);
  Process worker = coprocess({"--batch", "2", "--results-max-bytes", "10M"}, R"(for item in items:
    say({"id": item["id"], "answer": "done", "result": item["item"]}))");
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  EXPECT_EQ(results(), exactly_once(items, [](const std::string& item) { return item; }));
}

TEST_F(CoprocessAnswers, AreCommittedBeforeTheRestOfTheirBatch) {
  push({"first", "second"});
  Process worker = coprocess({"--batch", "2"}, R"(say(done(items[0]))
while not os.path.exists(GO): time.sleep(0.01)
say(done(items[1])))",
                             "GO = '" + path("go") + "'");
  EXPECT_TRUE(eventually([this] { return counts().completed == 1; }));
  EXPECT_EQ(counts().processing, 1U);
  file("go", "");
  EXPECT_EQ(worker.wait(), 0) << worker.err();
}

TEST_F(CoprocessAnswers, NeedNotWaitForTheNextBatch) {
  push({"a"});
  Process worker = coprocess({"--batch", "2", "--max-items", "2"}, R"(held.extend(items)
if len(held) == 2: say([done(item) for item in held]))",
                             "held = []");
  // The next batch comes although the first one was not answered.
  EXPECT_TRUE(eventually([this] { return redis_.exists(lease_key("a")); }));
  push({"b"});
  EXPECT_EQ(worker.wait(), 5) << worker.err();
  EXPECT_EQ(counts().completed, 2U);
}

constexpr const char* kSizeOfBatch = "say([done(item, str(len(items))) for item in items])";

TEST_F(CoprocessAnswers, DoNotWaitForAFullBatchWhenTheQueueHasNothingMoreToGive) {
  push({"a", "b"});
  Process worker = coprocess({"--batch", "64", "--max-delay", "24h"}, kSizeOfBatch);
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  EXPECT_EQ(counts().completed, 2U);
}

TEST_F(CoprocessAnswers, WaitForAFullBatchWhileAProducerHoldsTheQueueOpen) {
  Process producer = push_process({"q"}, {.input = "a\nb\n", .open_input = true});
  EXPECT_TRUE(eventually([this] { return counts().producers == 1; }));
  Process worker = coprocess({"--batch", "3", "--max-delay", "24h"}, kSizeOfBatch);
  EXPECT_TRUE(eventually([this] { return counts().processing == 2; }));
  producer.write("c\n");
  producer.close_input();
  EXPECT_EQ(producer.wait(), 0) << producer.err();
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  EXPECT_EQ(results(), exactly_once({"a", "b", "c"}, [](const std::string&) { return "3"; }));
}

TEST_F(CoprocessAnswers, ComeNotFromAProgramThatIsTypedWrong) {
  push({"a"});
  Process worker = this->worker({"--coprocess"}, {"/no/such/program"});
  EXPECT_EQ(worker.wait(), 2);
  EXPECT_THAT(worker.err(), HasSubstr("cannot run '/no/such/program'"));
  EXPECT_THAT(all(Key::ready), ElementsAre("a"));
  EXPECT_EQ(counts().failed + counts().crashed, 0U);
}

TEST_F(CoprocessAnswers, GoOnAfterStdinWasClosedAtTheEnd) {
  push({"a"});
  Process worker = coprocess({}, kDoAll,
                             R"(import atexit
atexit.register(lambda: runs(')" +
                                 path("left") + "', 'left by itself'))");
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  EXPECT_EQ(content_of(path("left")), "left by itself\n");
}

TEST_F(CoprocessAnswers, AreNotMixedWithOptionsThatMakeNoSense) {
  const auto refusal = [this](const Words& options, const Words& command) {
    Process refused = worker(options, command);
    EXPECT_EQ(refused.wait(), 2);
    return refused.err();
  };
  EXPECT_THAT(refusal({"--coprocess", "--results"}, {"cat"}),
              HasSubstr("--results cannot be combined with --coprocess"));
  EXPECT_THAT(refusal({"--coprocess", "--fatal-exit-codes", "3"}, {"cat"}),
              HasSubstr("--fatal-exit-codes cannot be combined with --coprocess"));
  EXPECT_THAT(refusal({"--coprocess"}, {"cat", "{}"}), HasSubstr("sends items on stdin"));
  EXPECT_THAT(refusal({"--batch", "2"}, {"cat"}), HasSubstr("--batch needs --coprocess"));
}

// Waits for the line of the next item before it answers, so it hangs unless that comes.
constexpr const char* kWaitForNext = R"(
if len(items) != 1: sys.exit(5)
held.append(items[0])
if len(held) < DEPTH: continue
say([done(item) for item in held])
held.clear())";

TEST_F(CoprocessAnswers, AreNotWaitedForBeforeTheNextItemIsTold) {
  push(numbered("", 6));
  Process worker =
      coprocess({"--timeout", "60s", "--max-attempts", "1"}, kWaitForNext, "held, DEPTH = [], 2");
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  expect_drained(6, 0);
}

TEST_F(CoprocessAnswers, AreWaitedForWhenSoManyBatchesAreWithTheProcess) {
  push(numbered("", 8));
  Process deep = coprocess({"--in-flight", "4", "--timeout", "60s", "--max-attempts", "1"},
                           kWaitForNext, "held, DEPTH = [], 4");
  EXPECT_EQ(deep.wait(), 0) << deep.err();
  expect_drained(8, 0);
}

TEST_F(CoprocessAnswers, ComeOneByOneWithOneInFlight) {
  push(numbered("", 4));
  // Takes whatever else is there before it answers; nothing may be, as another worker holds the
  // other item.
  Process worker = coprocess({"--in-flight", "1"},
                             R"(say(done(items[0], str(len(select.select([0], [], [], 0)[0])))))",
                             "import select");
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  expect_drained(4, 0);
  for (const auto& [item, found] : results()) EXPECT_EQ(found, Words{"0"}) << item;
}

TEST_F(CoprocessAnswers, AloneHaveANumberInFlight) {
  Process refused = worker({"--in-flight", "2"}, {"true"});
  EXPECT_EQ(refused.wait(), 2);
  EXPECT_THAT(refused.err(), HasSubstr("--in-flight needs --coprocess"));
}

TEST_F(CoprocessAnswers, StopAtSigtermAfterTheGrace) {
  push({"a", "b"});
  // One batch of two: of two batches of one, either may be told first.
  Process worker = coprocess({"--batch", "2", "--max-delay", "1h", "--grace", "10ms"},
                             R"(say(done(items[0]))
runs(STARTED, "x")
time.sleep(1000))",
                             "STARTED = '" + path("started") + "'");
  EXPECT_TRUE(eventually(
      [this] { return counts().completed == 1 && content_of(path("started")) == "x\n"; }));
  worker.signal(SIGTERM);
  EXPECT_EQ(worker.wait(), 143) << worker.err();
  EXPECT_THAT(all(Key::ready), ElementsAre("b"));
  EXPECT_EQ(counts().failed + counts().crashed, 0U);
}

}  // namespace
}  // namespace wq::test
