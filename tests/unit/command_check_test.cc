#include "command/command_check.h"

#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "command/shell_words.h"
#include "support/temporary_folder.h"

namespace wq::internal {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using Words = std::vector<std::string>;

std::string refused_command(const Words& words) {
  try {
    refuse_missing_program(CommandTemplate(words, "{}"));
    return "";
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
}

TEST(CommandCheck, ShowsTheWordsOfACommandThatIsOneWord) {
  EXPECT_EQ(refused_command({"gzip -t {}"}),
            "program 'gzip -t {}' not found: pass the words of the command as separate arguments, "
            "no shell splits them; write: -- gzip -t {}");
  EXPECT_THAT(refused_command({"gzip -t", "{}", "a b"}), EndsWith("write: -- gzip -t {} 'a b'"));
  EXPECT_THAT(refused_command({"gzip -t"}), EndsWith("write: -- gzip -t"));
  EXPECT_THAT(refused_command({"{} --version"}), EndsWith("write: -- {} --version"));
  EXPECT_THAT(refused_command({"cat /etc/{}"}), EndsWith("write: -- cat /etc/{}"));
}

TEST(CommandCheck, ShowsAShellForACommandThatNeedsOne) {
  EXPECT_THAT(refused_command({"gzip -dc {} | wc -l > {.}.n"}),
              EndsWith(R"(write: -- sh -c 'gzip -dc "$1" | wc -l > "$2".n' _ {} {.})"));
  EXPECT_THAT(refused_command({R"(gzip "{}" '{}' && rm {})"}),
              EndsWith(R"(write: -- sh -c 'gzip "$1" "$1" && rm "$1"' _ {})"));
  EXPECT_THAT(refused_command({"echo $HOME"}), EndsWith("write: -- sh -c 'echo $HOME'"));
}

TEST(CommandCheck, RefusesAnyOtherProgramThatIsNotThere) {
  EXPECT_EQ(refused_command({"no-such-program", "{}"}),
            "cannot run 'no-such-program': No such file or directory");
  EXPECT_EQ(refused_command({"/etc/passwd/x"}),
            "cannot run '/etc/passwd/x': No such file or directory");
  EXPECT_THAT(refused_command({"A=1", "gzip", "{}"}), EndsWith("write: -- env A=1 gzip {}"));
  EXPECT_EQ(refused_command({"/no/such/{}.sh"}),
            "program '/no/such/{}.sh' not found, whatever the item");
}

TEST(CommandCheck, TakesWhatIsThere) {
  const test::TemporaryFolder folder;
  const std::string odd = folder.file("my tool | x", "");
  static_cast<void>(folder.file("tool a.sh", ""));
  const std::string path = folder.path();
  for (const Words& words : {Words{"true"}, Words{"/bin/sh", "-c", "x"}, Words{odd}, Words{"{}"},
                             Words{"{}.sh"}, Words{path + "/{}"}, Words{path + "/tool {}.sh"},
                             Words{path + "/{}/run"}, Words{"/bin/{}", "x"}}) {
    EXPECT_EQ(refused_command(words), "") << ::testing::PrintToString(words);
  }
  EXPECT_THAT(refused_command({path + "/tool {}.py"}), HasSubstr("not found"));
}

TEST(CommandCheck, WarnsOfAWordThatOnlyAShellHeeds) {
  const auto warning = [](const Words& words) {
    return shell_operator_warning(CommandTemplate(words, "{}")).value_or("");
  };
  EXPECT_EQ(warning({"gzip", "-dc", "{}", "|", "wc", "-l"}),
            "'|' is passed to gzip as an argument, since no shell is involved; with a shell: -- "
            R"(sh -c 'gzip -dc "$1" | wc -l' _ {})");
  EXPECT_THAT(warning({"cut", "-c", "1 2", "{}", ">", "{.}.out"}), HasSubstr(R"(> "$2".out)"));
  EXPECT_EQ(warning({"expr", "{}", "|", "1"}), "");
  EXPECT_EQ(warning({"find", "{}", "-exec", "wc", ";"}), "");
  EXPECT_EQ(warning({"echo", "a|b", "{}"}), "");
}

TEST(ShellWords, AreReadAsTheSameWordsAgain) {
  EXPECT_EQ(shell_line(Words{"a/b.c", "", "x y", "it's", "$(id)", "{}"}),
            R"(a/b.c '' 'x y' 'it'\''s' '$(id)' {})");
  EXPECT_EQ(shell_word("two\nlines\t'\\\x7f"), R"($'two\012lines\011\'\\\177')");
}

}  // namespace
}  // namespace wq::internal
