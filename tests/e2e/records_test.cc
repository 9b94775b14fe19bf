// What workers record of each try: --joblog and --history.
#include <sstream>

#include "e2e/programs.h"

namespace wq::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class Records : public ProgramTest {
 protected:
  [[nodiscard]] std::string log() const { return path("log"); }
  [[nodiscard]] static std::string content(const std::string& name) {
    std::ifstream file(name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  [[nodiscard]] Words log_lines() const { return lines(content(log())); }

  // The columns of the log's lines behind the heading, of each the one at `column`.
  [[nodiscard]] Words column(std::size_t column) const {
    Words found;
    for (const std::string& line : log_lines()) {
      std::istringstream text(line);
      std::string word;
      for (std::size_t i = 0; i <= column; ++i) std::getline(text, word, '\t');
      found.push_back(word);
    }
    found.erase(found.begin());
    std::sort(found.begin(), found.end());
    return found;
  }
  static constexpr std::size_t kExitval = 6;
  static constexpr std::size_t kCommand = 8;

  [[nodiscard]] std::vector<nlohmann::json> history(const Words& more = {}) const {
    std::vector<nlohmann::json> tries;
    for (const std::string& line : lines(ctl(Words{"history", "q"} + more + Words{"--json"}))) {
      tries.push_back(nlohmann::json::parse(line));
    }
    return tries;
  }
};

TEST_F(Records, TheJobLogHasALineForEachTry) {
  push({"a", "b c"});
  EXPECT_EQ(work({"--joblog", log(), "--max-attempts", "2", "--backoff", "1ms..1ms", "--halt", "0"},
                 {"sh", "-c", "[ \"$1\" = a ] || exit 7", "_", "{}"}),
            0);
  EXPECT_THAT(column(kExitval), ElementsAre("0", "7", "7"));
  const std::string command = "sh -c '[ \"$1\" = a ] || exit 7' _ ";
  EXPECT_THAT(column(kCommand), ElementsAre(command + "'b c'", command + "'b c'", command + "a"));
}

TEST_F(Records, WorkersOfAMachineShareAJobLog) {
  const Words items = numbered("", 300);
  push(items);
  const Words options{"--joblog", log(), "--concurrency", "4"};
  Process one = worker(options, {"true"});
  Process other = worker(options, {"true"});
  EXPECT_EQ(one.wait(), 0) << one.err();
  EXPECT_EQ(other.wait(), 0) << other.err();
  Words commands;
  for (const std::string& item : items) commands.push_back("true # " + item);
  std::sort(commands.begin(), commands.end());
  EXPECT_EQ(column(kCommand), commands);
  EXPECT_THAT(log_lines(), SizeIs(301)) << "one heading";
}

TEST_F(Records, AFileThatIsNoJobLogIsRefusedBeforeAnyItemIsTaken) {
  push({"a"});
  const std::string mine = file("mine", "data\n");
  Process refused = worker({"--joblog", mine}, {"true"});
  EXPECT_EQ(refused.wait(), 2);
  EXPECT_THAT(refused.err(), HasSubstr("is not a job log"));
  EXPECT_EQ(content(mine), "data\n");
  EXPECT_EQ(counts().leased, 0U);
}

TEST_F(Records, AWorkerWhoseJobLogCannotGrowLeavesWithOneAndLosesNothing) {
  const Words items = numbered("", 200);
  push(items);
  Process full = start({"bash", "-c", "ulimit -f 2; trap '' XFSZ; exec \"$@\"", "_", kWorkerProgram,
                        "--queue", "q", "--joblog", log(), "--lease", "1s", "--", "true"});
  EXPECT_EQ(full.wait(), 1) << full.err();
  EXPECT_THAT(full.err(), HasSubstr("--joblog: cannot write: File too large; the worker exits"));
  EXPECT_EQ(counts().failed, 0U);
  EXPECT_EQ(work({}, {"true"}), 0);
  EXPECT_EQ(counts().completed, 200U);
}

TEST_F(Records, TheHistoryKnowsTheTriesOfDoneItems) {
  push({"a", "b"});
  EXPECT_EQ(work({"--history", "10", "--label", "w1", "--max-attempts", "2", "--backoff",
                  "1ms..1ms", "--halt", "0"},
                 {"sh", "-c", "[ \"$1\" = a ] || exit 7", "_", "{}"}),
            0);
  EXPECT_THAT(history(), SizeIs(3));
  const auto done = history({"a"});
  ASSERT_THAT(done, SizeIs(1));
  EXPECT_EQ(done[0].at("outcome"), "done");
  EXPECT_EQ(done[0].at("worker"), "w1");
  EXPECT_TRUE(done[0].contains("cpu_ms"));
  const auto failed = history({"b"});
  ASSERT_THAT(failed, SizeIs(2));
  EXPECT_EQ(failed[1].at("outcome"), "failed");
  EXPECT_EQ(failed[1].at("exit_code"), 7);
  EXPECT_EQ(failed[1].at("attempt"), 2);
  EXPECT_THAT(ctl({"history", "q", "b"}), HasSubstr("failed, exit 7"));
}

TEST_F(Records, TheHistoryKeepsTheStderrOfASuccessIfAsked) {
  push({"a"});
  EXPECT_EQ(work({"--history", "10", "--history-stderr"}, {"sh", "-c", "echo warned >&2"}), 0);
  ASSERT_THAT(history(), SizeIs(1));
  EXPECT_EQ(history()[0].at("stderr_tail"), "warned\n");
  Process refused = worker({"--history-stderr"}, {"true"});
  EXPECT_EQ(refused.wait(), 2);
  EXPECT_THAT(refused.err(), HasSubstr("--history-stderr needs --history N"));
}

TEST_F(Records, TheHistoryKeepsTheLastTriesOfAll) {
  push(numbered("", 100));
  EXPECT_EQ(work({"--history", "10"}, {"true"}), 0);
  const std::size_t kept = history().size();
  EXPECT_GE(kept, 10U);
  EXPECT_LT(kept, 100U);
  EXPECT_EQ(ctl_process({"purge", "q", "--yes"}).wait(), 0);
  EXPECT_THAT(history(), IsEmpty());
}

TEST_F(Records, NothingIsRecordedUnlessAsked) {
  push({"a"});
  EXPECT_EQ(work({}, {"true"}), 0);
  EXPECT_FALSE(redis_.exists(key(Key::history)));
  EXPECT_THAT(ctl({"history", "q"}), HasSubstr("workers record them with --history N"));
}

}  // namespace
}  // namespace wq::test
