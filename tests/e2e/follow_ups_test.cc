// Follow-ups of commands and of coprocesses.
#include "e2e/programs.h"

namespace wq::test {
namespace {

using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class FollowUpsOfPrograms : public ProgramTest {
 protected:
  [[nodiscard]] Process worker_of(const std::string& queue, const Words& options,
                                  const Words& command) const {
    return start(Words{kWorkerProgram, "--queue", queue} + options + Words{"--"} + command);
  }

  [[nodiscard]] Counts counts_of(const std::string& queue) const {
    return Queue(queue, this->options()).counts();
  }
};

TEST_F(FollowUpsOfPrograms, AreLinesOfAFileThatIsReadWhenTheItemIsCompleted) {
  push({"a"});
  EXPECT_EQ(work({"--follow-ups-to", "q", "--follow-ups-to", "next"}, {"sh", "-c", R"(
    [ "$1" = a ] || exit 0
    printf '%s\n' '{"item": "b"}' '{"item": "c", "queue": "next"}' \
      '{"item": "d", "queue": "next", "delay": "1h"}' >"$WQ_FOLLOWUPS_FILE"
    printf '%s' '{"item": "e", "once": "k"}' >>"$WQ_FOLLOWUPS_FILE")",
                                                                       "_", "{}"}),
            0);
  EXPECT_EQ(counts().completed, 3U);
  EXPECT_EQ(counts_of("next").ready, 1U);
  EXPECT_EQ(counts_of("next").delayed, 1U);
}

TEST_F(FollowUpsOfPrograms, WithABrokenLineAreNoneAndTheItemHasFailed) {
  push({"a"});
  EXPECT_EQ(work({"--follow-ups-to", "q", "--max-attempts", "1", "--ignore-dead", "--results"},
                 {"sh", "-c", R"(printf '{"item": "b"}\n{"item": c}\n' >"$WQ_FOLLOWUPS_FILE")"}),
            0);
  EXPECT_EQ(counts().dead, 1U);
  EXPECT_EQ(counts().pushed, 1U);
  EXPECT_TRUE(results().empty());
  EXPECT_THAT(failure_of("a").at("message").get<std::string>(),
              HasSubstr("line 2 of $WQ_FOLLOWUPS_FILE: it is not JSON"));
}

TEST_F(FollowUpsOfPrograms, ThatCannotBeReadAreAFailureOfTheItem) {
  const Words items{"mkfifo", "mkdir", "ln -s /etc/passwd"};
  push(items);
  EXPECT_EQ(work({"--follow-ups-to", "q", "--max-attempts", "1", "--ignore-dead"},
                 {"sh", "-c", R"($1 "$WQ_FOLLOWUPS_FILE")", "_", "{}"}),
            0);
  for (const std::string& item : items) {
    const auto failure = failure_of(item);
    EXPECT_EQ(failure["kind"], "result") << item;
    EXPECT_THAT(failure["message"].get<std::string>(), HasSubstr("$WQ_FOLLOWUPS_FILE: ")) << item;
  }
}

TEST_F(FollowUpsOfPrograms, AreNotWrittenWhereTheWorkerItselfWasToldToWriteThem) {
  push({"a"});
  Process process = worker({"--results"}, {"sh", "-c", R"(echo "<$WQ_FOLLOWUPS_FILE>")"},
                           {.environment = {{"WQ_FOLLOWUPS_FILE", "/nowhere"}}});
  EXPECT_EQ(process.wait(), 0);
  EXPECT_EQ(results().at("a"), Words{"<>\n"});
}

TEST_F(FollowUpsOfPrograms, OfAFailedCommandAreNone) {
  push({"a"});
  EXPECT_EQ(work({"--follow-ups-to", "q", "--max-attempts", "1", "--ignore-dead"},
                 {"sh", "-c", R"(echo '{"item": "b"}' >"$WQ_FOLLOWUPS_FILE"; exit 1)"}),
            0);
  EXPECT_EQ(counts().pushed, 1U);
}

TEST_F(FollowUpsOfPrograms, ToAQueueThatWasNotNamedMakeTheItemADeadLetter) {
  push({"a"});
  EXPECT_EQ(work({"--follow-ups-to", "q", "--ignore-dead"},
                 {"sh", "-c", R"(echo '{"item": 1, "queue": "p"}' >"$WQ_FOLLOWUPS_FILE")"}),
            0);
  EXPECT_THAT(failure_of("a").at("message").get<std::string>(),
              HasSubstr("for the queue 'p', which the worker was not told of (--follow-ups-to)"));
}

TEST_F(FollowUpsOfPrograms, AreInTheAnswersOfACoprocess) {
  push({"a"});
  const std::string program = file("follow_ups.py", R"(
import json, sys
print('{"wq":1}', flush=True)
for line in sys.stdin:
    for item in json.loads(line).get("items", []):
        answer = {"id": item["id"], "answer": "done"}
        if item.get("item") == "a":
            answer["follow_ups"] = ["b", {"item_base64": "/w==", "queue": "next"},
                                    {"item": "c", "queue": "next", "delay": "1h", "once": "k"}]
        print(json.dumps(answer), flush=True)
)");
  EXPECT_EQ(work({"--coprocess", "--follow-ups-to", "next"}, {"python3", program}), 0);
  EXPECT_EQ(counts().completed, 2U);
  EXPECT_EQ(counts_of("next").delayed, 1U);
  EXPECT_EQ(Queue("next", this->options()).lease(1, std::chrono::minutes{1}).at(0).item, "\xff");
}

// Each item of q makes three of `next`, and each of these one of `last`.
TEST_F(FollowUpsOfPrograms, ThroughThreeQueuesAreAllDoneOnceAlthoughWorkersAreKilled) {
  push(numbered("", 60));
  const Words common{"--lease", "1s", "--concurrency", "2", "--max-crashes", "1000"};
  const Words split{"sh", "-c", R"(
    for part in x y z; do echo "{\"item\": \"$1$part\", \"queue\": \"next\"}"; done >"$WQ_FOLLOWUPS_FILE")",
                    "_", "{}"};
  const Words pass_on{"sh", "-c", R"(
    echo "{\"item\": \"$1\", \"queue\": \"last\"}" >"$WQ_FOLLOWUPS_FILE")",
                      "_", "{}"};
  Process last = worker_of("last", common + Words{"--after", "next", "--results"}, {"echo", "{}"});
  Process next = worker_of("next", common + Words{"--follow-ups-to", "last"}, pass_on);
  Process of_next = worker_of("next", common + Words{"--follow-ups-to", "last"}, pass_on);
  for (int i = 0; i < 3; ++i) {
    const std::uint64_t before = counts().completed;
    Process victim = worker(common + Words{"--follow-ups-to", "next"}, split);
    ASSERT_TRUE(eventually([&] { return counts().completed > before; }));
    victim.kill();
  }
  ASSERT_TRUE(eventually([this] { return counts_of("next").completed > 0; }));
  of_next.kill();
  EXPECT_EQ(work(common + Words{"--follow-ups-to", "next"}, split), 0);
  EXPECT_EQ(next.wait(), 0);
  EXPECT_EQ(last.wait(), 0);
  EXPECT_EQ(counts().completed, 60U);
  EXPECT_EQ(counts_of("next").completed, 180U);
  EXPECT_EQ(counts_of("last").completed, 180U);
  EXPECT_EQ(counts_of("last").pushed, 180U);
}

}  // namespace
}  // namespace wq::test
