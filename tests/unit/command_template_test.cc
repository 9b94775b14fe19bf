#include "command/command_template.h"

#include <stdexcept>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wq::internal {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Words = std::vector<std::string>;

/// What the user is told, or nothing if the command is taken.
std::string template_refusal(const Words& command, const std::string& marker = "{}") {
  try {
    const CommandTemplate taken(command, marker);
    return "";
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
}

TEST(CommandTemplate, ReplacesTheMarkerAnywhereInAnyArgument) {
  const CommandTemplate command({"convert", "{}", "-o", "out/{}.{}", "x"}, "{}");
  EXPECT_TRUE(command.takes_item());
  EXPECT_THAT(command.fill({.item = "cat"}),
              ElementsAre("convert", "cat", "-o", "out/cat.cat", "x"));
}

TEST(CommandTemplate, DoesNotLookForTheMarkerInWhatItHasReplaced) {
  const CommandTemplate command({"echo", "{{}}", "{}{}"}, "{}");
  EXPECT_THAT(command.fill({.item = "{}"}), ElementsAre("echo", "{{}}", "{}{}"));
  EXPECT_THAT(command.fill({.item = "a{}b"}), ElementsAre("echo", "{a{}b}", "a{}ba{}b"));
}

TEST(CommandTemplate, KeepsWhatLooksAlmostLikeAMarker) {
  EXPECT_THAT(CommandTemplate({"echo", "{", "}", "{x}", "}{"}, "{}").fill({.item = "i"}),
              ElementsAre("echo", "{", "}", "{x}", "}{"));
}

TEST(CommandTemplate, ReplacesOverlappingMarkersFromTheLeft) {
  EXPECT_THAT(CommandTemplate({"echo", "aaaaa"}, "aa").fill({.item = "-"}),
              ElementsAre("echo", "--a"));
}

TEST(CommandTemplate, TakesItemsOfAnyBytes) {
  const std::string item("a\0\n\xff b", 6);
  EXPECT_THAT(CommandTemplate({"echo", "<{}>"}, "{}").fill({.item = item}),
              ElementsAre("echo", "<" + item + ">"));
  EXPECT_THAT(CommandTemplate({"echo", "{}", "<{}>"}, "{}").fill({.item = ""}),
              ElementsAre("echo", "", "<>"));
}

TEST(CommandTemplate, CanHaveAnotherMarker) {
  const CommandTemplate command({"echo", "{}", "a%b"}, "%");
  EXPECT_TRUE(command.takes_item());
  EXPECT_THAT(command.fill({.item = "i"}), ElementsAre("echo", "{}", "aib"));
}

TEST(CommandTemplate, HasNoMarkerIfThatIsEmpty) {
  const CommandTemplate command({"echo", "{}"}, "");
  EXPECT_FALSE(command.takes_item());
  EXPECT_THAT(command.fill({.item = "i"}), ElementsAre("echo", "{}"));
}

TEST(CommandTemplate, TakesNoItemIfNoWordHasTheMarker) {
  const CommandTemplate command({"cat", "-n"}, "{}");
  EXPECT_FALSE(command.takes_item());
  EXPECT_FALSE(command.item_chooses_program());
  EXPECT_EQ(command.program(), "cat");
}

TEST(CommandTemplate, KnowsThatTheItemMayBeTheProgram) {
  EXPECT_TRUE(CommandTemplate({"./{}.sh"}, "{}").item_chooses_program());
  EXPECT_FALSE(CommandTemplate({"run", "{}"}, "{}").item_chooses_program());
}

TEST(CommandTemplate, RefusesACommandWithoutAProgram) {
  EXPECT_EQ(template_refusal({}), "the command name is missing");
  EXPECT_EQ(template_refusal({"", "{}"}), "the command name is missing");
}

TEST(CommandTemplate, RefusesAMarkerInsideTheScriptOfAShellAndSaysWhatToWrite) {
  EXPECT_EQ(template_refusal({"sh", "-c", "gzip {}"}),
            "{} inside the script of sh -c would execute the item as code; pass the item as an "
            "argument: sh -c '... \"$1\"' _ {}");
  EXPECT_THAT(template_refusal({"/usr/bin/bash", "-c", "gzip %"}, "%"),
              HasSubstr("/usr/bin/bash -c '... \"$1\"' _ %"));
}

TEST(CommandTemplate, RefusesItInEveryFormOfTheCall) {
  const std::vector<Words> commands{
      {"sh", "-c", "{}"},
      {"dash", "-c", "a {}"},
      {"bash", "-ec", "a {}"},
      {"zsh", "-ce", "a {}"},
      {"ksh", "-x", "-e", "-c", "a {}"},
      {"bash", "-c", "-e", "a {}"},
      {"bash", "-c", "--", "a {}"},
      {"bash", "-euo", "pipefail", "-c", "a {}"},
      {"bash", "-euo", "pipefail", "-O", "nullglob", "-c", "a {}"},
      {"bash", "-ceuo", "pipefail", "a {}"},
      {"bash", "+x", "-c", "a {}"},
      {"bash", "--norc", "-c", "a {}"},
      {"bash", "--rcfile", "file", "-c", "a {}"},
      {"bash", "-lc", "a {}", "name", "{}"},
      {"busybox", "sh", "-c", "a {}"},
      {"/bin/busybox", "ash", "-c", "a {}"},
      {"env", "A=1", "/bin/sh", "-c", "a {}"},
      {"timeout", "5", "bash", "-c", "a {}"},
  };
  for (const Words& command : commands) {
    EXPECT_THAT(template_refusal(command), HasSubstr("inside the script of"))
        << ::testing::PrintToString(command);
  }
}

TEST(CommandTemplate, TakesAMarkerOutsideTheScript) {
  const std::vector<Words> commands{
      {"sh", "-c", "gzip \"$1\"", "_", "{}"},
      {"sh", "-c", "gzip \"$1\"", "{}"},
      {"bash", "-euo", "pipefail", "-c", "gzip \"$1\"", "_", "{}"},
      {"sh", "script.sh", "{}"},
      {"sh", "{}"},
      {"sh", "-e", "{}"},
      {"bash", "--", "-c", "{}"},
      {"sh", "-c"},
      {"sh"},
      {"python3", "-c", "print('{}')"},
      {"push", "-c", "{}"},
      {"echo", "sh", "{}"},
  };
  for (const Words& command : commands) {
    EXPECT_EQ(template_refusal(command), "") << ::testing::PrintToString(command);
  }
  EXPECT_EQ(template_refusal({"sh", "-c", "echo {}"}, ""), "") << "turned off";
  EXPECT_EQ(template_refusal({"sh", "-c", "echo {}"}, "%"), "") << "another marker";
}

}  // namespace
}  // namespace wq::internal
