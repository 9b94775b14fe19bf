#include "process/memory_guard.h"

#include <filesystem>
#include <future>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "command/child_failure.h"
#include "process/child_process.h"
#include "process/spawn.h"
#include "support/eventually.h"
#include "support/temporary_folder.h"

namespace wq::internal {
namespace {

using ::testing::Eq;
using ::testing::Ge;
using ::testing::Le;
using ::testing::Lt;
using ::testing::Optional;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20U;

/// A child that holds memory until it is ended.
class Hog {
 public:
  /// It holds so much when this returns. Python that it executes before that, and after it.
  Hog(MemoryGuard& guard, OrphanReaper& reaper, unsigned mebibytes, const std::string& before = "",
      const std::string& after = "") {
    const std::string ready = folder_.path() / "ready";
    ChildSpec spec;
    spec.arguments = {"python3", "-c",
                      "import os, signal\n"
                      "held = bytearray(b'x') * (" +
                          std::to_string(mebibytes) + " << 20)\n" + before + "\nopen('" + ready +
                          "', 'w').close()\n" + after + "\nsignal.pause()\n"};
    spec.paths = executable_paths("python3");
    spec.shared_environment = environment_;
    spec.memory_guard = &guard;
    ended_ = std::async(std::launch::async, [this, spec, &reaper] {
      return run_child(spec, reaper, stop_.get_token());
    });
    EXPECT_TRUE(test::eventually([&] { return std::filesystem::exists(ready); }));
  }
  ~Hog() { stop_.request_stop(); }
  Hog(const Hog&) = delete;
  Hog& operator=(const Hog&) = delete;

  ChildResult wait() { return ended_.get(); }
  ChildResult stop() {
    stop_.request_stop();
    return wait();
  }

