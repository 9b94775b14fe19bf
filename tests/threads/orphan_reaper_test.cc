#include "process/orphan_reaper.h"

#include <array>
#include <atomic>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/wait.h>

#include "process/child_process.h"
#include "process/spawn.h"
#include "support/eventually.h"
#include "unit/child_testing.h"

namespace wq::internal {
namespace {

ChildSpec bare_shell(std::string script) {
  ChildSpec spec;
  spec.paths = {"/bin/sh"};
  spec.arguments = {"sh", "-c", std::move(script)};
  spec.stdout_limit_bytes = 1000;
  return spec;
}

/// Starts a process that ends when `release` is destroyed, and whose parent and group are gone.
pid_t make_orphan(OrphanReaper& reaper, const std::string& script) {
  return static_cast<pid_t>(
      std::stol(run_child(bare_shell("echo $(setsid sh -c 'echo $$; exec >&-; " + script + "' &)"),
                          reaper, {})
                    .output));
}

void wait_until_dead(pid_t pid) {
  siginfo_t dead{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &dead, WEXITED | WNOWAIT), 0);
}

/// A direct child, started as `run_child` does, that nobody collects yet.
void start(DirectChild& child, const char* script) {
  const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const std::array<const char*, 2> paths{"/bin/sh", nullptr};
  std::string words[] = {"sh", "-c", script};
  std::array<char*, 4> arguments{words[0].data(), words[1].data(), words[2].data(), nullptr};
  std::array<char*, 1> environment{nullptr};
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  UniqueFd pidfd;
  ASSERT_EQ(spawn({.paths = paths.data(),
                   .arguments = arguments.data(),
                   .environment = environment.data(),
                   .stdin_fd = null.get(),
                   .file_limit = files},
                  child, pidfd),
            0);
}

TEST(OrphanReaper, CollectsAnAdoptedProcessThatHasEnded) {
  OrphanReaper reaper;
  const pid_t orphan = make_orphan(reaper, "exit 4");
  wait_until_dead(orphan);
  EXPECT_EQ(reaper.sweep(), 1U);
  EXPECT_EQ(::waitpid(orphan, nullptr, WNOHANG), -1);
  EXPECT_EQ(reaper.sweep(), 0U);
}

TEST(OrphanReaper, LeavesTheLivingAlone) {
  OrphanReaper reaper;
  const pid_t orphan = make_orphan(reaper, "exec sleep 1000");
  EXPECT_EQ(reaper.sweep(), 0U);
  ::kill(orphan, SIGKILL);
  wait_until_dead(orphan);
  EXPECT_EQ(reaper.sweep(), 1U);
}

TEST(OrphanReaper, LeavesADirectChildToWhoStartedItAndStillFindsTheOthers) {
  OrphanReaper reaper;
  DirectChild first(reaper);
  start(first, "exit 11");
  const pid_t orphan = make_orphan(reaper, "exit 4");
  DirectChild last(reaper);
  start(last, "exit 12");
  wait_until_dead(first.pid());
  wait_until_dead(last.pid());
  wait_until_dead(orphan);
  EXPECT_EQ(reaper.sweep(), 1U);
  EXPECT_EQ(::waitpid(orphan, nullptr, WNOHANG), -1);

  Used usage;
  const int first_status = first.collect(usage);
  const int last_status = last.collect(usage);
  EXPECT_EQ(WEXITSTATUS(first_status), 11);
  EXPECT_EQ(WEXITSTATUS(last_status), 12);
  EXPECT_EQ(first.pid(), 0);
}

TEST(OrphanReaper, KillsAndCollectsAChildThatIsGivenUp) {
  OrphanReaper reaper;
  pid_t pid = 0;
  {
    DirectChild child(reaper);
    start(child, "exec sleep 1000");
    pid = child.pid();
    EXPECT_EQ(::kill(pid, 0), 0);
  }
  EXPECT_EQ(::kill(pid, 0), -1);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
}

TEST(OrphanReaper, SweepsFromAThreadOnceStarted) {
  OrphanReaper reaper;
  reaper.start();
  const pid_t orphan = make_orphan(reaper, "exit 4");
  // Its number is gone when it has been collected.
  EXPECT_TRUE(test::eventually([&] {
    siginfo_t dead{};
    return ::waitid(P_PID, static_cast<id_t>(orphan), &dead, WEXITED | WNOHANG | WNOWAIT) != 0;
  }));
  reaper.stop();
  EXPECT_EQ(::kill(orphan, 0), -1);
}

TEST(OrphanReaper, SeesExitCodesThoughSigchldWasIgnored) {
  EXPECT_EXIT(
      {
        ::signal(SIGCHLD, SIG_IGN);
        OrphanReaper reaper;
        end_with(run_child(bare_shell("exit 21"), reaper, {}).exit_code == 21);
      },
      ::testing::ExitedWithCode(0), "");
}

TEST(OrphanReaper, TakesNoExitCodeFromAnyOfManyThreads) {
  constexpr int kThreads = 50;
  constexpr int kChildren = 20;
  OrphanReaper reaper;
  std::atomic<bool> done = false;
  std::jthread sweeper([&] {
    while (!done) reaper.sweep();
  });
  std::atomic<int> right = 0;
  {
    std::vector<std::jthread> threads;
    threads.reserve(kThreads);
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        for (int i = 0; i < kChildren; ++i) {
          const int code = 1 + (thread * kChildren + i) % 250;
          // Every other one leaves an orphan in its group, every fifth one outside.
          std::string script = "exit " + std::to_string(code);
          if (i % 2 == 0) script.insert(0, "sleep 1000 & ");
          if (i % 5 == 0) script.insert(0, "setsid true & ");
          if (run_child(bare_shell(script), reaper, {}).exit_code == code) ++right;
        }
      });
    }
  }
  done = true;
  sweeper.join();
  EXPECT_EQ(right, kThreads * kChildren);
  while (::waitpid(-1, nullptr, 0) > 0) {  // daemons that ended after the last sweep
  }
}

}  // namespace
}  // namespace wq::internal
