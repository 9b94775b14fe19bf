// Whole programs on servers that withhold commands, as managed services do.
#include <gmock/gmock.h>

#include "e2e/programs.h"

namespace wq::test {
namespace {

class OnAService : public ProgramTest {
 protected:
  OnAService()
      : ProgramTest({"rename-command CONFIG \"\"", "rename-command INFO \"\"",
                     "rename-command CLIENT \"\"", "rename-command SCRIPT \"\""}) {}
};

TEST_F(OnAService, AQueueIsFilledAndDrained) {
  EXPECT_EQ(push_process(Words{"q"} + numbered("item-", 100)).wait(), 0);
  EXPECT_EQ(work({}, {"true"}), 0);
  EXPECT_EQ(counts().completed, 100U);
  EXPECT_THAT(ctl({"status", "q"}), ::testing::HasSubstr("drained"));
}

TEST_F(OnAService, AWorkerServesSeveralQueues) {
  fill("other", 5);
  push({"a"});
  EXPECT_EQ(work({"--queue", "other"}, {"true"}), 0);
  EXPECT_EQ(counts_of("other").completed, 5U);
}

}  // namespace
}  // namespace wq::test
