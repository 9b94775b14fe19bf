#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/options.h"
#include "support/temporary_folder.h"
#include "unit/push_source_testing.h"
#include "wq-push/argument_source.h"
#include "wq-push/folder_pattern.h"
#include "wq-push/sources.h"

namespace wq::push {
namespace {

namespace fs = std::filesystem;

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;
using testing::UnorderedElementsAre;

TEST(PatternMatch, AStarStaysWithinOneName) {
  EXPECT_TRUE(matches("*.tar", "a.tar"));
  EXPECT_TRUE(matches("*.tar", ".tar"));
  EXPECT_TRUE(matches("a*b*c", "aXbYc"));
  EXPECT_TRUE(matches("*/x", "a/x"));
  EXPECT_FALSE(matches("*.tar", "d/a.tar"));
  EXPECT_FALSE(matches("*.tar", "a.tar.gz"));
  EXPECT_FALSE(matches("a", "ab"));
}

TEST(PatternMatch, TwoStarsCrossFolders) {
  EXPECT_TRUE(matches("**.tar", "a.tar"));
  EXPECT_TRUE(matches("**.tar", "d/e/a.tar"));
  EXPECT_TRUE(matches("d/**", "d/e/f"));
  EXPECT_FALSE(matches("d/**.tar", "e/a.tar"));
}

TEST(PatternMatch, TwoStarsAndASlashMayBeNothing) {
  EXPECT_TRUE(matches("**/a", "a"));
  EXPECT_TRUE(matches("d/**/a", "d/a"));
  EXPECT_TRUE(matches("d/**/a", "d/e/f/a"));
  EXPECT_FALSE(matches("d/**/a", "d/ba"));
  EXPECT_FALSE(matches("d/x**/a", "d/xa"));
}

TEST(PatternMatch, TriesEachWayToDivideAPathOnce) {
  std::string many;
  for (int i = 0; i < 30; ++i) many += "*a**a";
  EXPECT_FALSE(matches(many + "b", std::string(250, 'a')));
  EXPECT_TRUE(matches(many, std::string(250, 'a')));
}

TEST(PatternMatch, GoesBackToTheWildcardThatCanTakeMore) {
  EXPECT_TRUE(matches("**/a*b/c", "ab/x/axb/c"));
  EXPECT_TRUE(matches("*a/b", "aa/b"));
  EXPECT_TRUE(matches("**/b/**/*c", "b/x/b/zc"));
  EXPECT_FALSE(matches("a/**/b/*c", "a/xb/zc"));
  EXPECT_FALSE(matches("*a/b", "a/a/b"));
  EXPECT_TRUE(matches("**/", "a/"));
  EXPECT_TRUE(matches("***", "a/b"));
}

TEST(PatternMatch, OtherCharactersStandForThemselves) {
  EXPECT_TRUE(matches("[a]?*", "[a]?b"));
  EXPECT_FALSE(matches("[a]*", "ab"));
  EXPECT_FALSE(matches("?*", "ab"));
}

TEST(PatternMatch, FoldersInWhichNothingCanMatchAreKnown) {
  EXPECT_FALSE(leads_to_match("*.tar", "d"));
  EXPECT_TRUE(leads_to_match("d*/*.tar", "d1"));
  EXPECT_FALSE(leads_to_match("d*/*.tar", "e1"));
  EXPECT_FALSE(leads_to_match("d*/*.tar", "d1/e"));
  EXPECT_TRUE(leads_to_match("*/e*/x", "d/e1"));
  EXPECT_FALSE(leads_to_match("*/e*/x", "d/f1"));
  EXPECT_TRUE(leads_to_match("**.tar", "d/e/f"));
  EXPECT_TRUE(leads_to_match("d/**/x", "d/e/f"));
  EXPECT_FALSE(leads_to_match("d/**/x", "e"));
}

/// A folder with some files in it.
class PatternTest : public testing::Test {
 protected:
  PatternTest() {
    for (const char* folder : {"d", "d/e", "d/.hidden", "other"}) {
      fs::create_directory(folder_.path() / folder);
    }
    for (const char* name : {"top.tar", "d/a.tar", "d/b.txt", "d/.c.tar", "d/e/d.tar",
                             "d/.hidden/e.tar", "other/f.tar"}) {
      folder_.file(name, "text");
    }
  }

  /// Paths below the folder of what a pattern below the folder stands for.
  std::vector<std::string> files(const std::string& pattern) const {
    const std::string base = folder_.path().string() + "/";
    FolderPattern matching(base + pattern);
    std::vector<std::string> paths = all_of(matching);
    for (std::string& path : paths) {
      EXPECT_THAT(path, StartsWith(base));
      path.erase(0, base.size());
    }
    return paths;
  }

