// Items in lines of JSON: of wq-push --jsonl, and follow-ups.
#include "cli/json_item.h"

#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wq::cli {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;

std::string item_of(std::string_view line) { return read_json_item(line).item; }

std::string json_refusal(std::string_view line) {
  try {
    return "read as " + item_of(line);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
}

TEST(JsonItem, ATextIsTheItemItself) {
  EXPECT_EQ(item_of(R"({"item": "a b"})"), "a b");
  EXPECT_EQ(item_of(R"({"item": ""})"), "");
  EXPECT_EQ(item_of(R"( { "item" : "q\" \\ \u00e4\n}" } )"), "q\" \\ \xc3\xa4\n}");
}

TEST(JsonItem, OfAnythingElseTheJsonIsTheItemByteForByte) {
  for (const std::string item :
       {R"({"b": 1, "a": [1.10, 12345678901234567890123, {"x": "}\"]"}]})", "[ ]", "{}", "17",
        "-0.0", "1E5", "null", "true", R"(["a,b", "\\"])"}) {
    EXPECT_EQ(item_of(R"({"item":)" + item + "}"), item);
    EXPECT_EQ(item_of(R"({"once": "k", "item" : )" + item + R"( , "delay": 5})"), item);
  }
}

TEST(JsonItem, MayBeginWithAByteOrderMarkAsEveryFileThatWasJoined) {
  EXPECT_EQ(item_of("\xef\xbb\xbf{\"item\": [1, 2]}"), "[1, 2]");
}

TEST(JsonItem, ADelayIsATimeWithAUnitOrMilliseconds) {
  EXPECT_EQ(read_json_item(R"({"item": 1, "delay": "10s"})").delay, 10s);
  EXPECT_EQ(read_json_item(R"({"item": 1, "delay": 1500})").delay, 1500ms);
  EXPECT_EQ(read_json_item(R"({"item": 1, "delay": 0})").delay, 0ms);
  EXPECT_EQ(read_json_item(R"({"item": 1, "delay": "1d"})").delay, 24h);
  EXPECT_EQ(read_json_item(R"({"item": 1})").delay, std::nullopt);
}

TEST(JsonItem, HasAOnceKeyIfItSaysSo) {
  EXPECT_EQ(read_json_item(R"({"item": 1, "once": "a\tb"})").once_key, "a\tb");
  EXPECT_EQ(read_json_item(R"({"item": 1})").once_key, std::nullopt);
}

TEST(JsonItem, MayNameAQueueWhereThereAreSeveral) {
  EXPECT_EQ(read_json_item(R"({"item": 1, "queue": "a\tb"})", true).queue, "a\tb");
  EXPECT_EQ(read_json_item(R"({"item": 1})", true).queue, "");
  EXPECT_THAT(json_refusal(R"({"item": 1, "queue": "q"})"), HasSubstr("no field 'queue'"));
  for (const char* queue : {R"("")", "7", "null"}) {
    EXPECT_THROW(static_cast<void>(
                     read_json_item(R"({"item": 1, "queue": )" + std::string(queue) + "}", true)),
                 std::invalid_argument);
  }
}

TEST(JsonItem, ThatIsWrongIsRefusedWithWhatIsWrongAndHowALineLooks) {
  for (const auto& [line, why] : std::vector<std::pair<std::string, std::string>>{
           {"", "it is not JSON"},
           {"plain text", "it is not JSON (at byte 1)"},
           {R"({"item": "a")", "it is not JSON (at byte 13)"},
           {R"({"item": "a"} x)", "it is not JSON"},
           {"{\"item\": \"\xff\"}", "it is not JSON"},
           {R"(["a"])", "not an object"},
           {"{}", "it has no item"},
           {R"({"item": 1e999})", "a number that is too large"},
           {R"({"item": "a", "delya": 1})", "there is no field 'delya'"},
           {R"({"item": "a", "item": "b"})", "the field 'item' twice"},
           {R"({"item": "a", "delay": "soon"})", "the delay 'soon'"},
           {R"({"item": "a", "delay": -1})", "the delay '-1'"},
           {R"({"item": "a", "delay": 1.5})", "the delay '1.5'"},
           {R"({"item": "a", "delay": 86400001})", "at most 24h"},
           {R"({"item": "a", "delay": "25h"})", "at most 24h"},
           {R"({"item": "a", "once": ""})", "once is not a text, or an empty one"},
           {R"({"item": "a", "once": 7})", "once is not a text, or an empty one"}}) {
    EXPECT_THAT(json_refusal(line), AllOf(HasSubstr(why), HasSubstr("only the item is needed")))
        << line;
  }
}

}  // namespace
}  // namespace wq::cli
