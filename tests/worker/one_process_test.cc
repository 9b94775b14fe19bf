// Our programs as functions of one process, as a program calls them that fills a queue, works it
// off and shows it.
#include <algorithm>
#include <atomic>
#include <csignal>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "cli/output.h"
#include "cli/process.h"
#include "cli/signals.h"
#include "process/orphan_reaper.h"
#include "support/eventually.h"
#include "support/queue_test.h"
#include "support/temporary_folder.h"
#include "wq-push/push.h"
#include "wq_worker.h"
#include "wqctl/command.h"

namespace wq::test {
namespace {

using cli::ExitCode;
using ::testing::HasSubstr;

class OneProcess : public QueueTest {
 protected:
  ExitCode push_with_the_program(const std::vector<std::string>& items) {
    push::PushOptions options;
    options.queue = "q";
    options.redis = this->options();
    options.source.arguments = items;
    return push::push(process_, options);
  }

  ExitCode work(const std::string& script, unsigned concurrency = 1) {
    internal::WqWorkerCommandLine line;
    line.worker.queues = {{.queue = "q"}};
    line.worker.redis = options();
    line.worker.worker.concurrency = concurrency;
    line.worker.worker.log = no_log;
    line.command.command = {"sh", "-c", script};
    return internal::run_wq_worker(process_, reaper_, line);
  }

  ExitCode wqctl(const std::vector<const char*>& words) {
    std::vector<const char*> all{"wqctl"};
    all.insert(all.end(), words.begin(), words.end());
    all.insert(all.end(), {"--redis", url_.c_str()});
    return ctl::run_command(process_, static_cast<int>(all.size()), all.data());
  }

  cli::Process process_{"one"};
  const std::string url_ = server_.url();
  std::atomic<int> signals_seen_{0};
  // Before there is any other thread, as in a main.
  const cli::SignalWatcher signals_{process_.signals(), [this](int, int) { ++signals_seen_; }};
  internal::OrphanReaper reaper_;
};

TEST_F(OneProcess, FillsAQueueWorksItOffAndShowsIt) {
  EXPECT_EQ(push_with_the_program({"{1..9}"}), ExitCode::done);
  EXPECT_EQ(work("exec true"), ExitCode::done);
  ::testing::internal::CaptureStdout();
  EXPECT_EQ(wqctl({"status", "q", "--watch"}), ExitCode::done);
  cli::flush_out();
  EXPECT_THAT(::testing::internal::GetCapturedStdout(), HasSubstr("completed 9 of 9 pushed"));
}

TEST_F(OneProcess, RunsTwoWorkersAtATimeWhichLeaveAtOneSignal) {
  push_with_the_program({"a", "b"});
  TemporaryFolder folder;
  const std::string begun = (folder.path() / "begun").string();
  const std::string go = (folder.path() / "go").string();
  const std::string script = "echo >> " + begun + "; until test -e " + go + "; do sleep 0.01; done";
  std::vector<ExitCode> codes(2);
  std::vector<std::thread> workers;
  for (ExitCode& code : codes) {
    workers.emplace_back([&] { code = work(script); });
  }
  EXPECT_TRUE(eventually([&] {
    std::ifstream lines(begun);
    return std::count(std::istreambuf_iterator<char>(lines), {}, '\n') == 2;
  }));
  ::kill(::getpid(), SIGTERM);
  EXPECT_TRUE(eventually([&] { return signals_seen_ == 1; }));
  folder.file("go", "");
  for (std::thread& worker : workers) worker.join();
  EXPECT_THAT(codes, ::testing::Each(ExitCode::terminated));
  EXPECT_EQ(counts().completed, 2U);
}

}  // namespace
}  // namespace wq::test
