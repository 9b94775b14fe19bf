#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <stdexcept>
#include <string>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <wq/error.h>
#include <wq/worker.h>

#include "cli/log.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/progress_line.h"
#include "cli/run_main.h"

namespace wq::cli {
namespace {

using testing::HasSubstr;

/// What `run_main` makes of an exception, and what it writes.
template <typename Exception>
std::pair<int, std::string> outcome_of(const Exception& error) {
  testing::internal::CaptureStderr();
  const int code = run_main("prog", [&](Process&) -> ExitCode { throw error; });
  return {code, testing::internal::GetCapturedStderr()};
}

TEST(RunMain, ReturnsTheCodeOfTheBody) {
  EXPECT_EQ(run_main("prog", [](Process&) { return ExitCode::done; }), 0);
  EXPECT_EQ(run_main("prog", [](Process&) { return ExitCode::never_opened; }), 6);
}

TEST(RunMain, EndsWithTwoForWhatTryingAgainDoesNotHelp) {
  EXPECT_EQ(outcome_of(UsageError("--lease: bad")),
            std::pair(2, std::string("prog: --lease: bad\n")));
  EXPECT_EQ(outcome_of(std::invalid_argument("bad name")).first, 2);
  EXPECT_EQ(outcome_of(RefusedError("WRONGPASS no")).first, 2);
  EXPECT_EQ(outcome_of(CannotRun("no such program")).first, 2);
}

TEST(RunMain, EndsWithFourWhenRedisIsAway) {
  EXPECT_EQ(outcome_of(ConnectionError("gone")), std::pair(4, std::string("prog: gone\n")));
}

TEST(RunMain, EndsWithOneForAnythingElse) {
  EXPECT_EQ(outcome_of(ProtocolError("data lost")).first, 1);
  EXPECT_EQ(outcome_of(ReplyError("ERR no")).first, 1);
  EXPECT_EQ(outcome_of(std::runtime_error("broken")).first, 1);
  EXPECT_EQ(outcome_of(std::bad_alloc()), std::pair(1, std::string("prog: out of memory\n")));
}

TEST(RunMain, WritesAnErrorAsOneLineWhateverIsInIt) {
  EXPECT_EQ(outcome_of(std::runtime_error("a\nb\x1b[2J")).second, "prog: a\\nb\\x1b[2J\n");
}

TEST(RunMainDeath, EndsWithOneWhenStandardOutputIsFull) {
  EXPECT_EXIT(
      {
        if (std::freopen("/dev/full", "w", stdout) == nullptr) std::exit(9);
        _exit(run_main("prog", [](Process&) {
          write_out("a result\n");
          return ExitCode::done;
        }));
      },
      testing::ExitedWithCode(1), "prog: cannot write to standard output: No space left on device");
}

TEST(RunMainDeath, EndsWithoutAWordBySigpipeWhenTheReaderOfStandardOutputIsGone) {
  EXPECT_EXIT(
      {
        int ends[2];
        if (pipe(ends) != 0 || close(ends[0]) != 0 || dup2(ends[1], STDOUT_FILENO) < 0) {
          std::exit(9);
        }
        _exit(run_main("prog", [](Process&) {
          write_out("a result\n");
          return ExitCode::done;
        }));
      },
      testing::KilledBySignal(SIGPIPE), "^$");
}

TEST(RunMainDeath, EndsWithOneWhenStandardOutputWasClosedFromTheStart) {
  EXPECT_EXIT(
      {
        close(STDOUT_FILENO);
        _exit(run_main("prog", [](Process&) {
          // Would take the number of standard output if it were free.
          if (open("/dev/null", O_WRONLY) == STDOUT_FILENO) return ExitCode::done;
          write_out("a result\n");
          return ExitCode::done;
        }));
      },
      testing::ExitedWithCode(1), "prog: cannot write to standard output: Bad file descriptor");
}

TEST(ProgramName, IsTheLastPartOfThePath) {
  EXPECT_EQ(program_name("/usr/bin/wq-worker"), "wq-worker");
  EXPECT_EQ(program_name("wq-worker"), "wq-worker");
  EXPECT_EQ(program_name(nullptr), "");
}

TEST(ExitCodes, AreThoseThatAShellShowsForSignals) {
  EXPECT_EQ(exit_code_for_signal(2), ExitCode::interrupted);
  EXPECT_EQ(exit_code_for_signal(15), ExitCode::terminated);
}

TEST(ExitCodes, AreExplainedOneALine) {
  EXPECT_EQ(exit_code_help({ExitCode::done, ExitCode::terminated}),
            "Exit codes:\n"
            "  0    success; for a worker: the queue is drained\n"
            "  143  terminated (SIGTERM)\n");
}

void log_and_exit(LogFormat format, LogStyle style) {
  start_log("prog", {format, LogLevel::info}, style);
  log(LogLevel::debug, "not shown");
  log(LogLevel::warning, "a \"b\"\nc {} \xff");
  _exit(0);
}

TEST(LogDeath, WritesOneLineAnEventAsText) {
  EXPECT_EXIT(log_and_exit(LogFormat::text, LogStyle::tool), testing::ExitedWithCode(0),
              "^prog: a \"b\"\\\\nc \\{\\} \\\\xff\n$");
}

TEST(LogDeath, WritesTimeAndLevelForAService) {
  EXPECT_EXIT(log_and_exit(LogFormat::text, LogStyle::service), testing::ExitedWithCode(0),
              "^[0-9-]+T[0-9:.]+Z warning a ");
}

TEST(LogDeath, WritesOneJsonObjectAnEvent) {
  EXPECT_EXIT(log_and_exit(LogFormat::json, LogStyle::service), testing::ExitedWithCode(0),
              "^\\{\"time\":\"[0-9-]+T[0-9:.]+Z\",\"level\":\"warning\",\"program\":\"prog\","
              "\"message\":\"a \\\\\"b\\\\\"\\\\nc \\{\\} \xef\xbf\xbd\"\\}\n$");
}

TEST(LogDeath, WritesTheLastErrorAsJsonToo) {
  EXPECT_EXIT(
      {
        start_log("prog", {LogFormat::json, LogLevel::info}, LogStyle::service);
        _exit(run_main("prog", [](Process&) -> ExitCode { throw ConnectionError("gone"); }));
      },
      testing::ExitedWithCode(4), "\"level\":\"error\",\"program\":\"prog\",\"message\":\"gone\"");
}

TEST(OneLine, LeavesNoControlCharacterOfAnyLength) {
  EXPECT_EQ(one_line("a\n\x1b[1m\x7f\xc2\x9b 1m"), "a\\n\\x1b[1m\\x7f\\xc2\\x9b 1m");
  EXPECT_EQ(one_line("\xc3\x9b\xc2\xa0\xe2\x82\x9b"), "\xc3\x9b\xc2\xa0\xe2\x82\x9b");
  EXPECT_EQ(one_line("\xff\xc2"), "\\xff\\xc2") << "no UTF-8";
  EXPECT_EQ(one_line("a\u202eb\n"), "a\\xe2\\x80\\xaeb\\n");
}

TEST(ProgressText, ShowsABarOnlyIfTheWholeIsKnown) {
  EXPECT_EQ(progress_text("pushed", 1000, 2, std::nullopt, 80), "pushed 1000 items, 500/s");
  EXPECT_EQ(progress_text("pushed", 1000, 2, 0.5, 80),
            "pushed 1000 items, 500/s [====================>                   ] 50%");
}

TEST(ProgressText, IsNeverWiderThanItsRoom) {
  EXPECT_EQ(progress_text("pushed", 1000, 2, 0.5, 40), "pushed 1000 items, 500/s [====>    ] 50%");
  EXPECT_EQ(progress_text("pushed", 1000, 2, 0.5, 30), "pushed 1000 items, 500/s 50%");
  for (std::size_t columns = 0; columns < 60; ++columns) {
    EXPECT_LE(progress_text("pushed", 1000, 2, 0.5, columns).size(), columns);
  }
}

TEST(ProgressText, StaysWithinItsBar) {
  EXPECT_THAT(progress_text("pushed", 0, 0, 1.7, 40), HasSubstr("0/s [=============] 100%"));
  EXPECT_THAT(progress_text("pushed", 0, 0, -1, 40), HasSubstr("[>              ] 0%"));
}

TEST(ProgressLine, DrawsNothingWhereThereIsNoTerminal) {
  testing::internal::CaptureStderr();
  {
    ProgressLine line{"pushed"};
    EXPECT_FALSE(line.due());
    line.update(1, std::nullopt);
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace wq::cli
