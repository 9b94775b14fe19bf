#include "command/placeholder.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "command/command_template.h"

namespace wq::internal {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> filled(std::vector<std::string> words, std::string_view item) {
  return CommandTemplate(std::move(words), "{}").fill({.item = item, .sequence = 71, .slot = 2});
}

/// {.}, {/}, {//} and {/.}, as GNU parallel 20221122 prints them.
void expect_parts(std::string_view item, const std::vector<std::string>& parts) {
  EXPECT_EQ(filled({"{.}", "{/}", "{//}", "{/.}"}, item), parts) << item;
}

TEST(Placeholder, MeansWhatItMeansToGnuParallel) {
  expect_parts("a/b/c.tar.gz", {"a/b/c.tar", "c.tar.gz", "a/b", "c.tar"});
  expect_parts("plain", {"plain", "plain", ".", "plain"});
  expect_parts("dir.d/plain", {"dir.d/plain", "plain", "dir.d", "plain"});
  expect_parts(".hidden", {"", ".hidden", ".", ""});
  expect_parts("a/.hidden", {"a/", ".hidden", "a", ""});
  expect_parts("ends.", {"ends", "ends.", ".", "ends"});
  expect_parts("/root.txt", {"/root", "root.txt", "/", "root"});
  expect_parts("a/b/", {"a/b/", "", "a", ""});
  expect_parts("a//b.c", {"a//b", "b.c", "a", "b"});
  expect_parts("/", {"/", "", "/", ""});
  expect_parts("//x", {"//x", "x", "/", "x"});
  expect_parts("..", {".", "..", ".", "."});
  expect_parts("", {"", "", ".", ""});
}

TEST(Placeholder, IsReplacedInAnyPlaceOfAWordAndNotInWhatReplacesIt) {
  EXPECT_THAT(filled({"x", "{.}{/}", "out/{/.}.png", "{{.}}"}, "{.}.a"),
              ElementsAre("x", "{.}{.}.a", "out/{.}.png", "{{.}}"));
}

TEST(Placeholder, OfANumberIsTheFenceOrTheSlotFromOne) {
  EXPECT_THAT(filled({"x", "{#}-{%}"}, "i"), ElementsAre("x", "71-3"));
}

TEST(Placeholder, OfTheItemMakesItAnArgumentAndThatOfANumberDoesNot) {
  EXPECT_TRUE(CommandTemplate({"x", "{//}"}, "{}").takes_item());
  EXPECT_FALSE(CommandTemplate({"x", "{#}", "{%}"}, "{}").takes_item());
  EXPECT_TRUE(CommandTemplate({"tool-{%}"}, "{}").item_chooses_program());
}

TEST(Placeholder, IsNoneBehindADollarWhereItIsTheShells) {
  EXPECT_THAT(filled({"sh", "-c", "echo ${#} ${%} {#}"}, "i"),
              ElementsAre("sh", "-c", "echo ${#} ${%} 71"));
}

TEST(Placeholder, StaysAsItIsBesideAnotherMarker) {
  EXPECT_THAT(CommandTemplate({"x", "{.}", "{..}", "@", "{}"}, "@").fill({.item = "i"}),
              ElementsAre("x", "{.}", "{..}", "i", "{}"));
  EXPECT_THAT(CommandTemplate({"x", "{.}", "{#}"}, "").fill({.item = "i"}),
              ElementsAre("x", "{.}", "{#}"));
}

std::string refused_placeholder(const std::string& word) {
  try {
    const CommandTemplate taken({"x", word}, "{}");
    return "";
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
}

TEST(Placeholder, ThatOnlyGnuParallelHasIsRefusedByName) {
  EXPECT_EQ(refused_placeholder("a{..}"),
            "{..} in the command is not a placeholder; the placeholders are {}, {.}, {/}, {//}, "
            "{/.}, {#}, {%} (-I STR replaces only STR)");
  for (const std::string form : {"{...}", "{+/}", "{+.}", "{/..}", "{##}", "{0#}", "{0%}", "{1.}",
                                 "{2/}", "{-1//}", "{1}", "{-1}", "{12}.png", "{= s/a/b/ =}"}) {
    EXPECT_THAT(refused_placeholder(form), HasSubstr("{")) << form;
  }
}

TEST(Placeholder, OfOtherShapesIsLeftAlone) {
  for (const std::string form :
       {"a{3}", "[0-9]{2}", "a{1,2}", "{1..5}", "{a,b}", "{0}", "{x}", "${1}", "${1#}", "${#}", "{",
        "{=", "}{", "/a/{/b/d}", "${0%/*}", "{1.5}", "{ . }", "{.a}", R"({"a":.})"}) {
    EXPECT_EQ(refused_placeholder(form), "") << form;
  }
}

TEST(Placeholder, OfTheItemInsideAScriptIsRefusedAndANumberIsNot) {
  EXPECT_THROW(CommandTemplate({"sh", "-c", "echo {.}"}, "{}"), std::invalid_argument);
  EXPECT_THROW(CommandTemplate({"bash", "-c", "echo {%} {/.}"}, "{}"), std::invalid_argument);
  EXPECT_THAT(filled({"sh", "-c", "cat >{#}.{%}"}, "i"), ElementsAre("sh", "-c", "cat >71.3"));
}

}  // namespace
}  // namespace wq::internal
