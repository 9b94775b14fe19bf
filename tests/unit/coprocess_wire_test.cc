#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coprocess/wire.h"

namespace wq::internal {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Kind = Outcome::Kind;

std::string line_refusal(std::string_view line) {
  try {
    static_cast<void>(read_coprocess_line(line));
  } catch (const BadLine& bad) {
    return bad.what();
  }
  return "accepted";
}

Outcome outcome(std::string_view line) {
  return read_coprocess_line(line).answers.at(0).outcome.value();
}

TEST(CoprocessHello, IsOneLine) {
  EXPECT_EQ(hello_line({"pages", "0123456789abcdef", 3, 64}),
            "{\"wq\":1,\"queue\":\"pages\",\"session\":\"0123456789abcdef\",\"slot\":3,"
            "\"batch\":64}\n");
}

TEST(CoprocessHello, SaysNoQueueWhereEachLineOfItemsHasItsOwn) {
  EXPECT_EQ(hello_line({"", "0123456789abcdef", 0, 1}),
            "{\"wq\":1,\"session\":\"0123456789abcdef\",\"slot\":0,\"batch\":1}\n");
}

TEST(CoprocessHello, SaysHowManyItemsAProcessIsGivenIfThereIsALimit) {
  EXPECT_EQ(hello_line({"q", "0123456789abcdef", 0, 1, 1'000}),
            "{\"wq\":1,\"queue\":\"q\",\"session\":\"0123456789abcdef\",\"slot\":0,"
            "\"batch\":1,\"max_items\":1000}\n");
}

TEST(CoprocessBatch, IsOneLineAlsoWithBytesThatAreNoText) {
  Lease text;
  text.item = "two\nlines \"\xc3\xa4\"";
  text.hash.fill('a');
  text.fence = 7;
  text.failures = 1;
  Lease bytes;
  bytes.item = "\xff";
  bytes.hash.fill('b');
  bytes.fence = 8;
  EXPECT_EQ(batch_line("pages", 41, {&text, &bytes}),
            "{\"items\":[{\"id\":41,\"item\":\"two\\nlines \\\"\xc3\xa4\\\"\",\"attempt\":2,"
            "\"fence\":7,\"sha224\":\"" +
                std::string(56, 'a') +
                "\"},{\"id\":42,\"item_base64\":\"/w==\",\"attempt\":1,\"fence\":8,\"sha224\":\"" +
                std::string(56, 'b') + "\"}],\"queue\":\"pages\"}\n");
}

TEST(CoprocessLine, MaySayThatItIsReady) {
  const CoprocessLine line = read_coprocess_line(R"({"wq":1,"model":"large"})");
  EXPECT_TRUE(line.ready);
  EXPECT_THAT(line.answers, IsEmpty());
  EXPECT_THAT(line_refusal(R"({"wq":2})"), HasSubstr("another version"));
  EXPECT_THAT(line_refusal(R"({"wq":"1"})"), HasSubstr("another version"));
}

TEST(CoprocessLine, HoldsOneAnswerOrSeveral) {
  EXPECT_EQ(read_coprocess_line(R"({"id":7,"answer":"done"})").answers.at(0).id, 7U);
  EXPECT_THAT(read_coprocess_line(R"([{"id":7,"answer":"done"},{"id":8,"answer":"done"}])").answers,
              SizeIs(2));
  EXPECT_THAT(read_coprocess_line("[]").answers, IsEmpty());
}

TEST(CoprocessLine, SaysWhatBecomesOfAnItem) {
  EXPECT_EQ(outcome(R"({"id":1,"answer":"done"})").result, std::nullopt);
  EXPECT_EQ(outcome(R"({"id":1,"answer":"done","result":""})").result, "");
  EXPECT_EQ(outcome(R"({"id":1,"answer":"done","result_base64":"/w=="})").result, "\xff");
  EXPECT_EQ(outcome(R"({"id":1,"answer":"failed","error":"no"})").failure.message, "no");
  EXPECT_EQ(outcome(R"({"id":1,"answer":"failed"})").kind, Kind::fail);
  EXPECT_EQ(outcome(R"({"id":1,"answer":"fatal"})").kind, Kind::fatal);
  EXPECT_EQ(outcome(R"({"id":1,"answer":"release"})").release_delay, std::nullopt);
  EXPECT_EQ(outcome(R"({"id":1,"answer":"release","delay_seconds":1.5})").release_delay, 1500ms);
  EXPECT_FALSE(read_coprocess_line(R"({"id":1,"answer":"progress"})").answers.at(0).outcome);
}

TEST(CoprocessLine, HasResultsThatAreJsonInItsOwnWords) {
  for (const char* json :
       {"{}", "[]", "null", "true", "-0", "1E+2", "0.10", "123456789012345678901234567890",
        R"({"b":1,"a":[{"c":" , "},2]})", R"(["\u00e4\\","\"}"])", R"({"result":"inner"})"}) {
    const std::string line = std::string(R"({"id":1,"answer":"done","result":)") + json + "}";
    EXPECT_EQ(outcome(line).result, json);
    EXPECT_TRUE(outcome(line).result_is_json) << json;
  }
  EXPECT_FALSE(outcome(R"({"id":1,"answer":"done","result":"{}"})").result_is_json);
  EXPECT_FALSE(outcome(R"({"id":1,"answer":"done"})").result_is_json);
}

TEST(CoprocessLine, HasResultsThatAreJsonWithoutTheWhiteSpaceAroundValues) {
  EXPECT_EQ(outcome("\xef\xbb\xbf { \"result\" : { \"a b\" :\t[ 1 , \" \" ] } , \"id\" : 1 ,"
                    "\"answer\":\"done\" } ")
                .result,
            R"({"a b":[1," "]})");
}

TEST(CoprocessLine, MayMixResultsOfAnyKind) {
  const auto answers =
      read_coprocess_line(
          R"([{"id":1,"answer":"progress","result":0},)"
          R"({"id":2,"answer":"done","result":"]"},)"
          R"({"id":3,"answer":"done","re\u0073ult":{"n":3}},{"id":4,"answer":"done"},)"
          R"({"id":5,"answer":"done","result":"5","result":5}])")
          .answers;
  ASSERT_THAT(answers, SizeIs(5));
  EXPECT_EQ(answers[1].outcome.value().result, "]");
  EXPECT_EQ(answers[2].outcome.value().result, R"({"n":3})");
  EXPECT_EQ(answers[3].outcome.value().result, std::nullopt);
  EXPECT_EQ(answers[4].outcome.value().result, "5");
  EXPECT_TRUE(answers[4].outcome.value().result_is_json);
}

TEST(CoprocessLine, MayHoldTotals) {
  const auto totals =
      outcome(R"({"id":1,"answer":"done","totals":{"a":1,"b":-0.5,"\u00e4":1e3}})").totals;
  ASSERT_THAT(totals, SizeIs(3));
  EXPECT_EQ(totals[1].key, "b");
  EXPECT_EQ(totals[1].number, "-0.5");
  EXPECT_THAT(line_refusal(R"({"id":1,"answer":"done","totals":[]})"), HasSubstr("\"totals\""));
  EXPECT_THAT(line_refusal(R"({"id":1,"answer":"done","totals":{"a":"1"}})"),
              HasSubstr("not a number"));
}

TEST(CoprocessLine, MayHoldAResultOfAnyDepth) {
  const std::string deep = std::string(1'000'000, '[') + std::string(1'000'000, ']');
  EXPECT_EQ(outcome(R"({"id":1,"answer":"done","result":)" + deep + "}").result, deep);
}

TEST(CoprocessLine, ThatIsNoneIsRefusedWithTheReason) {
  for (const char* line : {"", "loading", "1", "null", "\"done\"", "{\"id\":1", "{} {}", "\xff"}) {
    EXPECT_THAT(line_refusal(line), ::testing::StartsWith("it ")) << line;
  }
  EXPECT_THAT(line_refusal(R"([1])"), HasSubstr("is not an object"));
  EXPECT_THAT(line_refusal(R"({"answer":"done"})"), HasSubstr("no \"id\""));
  EXPECT_THAT(line_refusal(R"({"id":-1,"answer":"done"})"), HasSubstr("no \"id\""));
  EXPECT_THAT(line_refusal(R"({"id":1.5,"answer":"done"})"), HasSubstr("no \"id\""));
  EXPECT_THAT(line_refusal(R"({"id":1})"), HasSubstr("no \"answer\""));
  EXPECT_THAT(line_refusal(R"({"id":1,"answer":"ok"})"), HasSubstr("is not done, failed"));
  EXPECT_THAT(line_refusal(R"({"id":1,"answer":"failed","error":1})"),
              HasSubstr("is not a string"));
  EXPECT_THAT(line_refusal(R"({"id":1,"answer":"done","result_base64":"/w"})"),
              HasSubstr("not base64"));
  EXPECT_THAT(line_refusal(R"({"id":1,"answer":"done","result":"","result_base64":""})"),
              HasSubstr("both"));
  EXPECT_THAT(line_refusal(R"({"id":1,"answer":"done","result":null,"result_base64":""})"),
              HasSubstr("both"));
  for (const char* result : {"NaN", "{\"a\":1,}", "[\"\xff\"]", "{\"\xc3\":1}", "[\"\\ud800\"]"}) {
    const std::string line = std::string(R"({"id":1,"answer":"done","result":)") + result + "}";
    EXPECT_THAT(line_refusal(line), HasSubstr("is not a JSON")) << result;
  }
  for (const char* delay : {"-1", "86401", "\"1\"", "null", "1e999"}) {
    const std::string line =
        std::string(R"({"id":1,"answer":"release","delay_seconds":)") + delay + "}";
    EXPECT_NE(line_refusal(line), "accepted") << delay;
  }
}

}  // namespace
}  // namespace wq::internal
