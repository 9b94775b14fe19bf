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
  // Of two queues.
  static Batcher batcher(std::size_t batch, std::chrono::milliseconds max_delay = 0ms,
                         std::size_t max_bytes = 0) {
    WorkerOptions options;
    options.batch = batch;
    options.max_delay = max_delay;
    options.max_batch_bytes = max_bytes;
    return {options, 2};
  }

  void give(Batcher& batcher, std::string item, QueueIndex queue = 0, std::uint32_t crashes = 0) {
    Lease lease;
    lease.item = std::move(item);
    lease.fence = ++fence_;
    lease.crashes = crashes;
    batcher.give({queue, std::move(lease)}, now_);
  }

  static std::vector<std::string> take(Batcher& batcher) {
    std::vector<Lease> leases;
    queue_ = batcher.take(leases);
    std::vector<std::string> items;
    for (Lease& each : leases) items.push_back(std::move(each.item));
    return items;
  }

  static std::vector<std::string> items(std::vector<QueueLease> held) {
    std::vector<std::string> items;
    for (QueueLease& each : held) items.push_back(std::move(each.lease.item));
    return items;
  }

  static inline QueueIndex queue_ = 0;  // of the batch that was taken last
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
  waiting.expect_more(0, false);
  EXPECT_LE(waiting.due(), now_);
  waiting.expect_more(0, true);
  EXPECT_EQ(waiting.due(), now_ + 24h);
}

TEST_F(Batches, HoldAnItemThatCrashedBeforeWithoutOthers) {
  Batcher waiting = batcher(10, 24h);
  give(waiting, "a");
  give(waiting, "b");
  give(waiting, "crashed", 0, 1);
  give(waiting, "crashed too", 0, 2);
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

TEST_F(Batches, NeverMixQueues) {
  Batcher waiting = batcher(3);
  give(waiting, "a", 0);
  give(waiting, "b", 1);
  give(waiting, "c", 0);
  give(waiting, "d", 1);
  EXPECT_THAT(take(waiting), ElementsAre("a", "c"));
  EXPECT_EQ(queue_, 0U);
  EXPECT_THAT(take(waiting), ElementsAre("b", "d"));
  EXPECT_EQ(queue_, 1U);
}

TEST_F(Batches, OfOneQueueDoNotWaitBehindThoseOfAnotherThatWaitForMore) {
  Batcher waiting = batcher(2, 24h);
  give(waiting, "gathers", 0);
  give(waiting, "a", 1);
  give(waiting, "b", 1);
  EXPECT_LE(waiting.due(), now_);
  EXPECT_THAT(take(waiting), ElementsAre("a", "b"));
  EXPECT_EQ(waiting.due(), now_ + 24h);
  waiting.expect_more(1, false);  // of the other queue
  EXPECT_EQ(waiting.due(), now_ + 24h);
}

TEST_F(Batches, OfSeveralQueuesAreHandedOutByWeightHoweverTheirItemsCame) {
  Batcher waiting(WorkerOptions{}, 2, {2, 1});
  for (const char* item : {"a", "a", "a", "a"}) give(waiting, item, 0);
  for (const char* item : {"b", "b"}) give(waiting, item, 1);
  std::string order;
  while (!waiting.empty()) order += take(waiting).front();
  EXPECT_EQ(order, "abaaba");
}

TEST_F(Batches, OfAQueueThatHadNoItemsForLongAreNotHandedOutBeforeAllOthers) {
  Batcher waiting(WorkerOptions{}, 2, {1, 1});
  for (int i = 0; i < 1'000; ++i) {
    give(waiting, "a", 0);
    take(waiting);
  }
  for (int i = 0; i < 300; ++i) give(waiting, "a", 0);
  for (int i = 0; i < 300; ++i) give(waiting, "b", 1);
  int b = 0;
  while (take(waiting).front() == "b") ++b;
  EXPECT_LE(b, 70) << "what two divisions give it";
}

TEST_F(Batches, OfQueuesInOrderAreHandedOutAsTheyCame) {
  WorkerOptions options;
  options.strict = true;
  Batcher waiting(options, 2, {1, 1});
  for (const char* item : {"boosted", "boosted too"}) give(waiting, item, 1);
  give(waiting, "first", 0);
  EXPECT_THAT(take(waiting), ElementsAre("boosted"));
  EXPECT_THAT(take(waiting), ElementsAre("boosted too"));
  EXPECT_THAT(take(waiting), ElementsAre("first"));
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

TEST_F(Batches, LoseTheLeaseOfTheQueueThatIsNamed) {
  Batcher waiting = batcher(3);
  give(waiting, "a", 0);
  fence_ = 0;  // two queues give out equal fences
  give(waiting, "b", 1);
  EXPECT_THAT(items(waiting.take_lost(1, std::vector<std::uint64_t>{1, 99})), ElementsAre("b"));
  EXPECT_THAT(take(waiting), ElementsAre("a"));
}

}  // namespace
}  // namespace wq::internal