  test::TemporaryFolder folder_;
};

TEST_F(PatternTest, StandsForTheFilesOfAFolder) {
  EXPECT_THAT(files("d/*.tar"), ElementsAre("d/a.tar"));
  EXPECT_THAT(files("d/*"), UnorderedElementsAre("d/a.tar", "d/b.txt"));
}

TEST_F(PatternTest, StandsForTheFilesOfAllFoldersBelow) {
  EXPECT_THAT(files("**.tar"),
              UnorderedElementsAre("top.tar", "d/a.tar", "d/e/d.tar", "other/f.tar"));
  EXPECT_THAT(files("d/**/d.tar"), ElementsAre("d/e/d.tar"));
}

TEST_F(PatternTest, MayHaveAStarInTheNameOfAFolder) {
  EXPECT_THAT(files("o*/*.tar"), ElementsAre("other/f.tar"));
  EXPECT_THAT(files("*/*/d.tar"), ElementsAre("d/e/d.tar"));
}

TEST_F(PatternTest, LeavesOutHiddenNamesUnlessItHasOne) {
  EXPECT_THAT(files("d/.*.tar"), ElementsAre("d/.c.tar"));
  EXPECT_THAT(files("d/.hidden/*"), ElementsAre("d/.hidden/e.tar"));
}

TEST_F(PatternTest, TakesLinksToFilesAndDoesNotFollowLinksToFolders) {
  fs::create_symlink(folder_.path() / "top.tar", folder_.path() / "d/link.tar");
  fs::create_directory_symlink(folder_.path() / "other", folder_.path() / "d/folder");
  fs::create_symlink("nowhere", folder_.path() / "d/broken.tar");
  EXPECT_THAT(files("d/**.tar"), UnorderedElementsAre("d/a.tar", "d/e/d.tar", "d/link.tar"));
}

TEST_F(PatternTest, KeepsNamesThatAreNoUtf8) {
  folder_.file("d/\xff.bin", "");
  EXPECT_THAT(files("d/*.bin"), ElementsAre("d/\xff.bin"));
}

TEST_F(PatternTest, IsRefusedIfItsFolderIsMissing) {
  try {
    FolderPattern{folder_.path().string() + "/missing/*.tar"};
    FAIL() << "accepted";
  } catch (const cli::UsageError& error) {
    EXPECT_THAT(error.what(), EndsWith("missing/': No such file or directory"));
  }
}

TEST_F(PatternTest, IsRefusedInTheEndIfNothingMatched) {
  try {
    (void)files("*.nothing");
    FAIL() << "accepted";
  } catch (const cli::UsageError& error) {
    EXPECT_THAT(error.what(), StartsWith("no file matches '"));
    EXPECT_THAT(error.what(), HasSubstr("--literal"));
  }
}

TEST_F(PatternTest, ComesAfterRangesInAnArgument) {
  folder_.file("d/s1-a", "");
  folder_.file("d/s2-a", "");
  ArgumentSource source({folder_.path().string() + "/d/s{1..2}-*"}, false);
  EXPECT_THAT(all_of(source), ElementsAre(EndsWith("/d/s1-a"), EndsWith("/d/s2-a")));
}

class SourcesTest : public PatternTest {
 protected:
  std::vector<std::string> items(const SourceOptions& options) {
    const auto source = make_source(options, wait_);
    return all_of(*source);
  }

  InputWait wait_;
  SourceOptions options_;
};

TEST_F(SourcesTest, AreTheArgumentsAndThenTheFilesInTheirOrder) {
  options_.arguments = {"x", "{1..2}"};
  options_.files = {folder_.file("one", "a\n\nb"), folder_.file("empty", ""),
                    folder_.file("two", "c\n{3..4}\n*\n")};
  EXPECT_THAT(items(options_), ElementsAre("x", "1", "2", "a", "b", "c", "{3..4}", "*"));
}

TEST_F(SourcesTest, KnowTheirPlaceInEachOfTheFiles) {
  options_.files = {folder_.file("one", "a\n"), folder_.file("two", "b\n")};
  const auto source = make_source(options_, wait_);
  std::string item;
  ASSERT_TRUE(source->next(item));
  EXPECT_THAT(source->position(), EndsWith("/one: line 1"));
  ASSERT_TRUE(source->next(item));
  EXPECT_THAT(source->position(), EndsWith("/two: line 1"));
}

TEST_F(SourcesTest, AreRefusedIfAFileIsMissingOrAFolder) {
  options_.files = {folder_.file("one", "a\n"), folder_.path() / "missing"};
  EXPECT_THROW((void)make_source(options_, wait_), cli::UsageError);
  options_.files = {folder_.path()};
  EXPECT_THROW((void)make_source(options_, wait_), cli::UsageError);
}

TEST_F(SourcesTest, AreWholeFilesIfAskedFor) {
  const std::string binary("\0\xff\n\n", 4);
  options_.each_file = true;
  options_.arguments = {folder_.file("one", binary), folder_.file("none", "")};
  EXPECT_THAT(items(options_), ElementsAre(binary, ""));
}

TEST_F(SourcesTest, TakeTheNamesOfWholeFilesFromAListToo) {
  options_.each_file = true;
  options_.files = {
      folder_.file("list", folder_.file("one", "1\n") + "\n" + folder_.file("two", "2\n") + "\n")};
  EXPECT_THAT(items(options_), ElementsAre("1\n", "2\n"));
}

TEST_F(SourcesTest, NameTheFileThatCannotBeReadAndWhereItWasNamed) {
  options_.each_file = true;
  options_.files = {folder_.file("list", "/nonexistent/x\n")};
  try {
    (void)items(options_);
    FAIL() << "accepted";
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(),
                HasSubstr("/list: line 1, file '/nonexistent/x': cannot open '/nonexistent/x'"));
  }
}

TEST_F(SourcesTest, RefuseAWholeFileOverTheLimit) {
  options_.each_file = true;
  options_.max_item_bytes = 3;
  options_.arguments = {folder_.file("fits", "123"), folder_.file("large", "1234")};
  const auto source = make_source(options_, wait_);
  std::string item;
  ASSERT_TRUE(source->next(item));
  EXPECT_THROW((void)source->next(item), ItemTooLarge);
}

}  // namespace
}  // namespace wq::push
