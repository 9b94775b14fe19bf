#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>

#include "cli/options.h"
#include "support/temporary_folder.h"
#include "wqctl/results_folder.h"

namespace wq::ctl {
namespace {

std::string line(int number) { return R"({"id":")" + std::to_string(number) + "-0\"}\n"; }

class ResultsFolderTest : public ::testing::Test {
 protected:
  /// Writes these to a folder whose files have at most two lines.
  void write(int first, int last) const {
    ResultsFolder folder(path(), 2 * line(1).size());
    static_cast<void>(folder.begin("q", "queue-id"));
    for (int i = first; i <= last; ++i) folder.write(line(i));
    folder.sync();
  }

  [[nodiscard]] std::string position() const {
    return ResultsFolder(path()).begin("q", "queue-id");
  }

  [[nodiscard]] std::string refusal(const std::string& queue, const std::string& id) const {
    try {
      static_cast<void>(ResultsFolder(path()).begin(queue, id));
    } catch (const cli::UsageError& error) {
      return error.what();
    }
    return "accepted";
  }

  [[nodiscard]] std::string path() const { return (folder_.path() / "results").string(); }
  [[nodiscard]] std::string file(int number) const {
    return path() + "/results-00000" + std::to_string(number) + ".jsonl";
  }
  [[nodiscard]] static std::string content_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static void append(const std::string& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::app) << bytes;
  }

 private:
  test::TemporaryFolder folder_;
};

TEST_F(ResultsFolderTest, BeginsWithNothing) { EXPECT_EQ(position(), ""); }

TEST_F(ResultsFolderTest, BeginsANewFileWhenOneIsFull) {
  write(1, 5);
  EXPECT_EQ(content_of(file(1)), line(1) + line(2));
  EXPECT_EQ(content_of(file(2)), line(3) + line(4));
  EXPECT_EQ(content_of(file(3)), line(5));
  EXPECT_EQ(position(), "5-0");
}

TEST_F(ResultsFolderTest, GoesOnInTheLastFile) {
  write(1, 3);
  write(4, 5);
  EXPECT_EQ(content_of(file(2)), line(3) + line(4));
  EXPECT_EQ(content_of(file(3)), line(5));
}

TEST_F(ResultsFolderTest, CutsOffALineThatWasTornByAKill) {
  write(1, 3);
  for (std::size_t bytes = 1; bytes < line(4).size(); ++bytes) {
    append(file(2), line(4).substr(0, bytes));
    EXPECT_EQ(position(), "3-0");
    EXPECT_EQ(content_of(file(2)), line(3)) << bytes;
  }
}

TEST_F(ResultsFolderTest, CutsOffWhatAStoppedMachineLeftOfTheLastPages) {
  write(1, 3);
  append(file(2), std::string(20, '\0') + "\n" + line(5));
  EXPECT_EQ(position(), "3-0");
  EXPECT_EQ(content_of(file(2)), line(3));
}

TEST_F(ResultsFolderTest, LeavesOutAFileThatWasNotFinishedBeforeItGotItsName) {
  write(1, 2);
  append(file(2) + ".part", "torn");
  EXPECT_EQ(position(), "2-0");
  write(3, 3);
  EXPECT_EQ(content_of(file(2)), line(3));
  EXPECT_FALSE(std::filesystem::exists(file(2) + ".part"));
}

TEST_F(ResultsFolderTest, NeedsTheLastFileOnly) {
  write(1, 5);
  std::filesystem::remove(file(1));
  std::filesystem::remove(file(2));
  EXPECT_EQ(position(), "5-0");
}

TEST_F(ResultsFolderTest, LeavesOtherFilesAlone) {
  write(1, 1);
  for (const char* name : {"results-x.jsonl", "results-.jsonl", "results-9.json", "notes"}) {
    append(path() + "/" + name, "mine");
  }
  EXPECT_EQ(position(), "1-0");
  EXPECT_EQ(content_of(path() + "/notes"), "mine");
}

TEST_F(ResultsFolderTest, RefusesResultsOfAnotherQueue) {
  write(1, 1);
  const std::string message = "--to: '" + path() +
                              "' belongs to another queue, or to 'Q' before it was purged or lost; "
                              "choose another folder";
  EXPECT_EQ(refusal("Q", "queue-id"), message);
  EXPECT_EQ(refusal("q", "queue-id"), "accepted");
  EXPECT_NE(refusal("q", "another-id"), "accepted");
}

TEST_F(ResultsFolderTest, RefusesToGoOnBehindALineThatIsNoResult) {
  for (const char* text : {"my notes\n", "{}\n", "[]\n", "{\"id\":7}\n"}) {
    write(1, 1);
    append(file(1), text);
    EXPECT_EQ(refusal("q", "queue-id"),
              "--to: '" + file(1) +
                  "' does not end with a result, so wqctl cannot resume; choose another folder");
    EXPECT_EQ(content_of(file(1)), line(1) + text) << "nothing of it is cut off";
    std::filesystem::remove_all(path());
  }
}

TEST_F(ResultsFolderTest, IsTakenByOneAtATime) {
  const ResultsFolder first(path());
  EXPECT_THROW(ResultsFolder{path()}, cli::OutputError);
}

}  // namespace
}  // namespace wq::ctl
