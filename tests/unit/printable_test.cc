#include "pure/printable.h"

#include <string>

#include <gtest/gtest.h>

namespace wq::internal {
namespace {

TEST(PrintableItems, StandInQuotes) {
  EXPECT_EQ(printable("apple pie"), "'apple pie'");
  EXPECT_EQ(printable(""), "''");
}

TEST(PrintableItems, ShowWhatIsNotPrintableAsNumbers) {
  EXPECT_EQ(printable("a\r\nb\t"), R"('a\x0d\x0ab\x09')");
  EXPECT_EQ(printable(std::string("\0\x1b\x7f\xff", 4)), R"('\x00\x1b\x7f\xff')");
}

TEST(PrintableItems, ShowTheirOwnSignsAsNumbers) {
  EXPECT_EQ(printable(R"(it's \x41)"), R"('it\x27s \x5cx41')");
}

TEST(PrintableItems, AreCutAndSayHowLongTheyAre) {
  EXPECT_EQ(printable(std::string(80, 'x')), "'" + std::string(80, 'x') + "'");
  EXPECT_EQ(printable(std::string(81, 'x')), "'" + std::string(80, 'x') + "'... (81 bytes)");
}

}  // namespace
}  // namespace wq::internal
