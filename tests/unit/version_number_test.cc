#include "base/version_number.h"

#include <gtest/gtest.h>

namespace wq::internal {
namespace {

TEST(VersionNumber, HasThreePartsOfWhichTheLastMayBeLeftOut) {
  EXPECT_EQ(version_number("7.0.15"), (VersionNumber{7, 0, 15}));
  EXPECT_EQ(version_number("7.2"), (VersionNumber{7, 2, 0}));
  EXPECT_EQ(version_number("8"), (VersionNumber{8, 0, 0}));
}

TEST(VersionNumber, PassesOverWhatFollows) {
  EXPECT_EQ(version_number("7.4.1-rc2"), (VersionNumber{7, 4, 1}));
  EXPECT_EQ(version_number("255.255.255.1"), (VersionNumber{255, 255, 255}));
}

TEST(VersionNumber, IsNothingWhereTheTextBeginsWithNoNumber) {
  EXPECT_FALSE(version_number(""));
  EXPECT_FALSE(version_number("unstable"));
  EXPECT_FALSE(version_number(".7"));
}

}  // namespace
}  // namespace wq::internal
