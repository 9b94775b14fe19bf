// Totals: what is read, refused and reduced before anything is sent.
#include "base/totals.h"

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <wq/total.h>

namespace wq::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Optional;

std::string totals_refusal(std::string_view lines, Reduction how = Reduction::sum) {
  try {
    static_cast<void>(read_totals(lines, how));
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return {};
}

/// The sum under the key "k", as a reader of Redis sees it.
std::string sum_of(const std::vector<std::string>& numbers) {
  std::vector<Total> totals;
  for (const std::string& number : numbers) {
    totals.push_back({.how = Reduction::sum, .key = "k", .number = number});
  }
  internal::TotalsReader reader;
  for (const auto& verb : internal::reduce(totals).verbs) reader.add(verb.operand, verb.more);
  return reader.take().at(0).sum;
}

TEST(TotalLines, AreAKeyATabAndANumber) {
  const auto totals = read_totals("the\t3\nan empty key follows\t-1.5\n\t7\n", Reduction::sum);
  ASSERT_EQ(totals.size(), 3U);
  EXPECT_EQ(totals[0].key, "the");
  EXPECT_EQ(totals[0].number, "3");
  EXPECT_EQ(totals[1].number, "-1.5");
  EXPECT_EQ(totals[2].key, "");
}

TEST(TotalLines, MayLackTheNumberWhichIsOneThen) {
  const auto totals = read_totals("a\n\nb\r\nc", Reduction::count);
  ASSERT_EQ(totals.size(), 3U) << "an empty line is none";
  EXPECT_EQ(totals[1].key, "b") << "without the carriage return";
  EXPECT_EQ(totals[2].number, "1");
}

TEST(TotalLines, AreRefusedWithTheirNumber) {
  EXPECT_THAT(totals_refusal("a\t1\nb\tx\n"), HasSubstr("line 2: 'x' is not a decimal number"));
  EXPECT_THAT(totals_refusal("a\t1\t2\n"), HasSubstr("line 1: "));
  EXPECT_THAT(totals_refusal("a\t\n"), HasSubstr("line 1: "));
  EXPECT_THAT(totals_refusal("a\t+-5\n"), HasSubstr("line 1: "));
  EXPECT_THAT(totals_refusal("a\t99999999999999999999\n", Reduction::max),
              HasSubstr("beyond 2^53"));
  EXPECT_THAT(totals_refusal("a\tnan\n"), HasSubstr("not a decimal number"));
  EXPECT_THAT(totals_refusal("a\tinf\n", Reduction::max), HasSubstr("not a decimal number"));
  EXPECT_THAT(totals_refusal("a\t0x10\n"), HasSubstr("not a decimal number"));
  EXPECT_THAT(totals_refusal("a\t1000000000000000001\n"), HasSubstr("beyond 10^18"));
  EXPECT_THAT(totals_refusal("a\t1e300\n"), HasSubstr("beyond 2^53"));
  EXPECT_THAT(totals_refusal("a\t9007199254740993\n", Reduction::min), HasSubstr("beyond 2^53"));
  EXPECT_THAT(totals_refusal(std::string(8'193, 'k') + "\t1\n"), HasSubstr("8193 bytes"));
  EXPECT_EQ(totals_refusal("a\t1e300\n", Reduction::max), "");
  EXPECT_EQ(totals_refusal("a\twhatever\n", Reduction::distinct), "") << "the number is ignored";
}

TEST(SumOfNumbers, IsExact) {
  EXPECT_EQ(sum_of({"9007199254740993", "1"}), "9007199254740994");
  EXPECT_EQ(sum_of({"0.1", "0.2"}), "0.3");
  EXPECT_EQ(sum_of({"-0.5", "-0.75"}), "-1.25");
  EXPECT_EQ(sum_of({"1.5", "-2"}), "-0.5");
  EXPECT_EQ(sum_of({"+2", "1e-9"}), "2.000000001");
  EXPECT_EQ(sum_of({"3", "-3"}), "0");
  EXPECT_EQ(sum_of({"1e3"}), "1000");
  EXPECT_EQ(sum_of({"0.99999999999"}), "1") << "rounded to nine places";
}

TEST(SumOfNumbers, TakesEveryTypeOfNumber) {
  const std::string bytes = "page";
  EXPECT_EQ(Total::sum("k", bytes.size()).number, "4");
  EXPECT_EQ(Total::sum("k", -1).number, "-1");
  EXPECT_EQ(Total::sum("k", std::uint64_t{18'446'744'073'709'551'615U}).number,
            "18446744073709551615");
  EXPECT_EQ(Total::sum("k", 0.5).number, "0.5");
}

TEST(SumOfNumbers, IsReadWithWhatTheScriptHasCarried) {
  internal::TotalsReader reader;
  reader.add("ck", "12000");
  reader.add("sk", "999999999999999");
  reader.add("fk", "-500000000");
  reader.add("sother", "no number");  // not from us
  reader.add("cother", "-9223372036854775808");
  reader.add("fother", "1");
  reader.add("?k", "1");
  reader.add("", "1");
  const auto rows = reader.take();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].sum, "12000999999999999998.5");
}

TEST(TotalsOfOneItem, AreReducedBeforeTheyAreSent) {
  const std::vector<Total> totals{Total::count("k"),   Total::count("k"),    Total::sum("k", 2.5),
                                  Total::min("k", 3),  Total::min("k", -1),  Total::max("k", 3),
                                  Total::max("k", 10), Total::distinct("k"), Total::distinct("k")};
  std::vector<std::string> verbs;
  for (const auto& verb : internal::reduce(totals).verbs) {
    verbs.push_back(std::string(verb.name) + " " + verb.operand + " " + verb.more);
  }
  EXPECT_THAT(verbs, ElementsAre("add nk 2", "add sk 2", "add fk 500000000", "min <k -1",
                                 "max >k 10", "distinct k "));
}

TEST(TotalsOfOneItem, HaveSoManyKeysAtMost) {
  std::vector<Total> totals;
  for (std::size_t i = 0; i < kMostTotals; ++i) totals.push_back(Total::count(std::to_string(i)));
  totals.push_back(Total::count("0"));
  EXPECT_FALSE(internal::reduce(totals).wrong) << "one of them twice";
  totals.push_back(Total::count("one more"));
  const auto reduced = internal::reduce(totals);
  EXPECT_THAT(reduced.wrong, Optional(HasSubstr("10001 keys; the limit per item is 10000")));
  EXPECT_THAT(reduced.verbs, IsEmpty());
}

TEST(TotalsOfOneItem, DoNotExceedWhatTheScriptCanCarry) {
  const std::vector<Total> totals(2, Total::sum("k", std::int64_t{1'000'000'000'000'000'000}));
  EXPECT_THAT(internal::reduce(totals).wrong, Optional(HasSubstr("beyond 10^18")));
}

}  // namespace
}  // namespace wq::test
