#include "crash_report.h"

#include <csignal>
#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include <wq/worker_main.h>

#include "support/queue_test.h"

namespace wq::test {
namespace {

using ::testing::KilledBySignal;

// What a sanitizer may have changed.
void crash_with(int signal, const std::string& item, bool json) {
  std::signal(signal, SIG_DFL);
  internal::report_crashes("name", json);
  Lease lease;
  lease.item = item;
  const internal::CrashContext context({&lease, 1});
  std::raise(signal);
}

TEST(CrashReport, NamesTheSignalAndTheItem) {
  EXPECT_EXIT(crash_with(SIGSEGV, "a 'b'\n", false), KilledBySignal(SIGSEGV),
              "Z error   crash: SIGSEGV while item 'a 'b'.x0a' was handled; this process exits");
  EXPECT_EXIT(crash_with(SIGFPE, "a", false), KilledBySignal(SIGFPE),
              "crash: SIGFPE while item 'a'");
}

TEST(CrashReport, IsJsonWhereTheLogIs) {
  EXPECT_EXIT(
      crash_with(SIGABRT, "a\"", true), KilledBySignal(SIGABRT),
      R"(^\{"time":"[-0-9T:.]+Z","level":"error","program":"name","message":"crash: SIGABRT )"
      R"(while item 'a..x22' was)");
}

TEST(CrashReport, SaysThatNoItemIsToBlame) {
  EXPECT_EXIT(
      {
        std::signal(SIGABRT, SIG_DFL);
        internal::report_crashes("name", false);
        std::abort();
      },
      KilledBySignal(SIGABRT), "SIGABRT in a thread without an item");
}

using CrashReportOfAWorker = QueueTest;

TEST_F(CrashReportOfAWorker, NamesTheItemOfTheHandlerThatCrashed) {
  push({"bad"});
  const std::string url = server_.url();
  std::string name = "worker";
  std::string queue_option = "--queue=q";
  std::string redis_option = "--redis=" + url;
  char* words[] = {name.data(), queue_option.data(), redis_option.data(), nullptr};
  EXPECT_EXIT(
      {
        std::signal(SIGABRT, SIG_DFL);
        worker_main(3, words, Handler{[](const Job&) -> Outcome { std::abort(); }});
      },
      KilledBySignal(SIGABRT), "crash: SIGABRT while item 'bad' was handled");
}

}  // namespace
}  // namespace wq::test
