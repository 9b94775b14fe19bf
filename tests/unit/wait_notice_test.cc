#include "worker/wait_notice.h"

#include <chrono>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wq::internal {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class WaitNoticeAtRest : public ::testing::Test {
 protected:
  WaitNoticeAtRest() {
    options_.log = [this](LogLevel, std::string_view text) { said_.emplace_back(text); };
    counts_.id = "an id";
    counts_.producers = 1;
  }

  std::vector<std::string> said_;
  WorkerOptions options_;
  Counts counts_;
  const Keys keys_{"jobs"};
  // Never connected: Redis is not asked.
  ReconnectingConnection link_{{.url = "unix:///nowhere"}, {}};
  WaitNotice notice_{keys_, link_, options_};
  TimePoint now_ = BootClock::now();
};

TEST_F(WaitNoticeAtRest, SaysEachMinuteWhatIsWaitedFor) {
  for (int seconds = 0; seconds <= 125; ++seconds) {
    notice_.tell_at_rest(counts_, now_ + seconds * 1s);
  }
  EXPECT_THAT(said_,
              ElementsAre("waiting: the queue is empty, and a producer holds it open",
                          "still waiting, for 62s: the queue is empty, and a producer holds it "
                          "open",
                          "still waiting, for 122s: the queue is empty, and a producer holds it "
                          "open"));
}

TEST_F(WaitNoticeAtRest, SaysNothingOfAShortWait) {
  notice_.tell_at_rest(counts_, now_);
  notice_.tell_at_rest(counts_, now_ + 1'999ms);
  EXPECT_THAT(said_, IsEmpty());
}

}  // namespace
}  // namespace wq::internal
