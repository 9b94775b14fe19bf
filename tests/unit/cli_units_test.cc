#include <chrono>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/units.h"

namespace wq::cli {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::HasSubstr;

/// What the reader says of a text that it refuses.
template <typename Reader>
std::string refusal(Reader reader, const std::string& text) {
  try {
    (void)reader(text);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "accepted";
}

TEST(DurationText, ReadsAWholeNumberWithEachUnit) {
  EXPECT_EQ(parse_duration("500ms"), milliseconds{500});
  EXPECT_EQ(parse_duration("60s"), seconds{60});
  EXPECT_EQ(parse_duration("5m"), minutes{5});
  EXPECT_EQ(parse_duration("2h"), hours{2});
  EXPECT_EQ(parse_duration("1d"), hours{24});
}

TEST(DurationText, ReadsZeroWithAndWithoutAUnit) {
  EXPECT_EQ(parse_duration("0"), milliseconds{0});
  EXPECT_EQ(parse_duration("0s"), milliseconds{0});
}

TEST(DurationText, RefusesANumberWithoutAUnit) {
  EXPECT_EQ(refusal(parse_duration, "60"), "'60' has no unit: ms, s, m, h or d, such as 60s");
}

TEST(DurationText, RefusesWhatIsNoDuration) {
  for (const char* text : {"", "s", "-5s", "+5s", "1.5h", "5 s", " 5s", "5s ", "1h30m", "5S",
                           "5sec", "99999999999999999999s"}) {
    EXPECT_THAT(refusal(parse_duration, text), HasSubstr("is not a duration")) << text;
  }
}

TEST(DurationText, RefusesACenturyAndMore) {
  EXPECT_EQ(parse_duration("36500d"), hours{24} * 36'500);
  EXPECT_EQ(refusal(parse_duration, "36501d"), "'36501d' is too long: at most 36500d");
  EXPECT_THAT(refusal(parse_duration, "18446744073709551615ms"), HasSubstr("is too long"));
}

TEST(DurationText, QuotesWhatCannotBePrintedAsQuestionMarks) {
  EXPECT_THAT(refusal(parse_duration, "\n\x1b[2J"), HasSubstr("'??[2J'"));
}

TEST(DurationText, WritesTheLargestUnitThatIsExact) {
  EXPECT_EQ(duration_text(milliseconds{0}), "0");
  EXPECT_EQ(duration_text(milliseconds{1'500}), "1500ms");
  EXPECT_EQ(duration_text(seconds{1}), "1s");
  EXPECT_EQ(duration_text(seconds{60}), "60s");
  EXPECT_EQ(duration_text(seconds{90}), "90s");
  EXPECT_EQ(duration_text(minutes{5}), "5m");
  EXPECT_EQ(duration_text(hours{1}), "1h");
  EXPECT_EQ(duration_text(hours{24}), "24h");
  EXPECT_EQ(duration_text(hours{48}), "2d");
}

TEST(DurationText, IsReadBackAsItWasWritten) {
  for (const milliseconds duration : {milliseconds{1}, milliseconds{999}, milliseconds{61'000},
                                      milliseconds{hours{25}}, milliseconds{hours{24} * 36'500}}) {
    EXPECT_EQ(parse_duration(duration_text(duration)), duration);
  }
}

TEST(DurationRangeText, ReadsTwoDurations) {
  const DurationRange range = parse_duration_range("1s..5m");
  EXPECT_EQ(range.min, seconds{1});
  EXPECT_EQ(range.max, minutes{5});
  EXPECT_EQ(duration_range_text(range), "1s..5m");
}

TEST(DurationRangeText, RefusesHalfARangeAndOneThatGoesBackwards) {
  EXPECT_THAT(refusal(parse_duration_range, "1s"), HasSubstr("is not a range"));
  EXPECT_THAT(refusal(parse_duration_range, "1s.."), HasSubstr("is not a duration"));
  EXPECT_THAT(refusal(parse_duration_range, "5m..1s"),
              HasSubstr("the first duration is longer than the second"));
}

TEST(SizeText, ReadsBytesAndPowersOf1024) {
  EXPECT_EQ(parse_size("0"), 0U);
  EXPECT_EQ(parse_size("512"), 512U);
  EXPECT_EQ(parse_size("1K"), 1024U);
  EXPECT_EQ(parse_size("64m"), 64U << 20U);
  EXPECT_EQ(parse_size("64Mi"), 64U << 20U);
  EXPECT_EQ(parse_size("16MiB"), 16U << 20U);
  EXPECT_EQ(parse_size("2G"), std::uint64_t{2} << 30U);
  EXPECT_EQ(parse_size("1T"), std::uint64_t{1} << 40U);
}

TEST(SizeText, RefusesAUnitThatMeansTwoSizes) {
  EXPECT_EQ(refusal(parse_size, "16MB"),
            "'16MB' can mean two sizes: write M or MiB for 1024 * 1024");
}

TEST(SizeText, RefusesWhatIsNoSize) {
  for (const char* text : {"", "M", "-1", "1.5G", "1 M", "16Mx", "16iB", "1E"}) {
    EXPECT_THAT(refusal(parse_size, text), HasSubstr("is not a size")) << text;
  }
  EXPECT_EQ(refusal(parse_size, "99999999T"), "'99999999T' is too large");
}

TEST(SizeText, WritesTheLargestUnitThatIsExact) {
  EXPECT_EQ(size_text(0), "0");
  EXPECT_EQ(size_text(1'500), "1500");
  EXPECT_EQ(size_text(1024), "1K");
  EXPECT_EQ(size_text(16U << 20U), "16M");
  EXPECT_EQ(parse_size(size_text(std::numeric_limits<std::uint64_t>::max())),
            std::numeric_limits<std::uint64_t>::max());
}

TEST(NumberText, ReadsDigitsWithinTheBounds) {
  EXPECT_EQ(parse_number("0"), 0U);
  EXPECT_EQ(parse_number("18446744073709551615"), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(parse_number("7", 1, 7), 7U);
}

TEST(NumberText, RefusesSignsAndWhatIsOutOfBounds) {
  const auto one_to_seven = [](const std::string& text) { return parse_number(text, 1, 7); };
  for (const char* text : {"", "-1", "+1", "1e3", "0x1", " 1", "0", "8", "99999999999999999999"}) {
    EXPECT_THAT(refusal(one_to_seven, text), HasSubstr("is not a whole number from 1 to 7"))
        << text;
  }
  const auto from_one = [](const std::string& text) { return parse_number(text, 1); };
  EXPECT_EQ(refusal(from_one, "0"), "'0' is not a whole number from 1 on");
}

TEST(SwitchText, ReadsTheUsualWords) {
  for (const char* text : {"1", "true", "Yes", "ON"}) EXPECT_TRUE(parse_switch(text)) << text;
  for (const char* text : {"0", "false", "No", "OFF"}) EXPECT_FALSE(parse_switch(text)) << text;
  EXPECT_EQ(refusal(parse_switch, "maybe"), "'maybe' is invalid: must be 1 (on) or 0 (off)");
}

TEST(Plural, CountsWords) {
  EXPECT_EQ(plural(0, "item"), "0 items");
  EXPECT_EQ(plural(1, "item"), "1 item");
  EXPECT_EQ(plural(1, "crash", "crashes"), "1 crash");
  EXPECT_EQ(plural(2, "crash", "crashes"), "2 crashes");
}

}  // namespace
}  // namespace wq::cli