 private:
  const std::vector<std::string> environment_{"PATH=/usr/bin:/bin"};
  test::TemporaryFolder folder_;
  std::stop_source stop_;
  std::future<ChildResult> ended_;
};

TEST(MemoryGuard, LeavesThemAloneBelowTheLimit) {
  OrphanReaper reaper;
  MemoryGuard guard(1'000 * kMiB);
  Hog hog(guard, reaper, 64);
  EXPECT_THAT(guard.look(), Ge(64 * kMiB));
  const ChildResult result = hog.stop();
  EXPECT_THAT(result.signal, Optional(SIGTERM));
  EXPECT_THAT(result.killed_at_bytes, Eq(std::nullopt));
}

TEST(MemoryGuard, KillsTheOneThatUsesMost) {
  OrphanReaper reaper;
  MemoryGuard guard(150 * kMiB);
  Hog small(guard, reaper, 40);
  Hog large(guard, reaper, 120);
  EXPECT_THAT(guard.look(), Ge(160 * kMiB));
  const ChildResult killed = large.wait();
  EXPECT_THAT(killed.signal, Optional(SIGKILL));
  EXPECT_THAT(killed.killed_at_bytes, Optional(Ge(120 * kMiB)));
  EXPECT_THAT(guard.look(), Lt(150 * kMiB));
  EXPECT_THAT(small.stop().signal, Optional(SIGTERM));
}

TEST(MemoryGuard, CountsWhatAChildHasStarted) {
  OrphanReaper reaper;
  MemoryGuard guard(100 * kMiB);
  Hog hog(guard, reaper, 1,
          "if os.fork() == 0:\n"
          "  held = bytearray(b'x') * (120 << 20)\n"
          "  signal.pause()\n");
  EXPECT_TRUE(test::eventually([&] { return guard.look() > 100 * kMiB; }));
  EXPECT_THAT(hog.wait().signal, Optional(SIGKILL));
}

TEST(MemoryGuard, CountsOnceWhatForkedProcessesShare) {
  OrphanReaper reaper;
  MemoryGuard guard(250 * kMiB);
  Hog hog(guard, reaper, 100,
          "for _ in range(4):\n"
          "  if os.fork() == 0: signal.pause()\n");
  // 100 MiB five times over, if each had its own.
  EXPECT_THAT(guard.look(), Le(250 * kMiB));
  EXPECT_THAT(hog.stop().signal, Optional(SIGTERM));
}

TEST(MemoryGuard, LooksMoreOftenWhenLittleIsLeft) {
  using namespace std::chrono_literals;
  EXPECT_EQ(pause_before_look(0, 1'000, 0ms), 100ms);
  EXPECT_EQ(pause_before_look(875, 1'000, 0ms), 12'500us);
  EXPECT_EQ(pause_before_look(1'000, 1'000, 0ms), 5ms);
  EXPECT_EQ(pause_before_look(2'000, 1'000, 0ms), 5ms);
  EXPECT_EQ(pause_before_look(1'000, 1'000, 4ms), 40ms);
  EXPECT_EQ(pause_before_look(1'000, 1'000, 1s), 100ms);
}

TEST(MemoryGuard, LooksByItself) {
  OrphanReaper reaper;
  MemoryGuard guard(50 * kMiB);
  guard.start();
  Hog hog(guard, reaper, 1, "", "held = bytearray(b'x') * (100 << 20)");
  EXPECT_THAT(hog.wait().killed_at_bytes, Optional(Ge(50 * kMiB)));
}

/// A cgroup whose files are written by the test.
class MemoryGuardInACgroup : public ::testing::Test {
 protected:
  MemoryGuardInACgroup() {
    std::filesystem::create_directories(root_.path() / "sys/fs/cgroup");
    std::filesystem::create_directories(root_.path() / "proc/self");
    root_.file("sys/fs/cgroup/cgroup.controllers", "memory\n");
    root_.file("proc/self/cgroup", "0::/\n");
    events_ = root_.file("sys/fs/cgroup/memory.events", "oom 0\noom_kill 1\n");
    guard_.emplace(0, root_.path());
  }

  Failure failure_of_shell(const std::string& script) {
    ChildSpec spec;
    spec.arguments = {"sh", "-c", script, "sh", events_};
    spec.paths = executable_paths("sh");
    spec.shared_environment = environment_;
    spec.memory_guard = &*guard_;
    ChildResult result = run_child(spec, reaper_, {});
    return failure_of(result, 0);
  }

  const std::vector<std::string> environment_{"PATH=/usr/bin:/bin"};
  test::TemporaryFolder root_;
  std::string events_;
  OrphanReaper reaper_;
  std::optional<MemoryGuard> guard_;
};

TEST_F(MemoryGuardInACgroup, TellsThatTheKernelKilledForWantOfMemory) {
  const Failure failure = failure_of_shell("echo 'oom 1\noom_kill 2' >$1; kill -9 $$");
  EXPECT_EQ(failure.kind, FailureKind::oom);
  EXPECT_THAT(failure.signal, Optional(SIGKILL));
  EXPECT_EQ(failure.message, "killed by the kernel: out of memory");
  EXPECT_TRUE(is_crash(failure));
}

TEST_F(MemoryGuardInACgroup, TellsOneChildOnlyOfEachKill) {
  EXPECT_EQ(guard_->oom_kills(), 1U);
  EXPECT_FALSE(guard_->claim_oom_kill(1));
  root_.file("sys/fs/cgroup/memory.events", "oom 0\noom_kill 3\n");
  EXPECT_TRUE(guard_->claim_oom_kill(1));
  EXPECT_TRUE(guard_->claim_oom_kill(1));
  EXPECT_FALSE(guard_->claim_oom_kill(1));
  EXPECT_FALSE(guard_->claim_oom_kill(3));
}

TEST_F(MemoryGuardInACgroup, TellsThatTheKernelKilledWhatAShellHadStarted) {
  const Failure failure =
      failure_of_shell("sh -c 'echo \"oom 1\noom_kill 2\" >$0; kill -9 $$' $1; exit $?");
  EXPECT_EQ(failure.kind, FailureKind::oom);
  EXPECT_THAT(failure.exit_code, Optional(137));
  EXPECT_TRUE(is_crash(failure));
}

TEST_F(MemoryGuardInACgroup, BlamesTheKernelForNothingElse) {
  EXPECT_EQ(failure_of_shell("kill -9 $$").kind,
            FailureKind::signal);  // the one kill was before its time
  EXPECT_EQ(failure_of_shell("exit 137").kind, FailureKind::exit);
  EXPECT_FALSE(is_crash(failure_of_shell("exit 137")));
  EXPECT_EQ(failure_of_shell("echo 'oom 1\noom_kill 2' >$1; exit 1").kind, FailureKind::exit);
  EXPECT_EQ(failure_of_shell("echo 'oom 1\noom_kill 3' >$1; kill -11 $$").kind,
            FailureKind::signal);
}

}  // namespace
}  // namespace wq::internal
