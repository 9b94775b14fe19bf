// A Redis that goes back to an earlier state, as a failover without the last writes: what programs
// do and say.
#include <set>
#include <string>

#include <gmock/gmock.h>

#include "e2e/programs.h"

namespace wq::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class ProgramsAfterAWayBack : public ProgramTest {
 protected:
  ProgramsAfterAWayBack() { conserves_ = false; }

  void save() { redis_.call({"SAVE"}); }
  void go_back() {
    server_.kill();
    server_.start();
    redis_ = RedisClient(options());
  }
  void push_lines(const Words& items) {
    std::string text;
    for (const std::string& each : items) text += each + "\n";
    Process push = push_process({"q"}, {.input = text});
    EXPECT_EQ(push.wait(), 0) << push.err();
  }
  [[nodiscard]] std::set<std::string> done() const {
    const Words all = lines(content_of(done_));
    return {all.begin(), all.end()};
  }
  [[nodiscard]] Process slow_worker() const {
    return worker({"--concurrency", "2", "--lease", "2s"},
                  {"sh", "-c", "sleep 0.03; echo \"$1\" >> " + done_, "_", "{}"});
  }

  const std::string done_ = path("done");
};

TEST_F(ProgramsAfterAWayBack, EachItemOfARunningProducerIsExecuted) {
  std::string input;
  for (const std::string& each : numbered("i", 400)) input += each + "\n";
  Process push = push_process({"q", "--rate", "200/s"}, {.input = input});
  Process work = slow_worker();
  ASSERT_TRUE(eventually([this] { return counts().pushed >= 50; }));
  save();
  const std::uint64_t saved = counts().pushed;
  ASSERT_TRUE(eventually([&] { return counts().pushed >= saved + 100; }));
  go_back();
  EXPECT_EQ(push.wait(), 0) << push.err();
  EXPECT_THAT(push.err(), AllOf(HasSubstr("Redis went back to an earlier state"),
                                HasSubstr("are pushed again, 0 are lost")));
  EXPECT_EQ(work.wait(), 0) << work.err();
  EXPECT_EQ(done().size(), 400U);
  EXPECT_EQ(counts().lost, 0U);
  EXPECT_EQ(counts().pushed, 400U);
}

// Nobody remembers what a producer that has ended has pushed.
TEST_F(ProgramsAfterAWayBack, WhatIsLostIsToldByEveryProgram) {
  push_lines(numbered("a", 40));
  save();
  push_lines(numbered("b", 60));
  Process work = slow_worker();
  ASSERT_TRUE(eventually([this] { return done().size() >= 5; }));
  go_back();
  EXPECT_EQ(work.wait(), 1) << work.err();
  EXPECT_THAT(work.err(), AllOf(HasSubstr("60 items that were pushed to queue 'q' are gone"),
                                HasSubstr("Redis has lost 60 items that it had confirmed")));
  EXPECT_EQ(counts().lost, 60U);
  EXPECT_EQ(counts().completed, 40U);
  Process late = slow_worker();
  EXPECT_EQ(late.wait(), 1) << late.err();
  Process verify = ctl_process({"verify", "q"});
  EXPECT_EQ(verify.wait(), 1);
  EXPECT_THAT(verify.out(), HasSubstr("60 missing"));
  EXPECT_THAT(ctl({"status", "q"}), HasSubstr("lost 60"));
  EXPECT_THAT(ctl({"metrics", "q"}), HasSubstr("wq_items_lost{queue=\"q\"} 60"));
  // As its advice says.
  push_lines(numbered("b", 60));
  EXPECT_THAT(ctl({"verify", "q", "--repair"}), HasSubstr("repaired 60"));
  Process last = slow_worker();
  EXPECT_EQ(last.wait(), 0) << last.err();
  EXPECT_EQ(done().size(), 100U);
  EXPECT_EQ(counts().lost, 0U);
  expect_conserved();
}

}  // namespace
}  // namespace wq::test
