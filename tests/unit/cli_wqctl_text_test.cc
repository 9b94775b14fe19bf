#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <wq/queue.h>

#include "cli/options.h"
#include "wqctl/command.h"
#include "wqctl/view/json.h"
#include "wqctl/view/listing.h"

namespace wq::ctl {
namespace {

TEST(ResultJson, HoldsTextAsText) {
  EXPECT_EQ(result_json({"1-0", "item", "line\n\"two\""}),
            R"({"id":"1-0","item":"item","result":"line\n\"two\""})");
}

TEST(ResultJson, HoldsOtherBytesAsBase64) {
  EXPECT_EQ(result_json({"1-0", std::string("\xff\0", 2), "\xc3\x28"}),
            R"({"id":"1-0","item_base64":"/wA=","result_base64":"wyg="})");
}

TEST(ResultJson, HoldsAnEmptyItemAndAZeroByteAsText) {
  EXPECT_EQ(result_json({"1-0", "", std::string(1, '\0')}),
            R"({"id":"1-0","item":"","result":"\u0000"})");
}

TEST(ResultJson, HoldsJsonAsItWasWritten) {
  for (const char* json : {R"({"b":1,"a":{"c":[1.10,"x\"]"]}})", "null", "1234567890123456789012",
                           "[]", "\"text\"", "\"Ã¤\""}) {
    EXPECT_EQ(result_json({"1-0", "item", json, true}),
              std::string(R"({"id":"1-0","item":"item","result":)") + json + "}");
  }
}

TEST(ResultJson, HoldsJsonOfSeveralLinesInOne) {
  EXPECT_EQ(result_json({"1-0", "", "{\r\n\t\"a\": [\n1,\n2] }\n", true}),
            R"({"id":"1-0","item":"","result":{"a": [1,2] }})");
  EXPECT_EQ(result_json({"1-0", "", "\"\x7f\xe2\x80\xae\"", true}),
            R"({"id":"1-0","item":"","result":"\u007f\u202e"})");
}

TEST(ResultJson, HoldsWhatIsNoJsonAfterAllAsAString) {
  EXPECT_EQ(result_json({"1-0", "", "", true}), R"({"id":"1-0","item":"","result":""})");
  for (const char* text : {"{", "{} {}", "1,2", "nul", "[1]]", "NaN", "1e999", "[//\n1]"}) {
    const auto json = nlohmann::json::parse(result_json({"1-0", "", text, true}));
    EXPECT_EQ(json.at("result"), text);
  }
  EXPECT_EQ(result_json({"1-0", "", std::string("1\0", 2), true}),
            R"({"id":"1-0","item":"","result":"1\u0000"})");
  EXPECT_EQ(result_json({"1-0", "", "\xef\xbb\xbf{}", true}),
            R"({"id":"1-0","item":"","result":"\ufeff{}"})");
  EXPECT_EQ(result_json({"1-0", "", "[\"\xff\"]", true}),
            R"({"id":"1-0","item":"","result_base64":"WyL/Il0="})");
}

TEST(ResultJson, HasNoControlCharacterInIt) {
  const std::string json = result_json({"1-0", "\x7f\xc2\x9b", "\xc2\xa0\xc3\x9b\xe2\x82\x9b"});
  EXPECT_EQ(
      json,
      "{\"id\":\"1-0\",\"item\":\"\\u007f\\u009b\",\"result\":\"\xc2\xa0\xc3\x9b\xe2\x82\x9b\"}");
  EXPECT_EQ(Json::parse(json).at("item"), "\x7f\xc2\x9b");
}

std::string wqctl_refusal(std::vector<const char*> words) {
  words.insert(words.begin(), "wqctl");
  try {
    cli::Process process("wqctl");
    (void)run_command(process, static_cast<int>(words.size()), words.data());
  } catch (const cli::UsageError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(WqctlCommand, ThatDoesNotExistIsRefusedWithTheNearest) {
  EXPECT_EQ(wqctl_refusal({"stats"}), "unknown command 'stats', did you mean 'status'?");
  EXPECT_EQ(wqctl_refusal({"frobnicate"}), "unknown command 'frobnicate'; --help lists them");
}

TEST(WqctlCommand, ComesBeforeOptions) {
  EXPECT_EQ(wqctl_refusal({"--jsn", "status"}),
            "unknown option '--jsn', did you mean '--json'?; without a command wqctl lists the "
            "queues: wqctl COMMAND QUEUE, --help lists the commands");
}

TEST(WqctlCommand, NeedsOneQueue) {
  EXPECT_EQ(wqctl_refusal({"workers"}), "the queue is missing: wqctl workers QUEUE; see --help");
  EXPECT_EQ(wqctl_refusal({"workers", "a", "b"}),
            "unexpected argument 'b'; the form is: wqctl workers QUEUE");
  EXPECT_EQ(wqctl_refusal({"status", "a", "b"}),
            "unexpected argument 'b'; the form is: wqctl status [QUEUE]");
  EXPECT_EQ(wqctl_refusal({"status", "--watch"}),
            "--watch needs a queue: wqctl status QUEUE --watch");
}

}  // namespace
}  // namespace wq::ctl
