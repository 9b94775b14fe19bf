#include <stdexcept>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/push_source_testing.h"
#include "wq-push/argument_source.h"
#include "wq-push/brace_range.h"

namespace wq::push {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> texts(std::string_view text) {
  BraceRange range{text};
  return all_of(range);
}

TEST(BraceRange, CountsAndKeepsLeadingZeros) {
  EXPECT_THAT(texts("shard-{008..011}.tar"),
              ElementsAre("shard-008.tar", "shard-009.tar", "shard-010.tar", "shard-011.tar"));
}

TEST(BraceRange, CountsWithoutZerosWhereThereAreNone) {
  EXPECT_THAT(texts("{8..11}"), ElementsAre("8", "9", "10", "11"));
}

TEST(BraceRange, PadsToTheLongerOfTwoNumbers) {
  EXPECT_THAT(texts("{08..011}"), ElementsAre("008", "009", "010", "011"));
  EXPECT_THAT(texts("{0..02}"), ElementsAre("00", "01", "02"));
}

TEST(BraceRange, CountsDownIfTheSecondNumberIsLower) {
  EXPECT_THAT(texts("{2..0}"), ElementsAre("2", "1", "0"));
}

TEST(BraceRange, MayBeOfOneNumber) { EXPECT_THAT(texts("a{7..7}"), ElementsAre("a7")); }

TEST(BraceRange, MultipliesWithTheLastCountingFastest) {
  EXPECT_THAT(texts("{a}{0..1}-{8..9}"), ElementsAre("{a}0-8", "{a}0-9", "{a}1-8", "{a}1-9"));
  EXPECT_THAT(texts("{0..1}{2..3}"), ElementsAre("02", "03", "12", "13"));
}

TEST(BraceRange, KnowsHowManyThereAre) {
  EXPECT_EQ(BraceRange{"x"}.count(), 1);
  EXPECT_EQ(BraceRange{"{000000..000999}"}.count(), 1'000);
  EXPECT_EQ(BraceRange{"{9..0}{0..99}"}.count(), 1'000);
}

TEST(BraceRange, LeavesOtherBracesAsTheyAre) {
  for (const char* text :
       {"", "plain", R"({"a":1,"b":[2..3]})", "{a..c}", "{1..}", "{..2}", "{}", "{1...2}", "{1..2",
        "1..2}", "{-1..2}", "{1..2..3}", "{ 1..2}", "{a,b}", "{{}}"}) {
    EXPECT_THAT(texts(text), ElementsAre(text));
  }
}

TEST(BraceRange, FindsARangeWithinOtherBraces) {
  EXPECT_THAT(texts(R"({"id":{1..2}})"), ElementsAre(R"({"id":1})", R"({"id":2})"));
}

TEST(BraceRange, ReadsNumbersOfEighteenDigitsAndRefusesLongerOnes) {
  EXPECT_THAT(texts("{999999999999999998..999999999999999999}"),
              ElementsAre("999999999999999998", "999999999999999999"));
  EXPECT_THROW(BraceRange{"{0..1000000000000000000}"}, std::invalid_argument);
}

TEST(Union, IsOneRangeBehindTheOther) {
  EXPECT_THAT(parts_of_union("a{0..3}.tar::b{0..5}.tar"),
              ElementsAre("a{0..3}.tar", "b{0..5}.tar"));
  EXPECT_THAT(parts_of_union("a.tar::b{0..5}.tar::c.tar"),
              ElementsAre("a.tar", "b{0..5}.tar", "c.tar"));
}

TEST(Union, NeedsARangeAndLeavesAddressesAlone) {
  EXPECT_THAT(parts_of_union("std::vector"), ElementsAre("std::vector"));
  EXPECT_THAT(parts_of_union("http://[fe80::1]/a{0..3}"), ElementsAre("http://[fe80::1]/a{0..3}"));
  EXPECT_THAT(parts_of_union("http://[::1]/a{0..3}::b"), ElementsAre("http://[::1]/a{0..3}", "b"));
}

TEST(Union, OfNothingIsRefused) {
  for (const char* text : {"::a{0..3}", "a{0..3}::", "a{0..3}::::b"}) {
    EXPECT_THROW(static_cast<void>(parts_of_union(text)), std::invalid_argument) << text;
  }
}

TEST(DoubtAboutRanges, IsThereForWhatLooksLikeOneAndIsNone) {
  for (const char* text : {"a{0..", "a{0..9.tar", "a{a..z}", "a{0..9..2}", "a{-3..3}", "{..9}",
                           "{0..}", "a{0..3}b{1..", "a.tar::b.tar"}) {
    EXPECT_NE(doubt_about_ranges(text), "") << text;
  }
  EXPECT_THAT(doubt_about_ranges("a{0.."), HasSubstr("'{0..' is not a range"));
}

TEST(DoubtAboutRanges, IsNotThereForARangeOrForOtherBraces) {
  for (const char* text : {"a{0..9}", "{}", "{..}", R"({"from":"../a","to":{"x":1}})", "{a,b}",
                           "a..b", "a{0..3}::b", "x{y}/../z"}) {
    EXPECT_EQ(doubt_about_ranges(text), "") << text;
  }
}

TEST(Arguments, AreOneBehindTheOtherWhereColonsJoinThem) {
  testing::internal::CaptureStderr();
  ArgumentSource source({"x", "a{0..1}::b{7..8}", "y"}, false);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("'::' joins 2 ranges"));
  std::string item;
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(source.next(item));
  EXPECT_EQ(item, "b7");
  EXPECT_EQ(source.position(), "argument 2");
  EXPECT_THAT(all_of(source), ElementsAre("b8", "y"));
}

TEST(Arguments, AreItemsOrRangesOfThem) {
  ArgumentSource source({"a", "s-{1..2}", ""}, false);
  EXPECT_THAT(all_of(source), ElementsAre("a", "s-1", "s-2", ""));
}

TEST(Arguments, AreAllItemsIfTheyAreLiteral) {
  ArgumentSource source({"s-{1..2}", "*", "{0..1000000000000000000}"}, true);
  EXPECT_THAT(all_of(source), ElementsAre("s-{1..2}", "*", "{0..1000000000000000000}"));
}

TEST(Arguments, AreLookedAtBeforeTheFirstItemIsGiven) {
  EXPECT_THROW((ArgumentSource{{"a", "{0..1000000000000000000}"}, false}), std::invalid_argument);
}

TEST(Arguments, KnowTheirPlaceAndTheFractionThatIsDone) {
  ArgumentSource source({"a", "s-{1..4}"}, false);
  std::string item;
  EXPECT_EQ(source.fraction(), std::nullopt);
  ASSERT_TRUE(source.next(item));
  EXPECT_EQ(source.position(), "argument 1");
  EXPECT_EQ(source.fraction(), 0.5);
  ASSERT_TRUE(source.next(item));
  ASSERT_TRUE(source.next(item));
  EXPECT_EQ(source.position(), "argument 2");
  EXPECT_EQ(source.fraction(), 0.75);
}

}  // namespace
}  // namespace wq::push
