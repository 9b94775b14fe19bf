// Stages: wq-worker --after, and what wqctl says of them.
#include <chrono>
#include <csignal>
#include <set>

#include "e2e/programs.h"

namespace wq::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

/// The stage one is the queue q, which the test looks after.
class StagesOfPrograms : public ProgramTest {
 protected:
  [[nodiscard]] Process worker_of(const std::string& queue, const Words& options,
                                  const Words& command) const {
    return start(Words{kWorkerProgram, "--queue", queue} + options + Words{"--"} + command);
  }
  [[nodiscard]] Process second_stage(const Words& options = {}) const {
    return worker_of("two", Words{"--after", "q", "--results"} + options, {"echo", "done"});
  }
  void wait_until_recorded() {
    ASSERT_TRUE(eventually([this] {
      const auto id = redis_.text({"HGET", "two:stats", "after:q"});
      return id && !id->empty();
    }));
  }
};

TEST_F(StagesOfPrograms, EndOneAfterTheOtherWithEveryItemAlthoughWorkersAreKilled) {
  const Words items = numbered("item-", 60);
  push(items);
  Process second = second_stage();
  wait_until_recorded();
  const Words first{"--pass-redis", "--lease", "1s", "--max-crashes", "1000"};
  const Words pushes{kPushProgram, "two", "--once", "{}"};
  Process victim = worker_of("q", first, pushes);
  ASSERT_TRUE(eventually([this] { return counts().completed >= 10; }));
  victim.kill();
  Process survivor = worker_of("q", first, pushes);
  EXPECT_EQ(survivor.wait(), 0) << survivor.err();
  EXPECT_EQ(second.wait(), 0) << second.err();
  std::set<std::string> done;
  const Words results = lines(ctl({"results", "two", "--follow"}));
  for (const std::string& line : results) done.insert(nlohmann::json::parse(line).at("item"));
  EXPECT_EQ(results.size(), items.size());
  EXPECT_EQ(done, std::set<std::string>(items.begin(), items.end()));
}

TEST_F(StagesOfPrograms, AreShownByStatus) {
  push({"a"});
  Process second = second_stage();
  wait_until_recorded();
  Process more = push_process({"two", "x"});
  EXPECT_EQ(more.wait(), 0);
  ASSERT_TRUE(eventually([this] {
    return ctl({"status", "two"}).find("empty, behind q") != std::string::npos;
  }));
  EXPECT_THAT(ctl({"status", "two", "--json"}),
              AllOf(HasSubstr(R"("after":["q"])"), HasSubstr(R"("drained":false)")));
  EXPECT_EQ(work({}, {"true"}), 0);
  EXPECT_EQ(second.wait(), 0);
  EXPECT_THAT(ctl({"status", "two"}), HasSubstr("1 of 1 pushed, drained"));
}

TEST_F(StagesOfPrograms, EndByTheRuleForDeadLettersOfTheStageBefore) {
  push({"a"});
  EXPECT_EQ(work({"--max-attempts", "1", "--ignore-dead"}, {"false"}), 0);
  Process goes_on = second_stage();
  EXPECT_EQ(goes_on.wait(), 0);
  EXPECT_THAT(goes_on.err(), HasSubstr("the stages before have 1 dead letter"));
  EXPECT_EQ(second_stage({"--on-dead", "fail"}).wait(), 3);
  Process waits = second_stage({"--on-dead", "wait"});
  waits.wait_for_err("has 1 dead letter (wqctl retry, wqctl drop)");
  static_cast<void>(ctl({"drop", "q", "a"}));
  EXPECT_EQ(waits.wait(), 0);
}

TEST_F(StagesOfPrograms, CannotComeAfterThemselves) {
  Process worker = worker_of("two", {"--after", "two"}, {"true"});
  EXPECT_EQ(worker.wait(), 2);
  EXPECT_THAT(worker.err(), HasSubstr("the queue 'two' cannot come after itself"));
}

}  // namespace
}  // namespace wq::test
