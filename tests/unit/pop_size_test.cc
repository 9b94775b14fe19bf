#include "queue/pop_size.h"

#include <gtest/gtest.h>

#include "queue/operations.h"

namespace wq::internal {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMany = 1'000;

// A link that carries so many bytes a second: what one pop asks for, after `pops` of them.
std::size_t after_pops(PopSize& size, int pops, std::size_t item_bytes, double bytes_per_second) {
  for (; pops > 0; --pops) {
    const std::size_t items = size.items(kMany);
    const double took_s = static_cast<double>(items * item_bytes) / bytes_per_second;
    size.arrived(items, items * item_bytes,
                 std::chrono::duration_cast<std::chrono::nanoseconds>(
                     std::chrono::duration<double>(took_s)));
  }
  return size.items(kMany);
}

TEST(PopSize, AsksForAsMuchAsIsWantedUntilThatIsTooMuch) {
  PopSize size;
  EXPECT_EQ(size.items(kMany), kMany);
  EXPECT_FALSE(size.one_at_a_time(kMany));
  size.arrived(100, 10'000'000, 10s);
  EXPECT_EQ(size.items(kMany), 10U);  // what arrives within a second
  EXPECT_TRUE(size.one_at_a_time(kMany));
}

TEST(PopSize, BeginsWithOneItemAndIsAtATthousandAfterAFewAnswersOfAFastLink) {
  PopSize size = PopSize::from_one_item();
  EXPECT_EQ(size.items(kMany), 1U);
  EXPECT_TRUE(size.one_at_a_time(kMany));
  EXPECT_EQ(after_pops(size, 4, 50, 1e8), kMany);
  EXPECT_FALSE(size.one_at_a_time(kMany));
}

TEST(PopSize, OfASlowLinkAsksForWhatArrivesInASecond) {
  PopSize size = PopSize::from_one_item();
  const std::size_t items = after_pops(size, 10, 100'000, 1e6);
  EXPECT_GE(items, 8U);
  EXPECT_LE(items, 10U);
  EXPECT_TRUE(size.one_at_a_time(kMany));
}

TEST(PopSize, DoesNotAskForTwoLargePopsAtOnceAfterASmallOneThatWasQuick) {
  PopSize size = PopSize::from_one_item();
  size.arrived(1, 100'000, 100ms);
  EXPECT_FALSE(size.one_at_a_time(1));
  EXPECT_TRUE(size.one_at_a_time(8));
}

TEST(PopSize, ALongWayToRedisAloneKeepsNoSecondPopBack) {
  PopSize size = PopSize::from_one_item();
  size.arrived(1, 10, 100ms);
  EXPECT_FALSE(size.one_at_a_time(kMany));
}

TEST(PopSize, AsksForOneItemWhereOneTakesLongerThanASecond) {
  PopSize size = PopSize::from_one_item();
  EXPECT_EQ(after_pops(size, 5, 48'000'000, 1e6), 1U);
}

TEST(PopSize, AnItemThatIsLargerThanUsualCountsAtOnce) {
  PopSize size = PopSize::from_one_item();
  after_pops(size, 5, 100, 1e8);
  size.arrived(10, 10'000'000, 100ms);
  EXPECT_LE(size.items(kMany), 100U);
}

TEST(PopSize, AsksForHalfAfterAnAnswerThatWasLate) {
  PopSize size;
  size.arrived(1'000, 10'000'000, 10s);
  EXPECT_EQ(size.items(kMany), 100U);
  size.late();
  EXPECT_EQ(size.items(kMany), 50U);
}

TEST(PopSize, ComesDownToOneItemWhereLargerAnswersBreakTheConnection) {
  PopSize size;
  size.arrived(1, 900'000, 1ms);
  for (std::size_t items = size.items(30); items > 1; items = size.items(items)) size.broken(items);
  EXPECT_EQ(size.items(30), 1U);
}

TEST(PopSize, DoesNotTryWhatHasBrokenAConnectionAgainForAHundredAnswers) {
  PopSize size;
  size.arrived(1, 200'000, 1ms);
  size.broken(16);
  EXPECT_EQ(size.items(kMany), 8U);
  for (int i = 0; i < 98; ++i) size.arrived(4, 800'000, 1ms);
  EXPECT_LE(size.items(kMany), 8U);
  for (int i = 0; i < 10; ++i) size.arrived(4, 800'000, 1ms);
  EXPECT_GT(size.items(kMany), 8U);
}

TEST(PopSize, TakesNoNoticeOfAConnectionThatBrokeUnderLittle) {
  PopSize size;
  size.arrived(10, 1'000, 1ms);
  size.broken(100);
  EXPECT_EQ(size.items(kMany), kMany);
}

TEST(TimeToLease, IsHalfTheGracePeriodAndASecondForEachMebibyte) {
  EXPECT_EQ(time_to_lease(0), kUnleasedGrace / 2);
  EXPECT_EQ(time_to_lease(std::size_t{48} << 20U), kUnleasedGrace / 2 + 48s);
  EXPECT_EQ(unleased_grace(std::size_t{1} << 20U), kUnleasedGrace + 2s);
}

}  // namespace
}  // namespace wq::internal
