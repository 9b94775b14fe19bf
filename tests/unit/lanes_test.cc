#include <algorithm>
#include <set>
#include <stdexcept>
#include <string>

#include <gmock/gmock.h>

#include <wq/lanes.h>

namespace wq::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

TEST(Lanes, HaveNamesWithAHashTagEach) {
  EXPECT_THAT(lane_names("jobs", 3), ElementsAre("{jobs:0}", "{jobs:1}", "{jobs:2}"));
}

TEST(Lanes, RefuseANameWithABraceAndAWrongNumber) {
  EXPECT_THAT([] { static_cast<void>(lane_names("{a}", 2)); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("has a brace")));
  EXPECT_THROW(static_cast<void>(lane_names("a", 0)), std::invalid_argument);
  EXPECT_THROW(static_cast<void>(lane_names("a", kMostLanes + 1)), std::invalid_argument);
  EXPECT_THROW(static_cast<void>(lane_names("a:dead", 2)), std::invalid_argument);
}

// Other programs and later versions must find the same.
TEST(Lanes, OfAKeyNeverChange) {
  EXPECT_EQ(lane_of("user-1", 8), lane_of(std::string("user-1"), 8));
  EXPECT_EQ(lane_of("", 8), 0xd14a028c2a3a2bc9U % 8);  // the first 8 bytes of SHA-224
}

TEST(Lanes, AreAHomeForAboutAsManyWorkersEach) {
  std::vector<int> homes(8);
  for (int worker = 0; worker < 800; ++worker) {
    ++homes[lane_order("worker-" + std::to_string(worker), 8).front()];
  }
  EXPECT_GT(*std::min_element(homes.begin(), homes.end()), 60);
  EXPECT_LT(*std::max_element(homes.begin(), homes.end()), 140);
}

TEST(Lanes, AreAllInTheOrderOfAWorker) {
  const auto order = lane_order("w", 8);
  EXPECT_EQ(std::set<std::size_t>(order.begin(), order.end()).size(), 8U);
  EXPECT_EQ(order, lane_order("w", 8));
  EXPECT_NE(order, lane_order("v", 8));
}

TEST(Lanes, OfAnItemComeFromItsFirstPart) {
  EXPECT_EQ(lane_key("user-1 a"), "user-1");
  EXPECT_EQ(lane_key("user-1\tb c"), "user-1");
  EXPECT_EQ(lane_key("whole/thing"), "whole/thing");
}

}  // namespace
}  // namespace wq::test
