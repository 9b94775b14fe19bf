#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include "cli/log.h"

namespace wq::cli {
namespace {

// Each in a process of its own, since a log is started once.

TEST(PassOnDeath, LeavesLinesAsTheyAre) {
  EXPECT_EXIT(
      {
        start_log("prog", {LogFormat::text, LogLevel::error}, LogStyle::service);
        pass_on({3, "item"}, "a\x1b[1mb\nc\n");
        _exit(0);
      },
      testing::ExitedWithCode(0), "^a\x1b\\[1mb\nc\n$");
}

TEST(PassOnDeath, MakesAnObjectOfEachLineWithItsSlotAndItem) {
  EXPECT_EXIT(
      {
        start_log("prog", {LogFormat::json, LogLevel::error}, LogStyle::service);
        pass_on({3, "i\n\u202e\xff"}, "say \"a\"\n\n");
        pass_on({0, std::nullopt}, "no item\n");
        _exit(0);
      },
      testing::ExitedWithCode(0),
      "^\\{\"time\":\"[0-9-]+T[0-9:]+\\.[0-9]+Z\",\"level\":\"info\",\"program\":\"prog\",\"from\":"
      "\"stderr\",\"slot\":3,\"item\":\"i\\\\n\\\\u202e\xef\xbf\xbd\","
      "\"message\":\"say \\\\\"a\\\\\"\"\\}\n"
      "\\{[^\n]*\"message\":\"\"\\}\n"
      "\\{[^\n]*\"slot\":0,\"message\":\"no item\"\\}\n$");
}

}  // namespace
}  // namespace wq::cli
