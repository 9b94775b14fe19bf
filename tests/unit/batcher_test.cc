#include "worker/batcher.h"

#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wq::internal {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class Batches : public ::testing::Test {
 protected:
  static Batcher batcher(std::size_t batch, std::chrono::milliseconds max_delay = 0ms,
                         std::size_t max_bytes = 0) {
    WorkerOptions options;
    options.batch = batch;
    options.max_delay = max_delay;
    options.max_batch_bytes = max_bytes;
    return Batcher{options};
  }

  void give(Batcher& batcher, std::string item, std::uint32_t crashes = 0) {
    Lease lease;
    lease.item = std::move(item);
    lease.fence = ++fence_;
    lease.crashes = crashes;
    batcher.give(std::move(lease), now_);
  }

  static std::vector<std::string> take(Batcher& batcher) {
    std::vector<Lease> leases;
    batcher.take(leases);
    std::vector<std::string> items;
    for (Lease& each : leases) items.push_back(std::move(each.item));
    return items;
  }

  static std::vector<std::string> items(std::vector<Lease> held) {
    std::vector<std::string> items;
    for (Lease& each : held) items.push_back(std::move(each.item));
    return items;
  }

  TimePoint now_ = BootClock::now();
  std::uint64_t fence_ = 0;
};

TEST_F(Batches, HaveNoMoreThanTheirSizeInTheOrderInWhichItemsCame) {
  Batcher waiting = batcher(3);
  for (const char* item : {"a", "b", "c", "d"}) give(waiting, item);
  EXPECT_THAT(take(waiting), ElementsAre("a", "b", "c"));
  EXPECT_THAT(take(waiting), ElementsAre("d"));
  EXPECT_TRUE(waiting.empty());
}

TEST_F(Batches, AreDueAtOnceWithoutADelay) {
  Batcher waiting = batcher(3);
  give(waiting, "a");
  EXPECT_LE(waiting.due(), now_);
}

TEST_F(Batches, AreDueWhenTheyAreFull) {
  Batcher waiting = batcher(2, 24h);
  give(waiting, "a");
  EXPECT_EQ(waiting.due(), now_ + 24h);
  give(waiting, "b");
  EXPECT_LE(waiting.due(), now_);
}

TEST_F(Batches, AreDueWhenTheirOldestItemHasWaitedLongEnough) {
  Batcher waiting = batcher(3, 1h);
  give(waiting, "a");
  now_ += 30min;
  give(waiting, "b");
  EXPECT_EQ(waiting.due(), now_ + 30min);
}

TEST_F(Batches, AreDueAtOnceWhenNothingMoreComes) {
  Batcher waiting = batcher(3, 24h);
  give(waiting, "a");
  waiting.expect_more(false);
  EXPECT_LE(waiting.due(), now_);
  waiting.expect_more(true);
  EXPECT_EQ(waiting.due(), now_ + 24h);
}

TEST_F(Batches, HoldAnItemThatCrashedBeforeWithoutOthers) {
  Batcher waiting = batcher(10, 24h);
  give(waiting, "a");
  give(waiting, "b");
  give(waiting, "crashed", 1);
  give(waiting, "crashed too", 2);
  give(waiting, "c");
  for (const auto& batch :
       std::vector<std::vector<std::string>>{{"a", "b"}, {"crashed"}, {"crashed too"}}) {
    EXPECT_LE(waiting.due(), now_);
    EXPECT_EQ(take(waiting), batch);
  }
  EXPECT_EQ(waiting.due(), now_ + 24h);
}

TEST_F(Batches, StayBelowTheirBytesUnlessOneItemIsLarger) {
  Batcher waiting = batcher(10, 24h, 4);
  for (const char* item : {"12", "34", "5", "too long", "6"}) give(waiting, item);
  EXPECT_THAT(take(waiting), ElementsAre("12", "34"));
  EXPECT_THAT(take(waiting), ElementsAre("5"));
  EXPECT_THAT(take(waiting), ElementsAre("too long"));
  EXPECT_EQ(waiting.due(), now_ + 24h);
}

TEST_F(Batches, AreTakenBackBehindThoseThatAreKept) {
  Batcher waiting = batcher(1);
  for (const char* item : {"a", "b", "c"}) give(waiting, item);
  now_ += 1s;
  give(waiting, "young");
  EXPECT_THAT(items(waiting.take_back(now_ - 1s, 2)), ElementsAre("c"));
  EXPECT_THAT(items(waiting.take_back(now_ - 1s, 9)), IsEmpty());
  EXPECT_THAT(items(waiting.take_back(now_, 1)), ElementsAre("b", "young"));
  EXPECT_EQ(waiting.size(), 1U);
}

TEST_F(Batches, LoseTheLeasesThatAreNamed) {
  Batcher waiting = batcher(3);
  give(waiting, "a");
  give(waiting, "b");
  EXPECT_THAT(items(waiting.take_lost(std::vector<std::uint64_t>{2, 99})), ElementsAre("b"));
  EXPECT_THAT(take(waiting), ElementsAre("a"));
}

}  // namespace
}  // namespace wq::internal
