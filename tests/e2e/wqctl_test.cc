#include <csignal>

#include "e2e/programs.h"
#include "queue/operations.h"
#include "support/terminal.h"

// What wqctl shows and tends.
namespace wq::test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Ctl : public ProgramTest {};

TEST_F(Ctl, StatusTellsAQueueThatHasNotBegunFromOneThatIsDrained) {
  EXPECT_EQ(ctl({"status", "q"}), "q: not begun, no item was pushed yet\n");
  push({"a"});
  EXPECT_EQ(work({}, {"true"}), 0);
  EXPECT_EQ(ctl({"status", "q"}),
            "q: ready 0, processing 0, delayed 0, dead 0, completed 1 of 1 pushed, drained\n");
}

TEST_F(Ctl, StatusSaysThatSomebodyIsAboutToFillTheQueue) {
  Process producer = push_process({"q"}, {.open_input = true});
  ASSERT_TRUE(eventually([this] { return counts().producers == 1; }));
  EXPECT_EQ(ctl({"status", "q"}), "q: not begun, a producer is about to push\n");
}

TEST_F(Ctl, StatusCountsWhatIsWhere) {
  push(numbered("", 9));
  EXPECT_EQ(work({"--max-attempts", "1", "--max-items", "1"}, {"false"}), 5);
  EXPECT_EQ(work({"--max-items", "2"}, {"true"}), 5);
  Queue queue = open_queue();
  const std::vector<Lease> held = queue.lease(3, std::chrono::minutes{1});
  ASSERT_EQ(queue.settle({{held[0], Outcome::release(std::chrono::hours{1})}}).front(),
            Settled::accepted);
  EXPECT_EQ(ctl({"status", "q"}),
            "q: ready 3, processing 2, delayed 1, dead 1, completed 2 of 9 pushed, no workers\n");
}

TEST_F(Ctl, StatusAsJsonHoldsEveryCount) {
  push({"a", "b"});
  EXPECT_EQ(work({"--max-attempts", "1"}, {"test", "{}", "=", "a"}), 0);
  const auto json = nlohmann::json::parse(ctl({"status", "q", "--json"}));
  EXPECT_EQ(json.at("queue"), "q");
  EXPECT_EQ(json.at("id"), counts().id);
  EXPECT_EQ(json.at("drained"), true);
  EXPECT_EQ(json.at("paused"), false);
  const std::map<std::string, int> expected{
      {"ready", 0},     {"processing", 0}, {"delayed", 0},  {"dead", 1},
      {"producers", 0}, {"pushed", 2},     {"leased", 2},   {"completed", 1},
      {"failed", 1},    {"crashed", 0},    {"returned", 0}, {"released", 0},
      {"died", 1},      {"dropped", 0},    {"merged", 0},   {"foreign", 0}};
  for (const auto& [name, number] : expected) EXPECT_EQ(json.at(name), number) << name;
}

TEST_F(Ctl, StatusWritesNothing) {
  push({"a"});
  const Words before = everything();
  static_cast<void>(ctl({"status", "q"}));
  static_cast<void>(ctl({"status", "q", "--json"}));
  static_cast<void>(ctl({"results", "q"}));
  EXPECT_EQ(everything(), before);
}

TEST_F(Ctl, ResultsAreJsonLinesInTheOrderOfTheirCommits) {
  push(numbered("", 250));
  EXPECT_EQ(work({"--results"}, {"printf", "<%s>", "{}"}), 0);
  const Words printed = lines(ctl({"results", "q"}));
  ASSERT_EQ(printed.size(), 250U);
  for (std::size_t i = 0; i < printed.size(); ++i) {
    const auto json = nlohmann::json::parse(printed[i]);
    EXPECT_EQ(json.at("item"), std::to_string(i));
    EXPECT_EQ(json.at("result"), "<" + std::to_string(i) + ">");
    EXPECT_TRUE(json.at("id").is_string());
    EXPECT_EQ(json.size(), 3U);
  }
}

TEST_F(Ctl, ResultsThatAreNotUtf8StandThereInBase64) {
  push({"\xff"});
  EXPECT_EQ(work({"--results"}, {"printf", R"(\376\377)"}), 0);
  const auto json = nlohmann::json::parse(ctl({"results", "q"}));
  EXPECT_EQ(json.at("item_base64"), "/w==");
  EXPECT_EQ(json.at("result_base64"), "/v8=");
}

TEST_F(Ctl, ResultsOfAQueueWithoutAnyAreEmpty) { EXPECT_EQ(ctl({"results", "q"}), ""); }

TEST_F(Ctl, ResultsEndQuietlyWhenTheirReaderLeaves) {
  push(numbered("", 10));
  EXPECT_EQ(work({"--results"}, {"head", "-c", "100000", "/dev/zero"}), 0);
  Process pipe = start(
      {"sh", "-c", R"("$@" 2>&1 >/dev/null | head -c 0; :)", "_", kCtlProgram, "results", "q"});
  EXPECT_EQ(pipe.wait(), 0) << pipe.err();
  EXPECT_EQ(pipe.err(), "");
}

