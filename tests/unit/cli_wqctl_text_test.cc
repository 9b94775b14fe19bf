#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <wq/queue.h>

#include "cli/options.h"
#include "wqctl/command.h"
#include "wqctl/json.h"
#include "wqctl/text.h"

namespace wq::ctl {
namespace {

Counts some_counts() {
  Counts counts;
  counts.id = "abc";
  counts.ready = 120;
  counts.processing = 4;
  counts.dead = 2;
  counts.pushed = 1000;
  counts.completed = 874;
  return counts;
}

TEST(StatusLine, SaysHowManyItemsAreWhere) {
  EXPECT_EQ(status_line("shards", some_counts()),
            "shards: ready 120, processing 4, delayed 0, dead 2, completed 874 of 1000 pushed");
}

TEST(StatusLine, SaysWhoFillsTheQueueAndThatItIsPaused) {
  Counts counts = some_counts();
  counts.producers = 2;
  counts.paused = true;
  EXPECT_EQ(status_line("q", counts),
            "q: ready 120, processing 4, delayed 0, dead 2, completed 874 of 1000 pushed, "
            "2 producers filling it, paused");
}

TEST(StatusLine, SaysThatAQueueIsDrained) {
  Counts counts;
  counts.id = "abc";
  counts.completed = 3;
  EXPECT_EQ(status_line("q", counts),
            "q: ready 0, processing 0, delayed 0, dead 0, completed 3, drained");
}

TEST(StatusLine, SaysThatAQueueHasNotBegun) {
  Counts counts;
  EXPECT_EQ(status_line("q", counts), "q: not begun, nothing was pushed yet");
  counts.producers = 1;
  EXPECT_EQ(status_line("q", counts), "q: not begun, a producer is about to fill it");
}

TEST(StatusLine, CountsWhatARedisWqClientPushedBeforeWeSawTheQueue) {
  Counts counts;
  counts.ready = 5;
  EXPECT_EQ(status_line("q", counts), "q: ready 5, processing 0, delayed 0, dead 0, completed 0");
}

TEST(StatusJson, IsOneObjectWithEveryCount) {
  const auto json = nlohmann::json::parse(status_json("shards", some_counts()));
  EXPECT_EQ(json["queue"], "shards");
  EXPECT_EQ(json["ready"], 120);
  EXPECT_EQ(json["completed"], 874);
  EXPECT_EQ(json["drained"], false);
  EXPECT_EQ(json.size(), 20U);
}

TEST(StatusJson, StaysJsonForANameThatIsNoUtf8) {
  EXPECT_EQ(nlohmann::json::parse(status_json("\xff", {}))["queue"], "\xef\xbf\xbd");
}

TEST(ResultJson, HoldsTextAsText) {
  EXPECT_EQ(result_json({"1-0", "item", "line\n\"two\"", 7}),
            R"({"id":"1-0","item":"item","result":"line\n\"two\"","fence":7})");
}

TEST(ResultJson, HoldsOtherBytesAsBase64) {
  EXPECT_EQ(result_json({"1-0", std::string("\xff\0", 2), "\xc3\x28", 7}),
            R"({"id":"1-0","item_base64":"/wA=","result_base64":"wyg=","fence":7})");
}

TEST(ResultJson, HoldsAnEmptyItemAndAZeroByteAsText) {
  EXPECT_EQ(result_json({"1-0", "", std::string(1, '\0'), 7}),
            R"({"id":"1-0","item":"","result":"\u0000","fence":7})");
}

TEST(Base64, IsThatOfTheStandard) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64("\xfb\xff\xfe"), "+//+");
}

std::string refusal(std::vector<const char*> words) {
  words.insert(words.begin(), "wqctl");
  try {
    (void)run_command(static_cast<int>(words.size()), words.data());
  } catch (const cli::UsageError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(WqctlCommand, ThatDoesNotExistIsRefusedWithTheNearest) {
  EXPECT_EQ(refusal({"stats"}), "there is no command 'stats', did you mean 'status'?");
  EXPECT_EQ(refusal({"frobnicate"}), "there is no command 'frobnicate'; --help lists them");
}

TEST(WqctlCommand, ComesBeforeOptions) {
  EXPECT_EQ(refusal({}), "the command comes first: wqctl COMMAND QUEUE; --help lists them");
  EXPECT_EQ(refusal({"--json", "status"}),
            "the command comes first: wqctl COMMAND QUEUE; --help lists them");
}

TEST(WqctlCommand, NeedsOneQueue) {
  EXPECT_EQ(refusal({"status"}), "which queue? wqctl status QUEUE; --help says more");
  EXPECT_EQ(refusal({"status", "a", "b"}),
            "unexpected argument 'b'; the form is: wqctl status QUEUE");
}

}  // namespace
}  // namespace wq::ctl
