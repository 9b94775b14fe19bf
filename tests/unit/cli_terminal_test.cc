#include <clocale>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "cli/terminal.h"

namespace wq::cli {
namespace {

TEST(Columns, AreThoseOfEachCharacterInAnyLocale) {
  for (const char* locale : {"C", "C.UTF-8"}) {
    ASSERT_NE(std::setlocale(LC_ALL, locale), nullptr);
    EXPECT_EQ(columns_of("abc"), 3U);
    EXPECT_EQ(columns_of("é"), 1U);
    EXPECT_EQ(columns_of("…€"), 2U) << "three bytes each and one column";
    EXPECT_EQ(columns_of("你好"), 4U);
    EXPECT_EQ(columns_of("😀"), 2U);
    EXPECT_EQ(columns_of("e\u0301"), 1U) << "an accent stands over its letter";
    EXPECT_EQ(columns_of("\xff"), 1U);
    EXPECT_EQ(columns_of("\x1b[31m€\x1b[0m"), 1U) << "colours take no room";
  }
  std::setlocale(LC_ALL, "C");
}

TEST(Columns, LeaveTheLocaleOfTheProgramAlone) {
  const std::string before = std::setlocale(LC_ALL, nullptr);
  static_cast<void>(columns_of("€"));
  EXPECT_EQ(std::setlocale(LC_ALL, nullptr), before);
}

TEST(Fit, UsesAllTheRoomThereIs) {
  EXPECT_EQ(fit("€€€€€€€€", 8), "€€€€€€€€");
  EXPECT_EQ(fit("€€€€€€€€", 7), "€€€€...");
  EXPECT_EQ(fit("你好你好", 7), "你好...");
}

TEST(Padded, CountsColumnsAndNotBytes) {
  EXPECT_EQ(padded("€", 3), "€  ");
  EXPECT_EQ(padded("你", 3), "你 ");
  EXPECT_EQ(padded("abcd", 3), "abcd");
}

}  // namespace
}  // namespace wq::cli
