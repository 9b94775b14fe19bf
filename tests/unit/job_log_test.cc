#include "job_log.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/temporary_folder.h"

namespace wq::internal {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

const std::string kFirstLine =
    "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n";

Settlement tried(Outcome outcome) {
  Settlement settlement;
  settlement.lease.item = "abc";
  settlement.lease.fence = 42;
  settlement.outcome = std::move(outcome);
  settlement.outcome.usage.begun = std::chrono::system_clock::time_point{1'395'233'542'843ms};
  settlement.outcome.usage.wall_time = 12'345ms;
  return settlement;
}

TEST(JobLine, HasTheColumnsOfGnuParallel) {
  EXPECT_EQ(job_line(tried(Outcome::complete("result")), "h", "gzip abc"),
            "42\th\t1395233542.843\t    12.345\t3\t6\t0\t0\tgzip abc\n");
}

TEST(JobLine, TellsHowATryEnded) {
  const auto end = [](Failure failure) {
    const std::string line = job_line(tried(Outcome::fail(std::move(failure))), "h", "c");
    return line.substr(line.find("\t3\t0\t") + 5);
  };
  Failure exited;
  exited.exit_code = 7;
  EXPECT_EQ(end(exited), "7\t0\tc\n");
  Failure killed;
  killed.signal = 9;
  EXPECT_EQ(end(killed), "0\t9\tc\n");
  EXPECT_EQ(end(Failure{.kind = FailureKind::timeout}), "-1\t0\tc\n");
}

TEST(JobLine, IsNoneForATryThatWasGivenBack) {
  EXPECT_EQ(job_line(tried(Outcome::release()), "h", "c"), "");
}

TEST(JobLine, StaysOneLineWhateverTheItemIs) {
  EXPECT_EQ(with_item("cat", "a b"), "cat # 'a b'");
  EXPECT_EQ(with_item("cat", "a\tb\n"), "cat # $'a\\011b\\012'");
  EXPECT_EQ(with_item("cat", std::string(2'000, 'x')), "cat # " + std::string(1'000, 'x') + "...");
}

class JobLogFile : public ::testing::Test {
 protected:
  [[nodiscard]] std::string path() const { return folder_.path() / "log"; }
  [[nodiscard]] std::string content() const {
    std::ifstream file(path());
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void write(const std::string& text) const { std::ofstream(path()) << text; }
  [[nodiscard]] std::string refused(const std::string& file) const {
    try {
      JobLog{file, "h"};
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "";
  }

 private:
  test::TemporaryFolder folder_;
};

TEST_F(JobLogFile, BeginsWithTheHeadingOnceHoweverManyWriteIt) {
  JobLog first(path(), "h");
  JobLog second(path(), "h\t2");
  second.add(tried(Outcome::complete()), "c");
  first.add(tried(Outcome::complete()), "c");
  EXPECT_EQ(content(), kFirstLine +
                           job_line(tried(Outcome::complete()),
                                    "h\\x09"
                                    "2",
                                    "c") +
                           job_line(tried(Outcome::complete()), "h", "c"));
}

TEST_F(JobLogFile, GoesOnBehindALineThatWasCutOff) {
  write(kFirstLine + "1\th\t139");
  JobLog{path(), "h"};
  EXPECT_EQ(content(), kFirstLine + "1\th\t139\n");
}

TEST_F(JobLogFile, IsNotWrittenIntoAnotherFile) {
  write("my precious data\n");
  EXPECT_THAT(refused(path()), HasSubstr("is not a job log"));
  EXPECT_EQ(content(), "my precious data\n");
  EXPECT_THAT(refused("/dev/full"), HasSubstr("is not a regular file"));
  EXPECT_THAT(refused(path() + "/nowhere"), HasSubstr("cannot be opened"));
}

}  // namespace
}  // namespace wq::internal
