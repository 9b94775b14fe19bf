#include "base/chunk_size.h"

#include <gtest/gtest.h>

namespace wq::internal {
namespace {

TEST(ChunkSize, IsAboutAMebibyteWhateverAnItemWeighs) {
  ChunkSize chunk;
  EXPECT_EQ(chunk.items(), 8U);
  chunk.read(8, 800);
  EXPECT_EQ(chunk.items(), ChunkSize::kMostItems);
  chunk.read(1'000, 100'000'000);
  EXPECT_EQ(chunk.items(), 10U);
  chunk.read(10, 100'000'000);
  EXPECT_EQ(chunk.items(), 1U);
}

TEST(ChunkSize, IsHalvedByEachFailureDownToOneItem) {
  ChunkSize chunk;
  for (const std::size_t items : {4U, 2U, 1U, 1U}) {
    chunk.failed();
    EXPECT_EQ(chunk.items(), items);
  }
}

TEST(ChunkSize, StaysSmallAfterAFailure) {
  ChunkSize chunk;
  chunk.read(8, 8 * 200'000);
  EXPECT_EQ(chunk.items(), 5U);
  chunk.failed();
  chunk.read(2, 2 * 200'000);
  EXPECT_EQ(chunk.items(), 2U);
}

}  // namespace
}  // namespace wq::internal
