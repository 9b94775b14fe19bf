#include "worker/supply.h"

#include <gtest/gtest.h>

namespace wq::internal {
namespace {

using namespace std::chrono_literals;

WorkerOptions options(unsigned concurrency, std::size_t batch, unsigned calls_per_slot = 1) {
  WorkerOptions options;
  options.concurrency = concurrency;
  options.batch = batch;
  options.calls_per_slot = calls_per_slot;
  return options;
}

TEST(Supply, OfLongItemsIsWhatTheSlotsRun) {
  const WorkerOptions four = options(4, 1);
  EXPECT_EQ(Supply(four).target({.per_item = 1s, .ready_slots = 4}), 4U);
}

TEST(Supply, OfTinyItemsIsSomeHundredsAhead) {
  const WorkerOptions four = options(4, 1);
  EXPECT_EQ(Supply(four).target({.per_item = 1us, .ready_slots = 4}), 4U + 256U);
}

TEST(Supply, OfLargeItemsIsBoundByTheirBytes) {
  const WorkerOptions four = options(4, 1);
  EXPECT_EQ(Supply(four).target({.per_item = 1us, .item_bytes = 4 << 20, .ready_slots = 4}),
            4U + 3U);
}

TEST(Supply, OfBatchesHasTheNextOneOfEachSlot) {
  const WorkerOptions batches = options(2, 10);
  EXPECT_EQ(Supply(batches).next_batches({.ready_slots = 2}), 20U);
  EXPECT_EQ(Supply(batches).target({.ready_slots = 2}), 40U);
}

TEST(Supply, PutsNoSingleItemBehindAnotherWhileASlotIsNotReady) {
  const WorkerOptions two_calls = options(2, 1, 2);
  EXPECT_EQ(Supply(two_calls).next_batches({.ready_slots = 1}), 0U);
  EXPECT_EQ(Supply(two_calls).next_batches({.ready_slots = 2}), 2U);
}

}  // namespace
}  // namespace wq::internal