TEST_F(Ctl, GcReturnsWhatAKilledRedisWqClientPoppedAndNeverLeased) {
  push_past_us({"a", "b", "c"});
  redis_.call({"BRPOPLPUSH", "q", "q:processing", "1"});
  redis_.call({"BRPOPLPUSH", "q", "q:processing", "1"});
  const std::string said = ctl({"gc", "q"});
  EXPECT_THAT(said, HasSubstr("returned 2 (expired leases 0, unleased 2)"));
  EXPECT_THAT(all(Key::ready), ::testing::UnorderedElementsAre("a", "b", "c"));
  EXPECT_THAT(all(Key::processing), IsEmpty());
  EXPECT_EQ(counts().returned, 2U);
  EXPECT_FALSE(redis_.exists(key(Key::crashes)));
}

TEST_F(Ctl, GcLeavesAloneWhatARedisWqClientHolds) {
  push_past_us({"a"});
  redis_.call({"BRPOPLPUSH", "q", "q:processing", "1"});
  redis_.call({"SETEX", lease_key("a"), "60", "0a1b2c3d-4e5f-6789-abcd-ef0123456789"});
  EXPECT_THAT(ctl({"gc", "q", "--lease", "100ms"}), HasSubstr("returned 0"));
  EXPECT_EQ(all(Key::processing), Words{"a"});
  redis_.call({"LREM", "q:processing", "0", "a"});
  conserves_ = false;  // completions of such a client are not counted
}

TEST_F(Ctl, GcReturnsWhatAKilledWorkerHeld) {
  push({"a"});
  Process worker =
      this->worker({"--lease", "2s"}, {"sh", "-c", "echo running >&2; exec sleep 1000"});
  worker.wait_for_err("running");
  worker.kill();
  ASSERT_TRUE(eventually([this] {
    return redis_.integer({"PTTL", lease_key("a")}) <= internal::kLeaseTail.count();
  }));
  EXPECT_THAT(ctl({"gc", "q", "--lease", "2s"}),
              HasSubstr("returned 1 (expired leases 1, unleased 0)"));
  EXPECT_EQ(all(Key::ready), Words{"a"});
  EXPECT_EQ(counts().crashed, 1U);
}

TEST_F(Ctl, GcOfAQueueThatIsInOrderEndsAtOnceAndWritesNothing) {
  push({"a"});
  const Words before = everything();
  EXPECT_THAT(ctl({"gc", "q"}), HasSubstr("returned 0"));
  EXPECT_EQ(ctl({"gc", "q", "--json"}),
            "{\"queue\":\"q\",\"reclaimed\":0,\"returned\":0,\"died\":0,\"promoted\":0,"
            "\"holds_ended\":0}\n");
  EXPECT_EQ(everything(), before);
}

TEST_F(Ctl, GcEndsWhenItIsInterrupted) {
  push_past_us({"a"});
  redis_.call({"BRPOPLPUSH", "q", "q:processing", "1"});
  Process gc = ctl_process({"gc", "q"});
  ASSERT_TRUE(eventually([this] {
    return redis_.text({"CLIENT", "LIST"}).value().find("name=wqctl") != std::string::npos;
  }));
  gc.signal(SIGINT);
  EXPECT_EQ(gc.wait(), 130) << gc.err();
  EXPECT_EQ(all(Key::processing), Words{"a"});
}

TEST_F(Ctl, OnATerminalShowsNothingThatTurnsTheTextOrCannotBeSeen) {
  const std::string item = "photo\u202egnp.exe\u200b\u009b";
  push({item});
  EXPECT_EQ(work({"--max-attempts", "1", "--label", "box\u2066\u00e9"},
                 {"sh", "-c", "echo \"cannot read $1\" >&2; exit 1", "_", "{}"}),
            0);
  for (const Words& words :
       {Words{"ls", "q", "dead"}, Words{"inspect", "q", item}, Words{"ls", "q", "dead", "--json"},
        Words{"inspect", "q", item, "--json"}}) {
    Terminal terminal(200);
    Process process = ctl_process(words, {.terminal = terminal.slave()});
    EXPECT_EQ(process.wait(), 0);
    for (const char* hidden : {"\u202e", "\u200b", "\u009b", "\u2066"}) {
      EXPECT_THAT(terminal.bytes(), ::testing::Not(HasSubstr(hidden))) << words.front();
    }
    const bool json = words.back() == "--json";
    EXPECT_THAT(terminal.bytes(), HasSubstr(json ? "photo\\u202egnp.exe\\u200b\\u009b"
                                                 : "photo\\xe2\\x80\\xaegnp.exe"));
    EXPECT_THAT(terminal.bytes(), HasSubstr("\u00e9")) << "which can be seen";
  }
}

}  // namespace
}  // namespace wq::test
