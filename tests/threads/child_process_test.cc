#include "process/child_process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <future>
#include <iterator>
#include <stop_token>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "process/spawn.h"
#include "unit/child_testing.h"
#include "unit/cli_environment.h"
#include "unit/our_stdout.h"

namespace wq::internal {
namespace {

using namespace std::chrono_literals;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

constexpr std::size_t kPlenty = std::size_t{64} << 20;

const std::vector<std::string>& plain_environment() {
  static const std::vector<std::string> environment{"PATH=/usr/bin:/bin:/usr/sbin:/sbin",
                                                    "LC_ALL=C"};
  return environment;
}

ChildSpec command(std::vector<std::string> words) {
  ChildSpec spec;
  spec.paths = executable_paths(words.front());
  spec.arguments = std::move(words);
  spec.shared_environment = plain_environment();
  spec.stdout_limit_bytes = kPlenty;
  return spec;
}

/// `channels` are $1 and so on.
ChildSpec shell(std::string script, const std::vector<std::string>& channels = {}) {
  std::vector<std::string> words{"/bin/sh", "-c", std::move(script), "sh"};
  words.insert(words.end(), channels.begin(), channels.end());
  return command(std::move(words));
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

bool exists(pid_t pid) { return ::kill(pid, 0) == 0; }

class ChildProcess : public ::testing::Test {
 protected:
  ChildResult run(const ChildSpec& spec) { return run_child(spec, reaper_, {}); }

  /// On a thread of its own, which goes on until the child has ended.
  std::future<ChildResult> start(const ChildSpec& spec, const std::stop_source& stop) {
    return std::async(std::launch::async,
                      [this, &spec, stop] { return run_child(spec, reaper_, stop.get_token()); });
  }

  OrphanReaper reaper_;
};

TEST_F(ChildProcess, HasAnExitCode) {
  const ChildResult result = run(shell("exit 42"));
  EXPECT_EQ(result.exec_error, 0);
  EXPECT_EQ(result.exit_code, 42);
  EXPECT_FALSE(result.signal.has_value());
}

TEST_F(ChildProcess, OrTheSignalThatEndedIt) {
  const ChildResult result = run(shell("kill -SEGV $$"));
  EXPECT_FALSE(result.exit_code.has_value());
  EXPECT_EQ(result.signal, SIGSEGV);
}

TEST_F(ChildProcess, TakesArgumentsAsTheyAre) {
  EXPECT_EQ(run(command({"printf", "%s|", "a b", "", "$HOME\n", "\xff*"})).output,
            "a b||$HOME\n|\xff*|");
}

TEST_F(ChildProcess, HasBothPartsOfTheEnvironmentAndNoMore) {
  ChildSpec spec = command({"env"});
  spec.environment = {"OWN=1"};
  EXPECT_THAT(lines_of(run(spec).output),
              UnorderedElementsAre("PATH=/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL=C", "OWN=1"));
}

// Standard input

TEST_F(ChildProcess, ReadsTenMegabytesOfAnyBytesUnchanged) {
  const std::string bytes = binary_bytes(10'000'000);
  ChildSpec spec = command({"cat"});
  spec.input = bytes;
  EXPECT_TRUE(run(spec).output == bytes);
}

TEST_F(ChildProcess, NeedNotReadItsInput) {
  const std::string bytes = binary_bytes(10'000'000);
  ChildSpec spec = command({"true"});
  spec.input = bytes;
  EXPECT_EQ(run(spec).exit_code, 0);
}

TEST_F(ChildProcess, ReadsAnEmptyInput) {
  ChildSpec spec = shell("wc -c; readlink /proc/$$/fd/0");
  spec.input = "";
  EXPECT_THAT(run(spec).output, StartsWith("0\n/memfd:item"));
}

TEST_F(ChildProcess, ReadsNothingWithoutInput) {
  EXPECT_EQ(run(shell("wc -c; readlink /proc/$$/fd/0")).output, "0\n/dev/null\n");
}

// Standard output

TEST_F(ChildProcess, MayWriteAsMuchToStdoutAsTheLimitSays) {
  ChildSpec spec = shell("printf 12345678");
  spec.stdout_limit_bytes = 8;
  const ChildResult result = run(spec);
  EXPECT_EQ(result.output, "12345678");
  EXPECT_FALSE(result.output_too_long);
}

TEST_F(ChildProcess, IsNotHeldUpWhenItWritesMore) {
  ChildSpec spec = shell("head -c 1000000 /dev/zero && exit 7");
  spec.stdout_limit_bytes = 100'000;
  const ChildResult result = run(spec);
  EXPECT_TRUE(result.output_too_long);
  EXPECT_THAT(result.output, IsEmpty());
  EXPECT_EQ(result.exit_code, 7);
}

TEST_F(ChildProcess, IsReadToTheEndHoweverMuchItsPipesHoldWhenItEnds) {
  // 1031 is F_SETPIPE_SZ; each write fills its pipe at once, however slowly we read.
  ::testing::internal::CaptureStderr();
  ChildSpec spec = command({"perl", "-e",
                            "$x = 'x' x 1_000_000; for (STDOUT, STDERR) { fcntl($_, 1031, 1 << "
                            "20); syswrite($_, $x); }"});
  spec.origin.stderr_mode = StderrMode::raw;
  const ChildResult result = run(spec);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), SizeIs(1'000'000));
  EXPECT_THAT(result.output, SizeIs(1'000'000));
}

TEST_F(ChildProcess, WritesToOurStdoutWithoutALimit) {
  ::testing::internal::CaptureStdout();
  ChildSpec spec = command({"echo", "hello"});
  spec.stdout_limit_bytes.reset();
  const ChildResult result = run(spec);
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "hello\n");
  EXPECT_THAT(result.output, IsEmpty());
}

TEST_F(ChildProcess, MayCloseItsOutputsAndGoOn) {
  const Channel said;
  const ChildResult result =
      run(shell("exec >&- 2>&-; echo still here > \"$1\"; exit 5", {said.path()}));
  EXPECT_EQ(said.line(), "still here");
  EXPECT_EQ(result.exit_code, 5);
}

TEST_F(ChildProcess, WritesEveryByteToOurStdoutUnchanged) {
  ::testing::internal::CaptureStdout();
  const std::string bytes = binary_bytes(1'000'000);
  ChildSpec spec = command({"cat"});
  spec.input = bytes;
  spec.stdout_limit_bytes.reset();
  const ChildResult result = run(spec);
  const std::string out = ::testing::internal::GetCapturedStdout();
  EXPECT_TRUE(out == bytes);
  EXPECT_TRUE(out.ends_with(result.stdout_tail));
}

TEST_F(ChildProcess, IsRememberedByTheEndOfItsStdoutAlsoWhenThatIsTooLong) {
  ChildSpec spec = command({"seq", "100000"});
  spec.stdout_limit_bytes = 100;
  const ChildResult result = run(spec);
  EXPECT_THAT(result.stdout_tail, EndsWith("\n99999\n100000\n"));
  EXPECT_LE(result.stdout_tail.size(), 4096U);
  EXPECT_GT(result.stdout_tail.size(), 4096U - 6);
}

TEST_F(ChildProcess, WaitsForWhoReadsOurStdoutAndLosesNothing) {
  const test::OurStdout out;
  ChildSpec spec = command({"seq", "100000"});
  spec.stdout_limit_bytes.reset();
  const std::stop_source stop;
  auto result = start(spec, stop);
  out.wait_until_full();
  EXPECT_EQ(out.read(588'895).substr(588'888), "100000\n");
  EXPECT_EQ(result.get().exit_code, 0);
}

TEST_F(ChildProcess, IsEndedWhenNobodyReadsOurStdout) {
  const test::OurStdout out;
  out.close_reader();
  ChildSpec spec = shell("echo; sleep 1000");
  spec.stdout_limit_bytes.reset();
  const ChildResult result = run(spec);
  EXPECT_EQ(result.stdout_error, EPIPE);
  EXPECT_EQ(result.signal, SIGTERM);
}

// Standard error

TEST_F(ChildProcess, WritesToOurStderrAndIsRemembered) {
  ::testing::internal::CaptureStderr();
  const ChildResult result = run(shell("echo one >&2; echo two >&2"));
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "one\ntwo\n");
  EXPECT_EQ(result.stderr_tail, "one\ntwo\n");
}

TEST_F(ChildProcess, IsRememberedByItsLastWholeLines) {
  ::testing::internal::CaptureStderr();
  ChildSpec spec = command({"sh", "-c", "seq 100000 >&2; printf end >&2"});
  spec.origin.stderr_mode = StderrMode::raw;
  const ChildResult result = run(spec);
  const std::string all = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(all.size(), 588'898U);
  EXPECT_THAT(all, EndsWith(result.stderr_tail));
  EXPECT_THAT(result.stderr_tail, EndsWith("\n99999\n100000\nend"));
  // Lines of six bytes: it begins with a line, and the line before would not have fitted.
  EXPECT_LE(result.stderr_tail.size(), 4096U);
  EXPECT_GT(result.stderr_tail.size(), 4096U - 6);
  EXPECT_EQ(all[all.size() - result.stderr_tail.size() - 1], '\n');
}

TEST_F(ChildProcess, IsRememberedByTheEndOfAnEndlessLine) {
  ::testing::internal::CaptureStderr();
  ChildSpec spec = shell("{ head -c 300000 /dev/zero | tr '\\0' x; echo end; } >&2");
  spec.origin.stderr_mode = StderrMode::raw;
  const ChildResult result = run(spec);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), SizeIs(300'004));
  EXPECT_EQ(result.stderr_tail, std::string(4092, 'x') + "end\n");
}

TEST_F(ChildProcess, IsRememberedByFourKibibytesOfLinesExactly) {
  ::testing::internal::CaptureStderr();
  const ChildResult result =
      run(shell("{ echo first; head -c 4095 /dev/zero | tr '\\0' x; echo; } >&2"));
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), SizeIs(4102));
  EXPECT_EQ(result.stderr_tail, std::string(4095, 'x') + "\n");
}

// What it inherits

TEST_F(ChildProcess, InheritsNoDescriptor) {
  const UniqueFd leak(::open("/dev/null", O_RDONLY));  // not close-on-exec
  const UniqueFd far(::fcntl(leak.get(), F_DUPFD, 500));
  ASSERT_TRUE(far);
  // 3 is what ls itself opens to list them.
  EXPECT_THAT(lines_of(run(command({"ls", "/proc/self/fd"})).output),
              UnorderedElementsAre("0", "1", "2", "3"));
}

/// From here on close_range does not exist, as in an old kernel.
void forbid_close_range() {
  std::array<sock_filter, 4> filter{{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  sock_fprog program{.len = filter.size(), .filter = filter.data()};
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}

TEST(ChildProcessOnAnOldKernel, InheritsNoDescriptorEither) {
  EXPECT_EXIT(
      {
        forbid_close_range();
        const bool forbidden = ::syscall(SYS_close_range, 900U, 901U, 0U) != 0;
        const UniqueFd leak(::open("/dev/null", O_RDONLY));
        std::vector<UniqueFd> leaks;  // more than one read of a folder returns
        leaks.reserve(300);
        for (int i = 0; i < 300; ++i) leaks.emplace_back(::fcntl(leak.get(), F_DUPFD, 100));
        OrphanReaper reaper;
        const ChildResult result = run_child(command({"ls", "/proc/self/fd"}), reaper, {});
        end_with(forbidden && leaks.back() && result.output == "0\n1\n2\n3\n");
      },
      ::testing::ExitedWithCode(0), "");
}

TEST_F(ChildProcess, InheritsNoSignalMaskAndNoDisposition) {
  sigset_t blocked;
  sigset_t before;
  ::sigemptyset(&blocked);
  for (const int signal : {SIGCHLD, SIGINT, SIGTERM, SIGUSR1}) ::sigaddset(&blocked, signal);
  ::pthread_sigmask(SIG_SETMASK, &blocked, &before);
  const auto pipe_before = ::signal(SIGPIPE, SIG_IGN);
  const auto hangup_before = ::signal(SIGHUP, [](int) {});

  const ChildResult result = run(command({"cat", "/proc/self/status"}));
  sigset_t after;
  ::pthread_sigmask(SIG_SETMASK, &before, &after);
  const auto pipe_after = ::signal(SIGPIPE, pipe_before);
  ::signal(SIGHUP, hangup_before);

  for (const char* set : {"SigBlk", "SigIgn", "SigCgt"}) {
    EXPECT_THAT(result.output, HasSubstr(set + std::string(":\t0000000000000000\n")));
  }
  EXPECT_EQ(::sigismember(&after, SIGUSR1), 1) << "our own mask must be as it was";
  EXPECT_EQ(::sigismember(&after, SIGUSR2), 0);
  EXPECT_EQ(pipe_after, SIG_IGN) << "and our own dispositions";
}

TEST_F(ChildProcess, LeadsASessionAndAProcessGroupOfItsOwn) {
  const auto lines = lines_of(run(shell("echo $$; read -r pid name state parent group session rest "
                                        "< /proc/$$/stat; echo $group; echo $session"))
                                  .output);
  ASSERT_THAT(lines, SizeIs(3));
  EXPECT_EQ(lines[0], lines[1]);
  EXPECT_EQ(lines[0], lines[2]);
}

TEST_F(ChildProcess, IsNotStoppedByTheSignalsOfATerminal) {
  EXPECT_EQ(run(shell("kill -TTIN $$; kill -TTOU $$; kill -TSTP $$; exit 7")).exit_code, 7);
}

TEST(ChildProcessLimits, AreThoseThatWereSetBeforeWeRaisedOurs) {
  // In a process that has not started a child yet.
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        rlimit limit{};
        ::getrlimit(RLIMIT_NOFILE, &limit);
        limit.rlim_cur = 123;
        ::setrlimit(RLIMIT_NOFILE, &limit);
        OrphanReaper reaper;
        const ChildResult result = run_child(shell("ulimit -n"), reaper, {});
        ::getrlimit(RLIMIT_NOFILE, &limit);
        end_with(result.output == "123\n" && limit.rlim_cur == limit.rlim_max);
      },
      ::testing::ExitedWithCode(0), "");
}

// How it is stopped

// Something in the background that says when it is up, and dies of SIGTERM from then on.
constexpr const char* kBackground = R"(sh -c 'echo up > "$1"; exec sleep 1000' sh "$1" & wait)";

TEST_F(ChildProcess, IsAskedToEndWhenStopIsRequested) {
  const Channel ready;
  const ChildSpec spec =
      shell(std::string("trap 'echo bye >&2; exit 9' TERM; ") + kBackground, {ready.path()});
  std::stop_source stop;
  ::testing::internal::CaptureStderr();
  auto running = start(spec, stop);
  EXPECT_EQ(ready.line(), "up");
  stop.request_stop();
  const ChildResult result = running.get();
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "bye\n");
  EXPECT_EQ(result.exit_code, 9);
}

TEST_F(ChildProcess, IsStoppedAtOnceIfStopWasRequestedBefore) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(run_child(command({"sleep", "1000"}), reaper_, stop.get_token()).signal, SIGTERM);
}

TEST_F(ChildProcess, IsKilledWhenItIgnoresTheRequestForTheWholeDelay) {
  const Channel ready;
  ChildSpec spec = shell("trap '' TERM; echo up > \"$1\"; exec sleep 1000", {ready.path()});
  spec.kill_delay = 100ms;
  std::stop_source stop;
  auto running = start(spec, stop);
  EXPECT_EQ(ready.line(), "up");
  const auto asked = std::chrono::steady_clock::now();
  stop.request_stop();
  EXPECT_EQ(running.get().signal, SIGKILL);
  EXPECT_GE(std::chrono::steady_clock::now() - asked, 100ms);
}

TEST_F(ChildProcess, IsStoppedTogetherWithItsGroup) {
  const Channel ready;
  const ChildSpec spec = shell("sleep 1000 & echo $! > \"$1\"; wait", {ready.path()});
  std::stop_source stop;
  auto running = start(spec, stop);
  const pid_t grandchild = ready.number();
  stop.request_stop();
  EXPECT_EQ(running.get().signal, SIGTERM);
  EXPECT_FALSE(exists(grandchild));
}

// A shell dies of SIGTERM at once; what it has started may want to save its work.
TEST_F(ChildProcess, LetsItsGroupFinishWithinTheDelayWhenItHasEndedItself) {
  const Channel ready;
  const test::TemporaryFolder folder;
  const std::string careful =
      program_file(folder, "careful",
                   std::string("#!/bin/sh\n"
                               "trap 'head -c 200000 /dev/zero >&2; echo saved >&2; exit' TERM\n") +
                       kBackground);
  const ChildSpec spec = shell(R"("$2" "$1"; exit 0)", {ready.path(), careful});
  std::stop_source stop;
  ::testing::internal::CaptureStderr();
  auto running = start(spec, stop);
  EXPECT_EQ(ready.line(), "up");
  stop.request_stop();
  const ChildResult result = running.get();
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), EndsWith("saved\n"));
  EXPECT_EQ(result.signal, SIGTERM);
  EXPECT_THAT(result.stderr_tail, EndsWith("saved\n"));
}

TEST_F(ChildProcess, KillsItsGroupAfterTheDelayWhenOnlyItHasEnded) {
  const Channel ready;
  ChildSpec spec =
      shell("sh -c 'trap \"\" TERM; echo $$ > \"$1\"; exec sleep 1000' sh \"$1\"; exit 0",
            {ready.path()});
  spec.kill_delay = 100ms;
  std::stop_source stop;
  auto running = start(spec, stop);
  const pid_t stubborn = ready.number();
  stop.request_stop();
  EXPECT_EQ(running.get().signal, SIGTERM);
  EXPECT_FALSE(exists(stubborn));
}

// What it leaves behind

TEST_F(ChildProcess, LeavesNothingOfItsGroupBehind) {
  const ChildResult result = run(shell(
      "sleep 1000 & echo $!; sh -c 'trap \"\" TERM INT; sleep 1000 & echo $!; wait' & read -r x; "
      "sleep 1000 >&- 2>&- & echo $!"));
  EXPECT_EQ(result.exit_code, 0);
  for (const std::string& line : lines_of(result.output)) {
    EXPECT_FALSE(exists(static_cast<pid_t>(std::stol(line)))) << line;
  }
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "no zombie either";
}

TEST_F(ChildProcess, DoesNotWaitForADaemonThatHoldsItsOutputs) {
  // The substitution ends when the daemon closes its side, in a session of its own by then.
  const ChildResult result =
      run(shell("daemon=$(exec 3>&1 >&2; setsid sh -c 'echo $$ >&3; exec sleep 1000 3>&-' &);"
                "echo $daemon; exit 3"));
  EXPECT_EQ(result.exit_code, 3);
  const auto daemon = static_cast<pid_t>(std::stol(result.output));
  EXPECT_TRUE(exists(daemon)) << "it left the group, so it is none of our business";
  ::kill(daemon, SIGKILL);
  siginfo_t dead{};
  EXPECT_EQ(::waitid(P_PID, static_cast<id_t>(daemon), &dead, WEXITED | WNOWAIT), 0)
      << "we have adopted it";
  EXPECT_EQ(reaper_.sweep(), 1U);
  EXPECT_FALSE(exists(daemon));
}

TEST_F(ChildProcess, IsNotListenedToForEverWhenADaemonNeverStopsWriting) {
  ::testing::internal::CaptureStderr();
  const ChildResult result =
      run(shell("daemon=$(exec 3>&1 >&2; setsid sh -c 'echo $$ >&3; exec yes 3>&-' &);"
                "echo $daemon; exit 3"));
  ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(result.exit_code, 3);
  // It ends by itself, since nobody is left to read.
  const auto daemon = static_cast<pid_t>(std::stol(result.output));
  siginfo_t dead{};
  EXPECT_EQ(::waitid(P_PID, static_cast<id_t>(daemon), &dead, WEXITED | WNOWAIT), 0);
  EXPECT_EQ(dead.si_status, SIGPIPE);
  EXPECT_EQ(reaper_.sweep(), 1U);
}

TEST_F(ChildProcess, DiesWithTheProcessThatStartedIt) {
  const Channel ready;
  const pid_t worker = ::fork();
  ASSERT_GE(worker, 0);
  if (worker == 0) {
    OrphanReaper reaper;
    const ChildSpec spec = shell("echo $$ > \"$1\"; exec sleep 1000", {ready.path()});
    end_with(run_child(spec, reaper, {}).exec_error == 0);
  }
  const pid_t child = ready.number();
  ::kill(worker, SIGKILL);
  int status = 0;
  EXPECT_EQ(::waitpid(worker, &status, 0), worker);
  // We are the subreaper that adopts it, so its end is ours to see.
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGKILL);
}

// What cannot be started

TEST_F(ChildProcess, SaysWhyAProgramCannotBeExecuted) {
  const test::TemporaryFolder folder;
  const std::string plain = program_file(folder, "plain", "#!/bin/sh\n", false);
  const std::string garbage = program_file(folder, "garbage", "\x01\x02\x03");
  const std::string no_interpreter = program_file(folder, "script", "#!/nowhere/sh\n");
  std::filesystem::create_symlink("loop", folder.path() / "loop");
  const std::vector<std::pair<std::string, int>> cases{
      {"wq-no-such-program", ENOENT},
      {"", ENOENT},
      {(folder.path() / "missing").string(), ENOENT},
      {no_interpreter, ENOENT},
      {plain, EACCES},
      {folder.path().string(), EACCES},
      {plain + "/below", ENOTDIR},
      {(folder.path() / "loop").string(), ELOOP},
      {garbage, ENOEXEC},
      {std::string(5000, 'x'), ENAMETOOLONG},
  };
  for (const auto& [program, error] : cases) {
    const ChildResult result = run(command({program}));
    EXPECT_EQ(result.exec_error, error) << program;
    EXPECT_FALSE(result.exit_code.has_value()) << program;
  }
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "no zombie is left of the attempts";
}

TEST_F(ChildProcess, SaysWhenItsArgumentsAreTooLong) {
  EXPECT_EQ(run(command({"true", std::string(200'000, 'x')})).exec_error, E2BIG);
}

TEST_F(ChildProcess, IsLookedForInAllFoldersOfThePath) {
  const test::TemporaryFolder denied;
  const test::TemporaryFolder allowed;
  ChildSpec spec = command({"tool"});
  spec.paths = {program_file(denied, "tool", "", false), "/nowhere/tool"};
  EXPECT_EQ(run(spec).exec_error, EACCES) << "better than 'no such file'";
  spec.paths.push_back(program_file(allowed, "tool", "#!/bin/sh\nexit 6\n"));
  EXPECT_EQ(run(spec).exit_code, 6);
}

TEST(ExecutablePaths, AreOneForEachFolderUnlessTheNameHasASlash) {
  test::Environment environment;
  environment.set("PATH", "/a:/b::/c/:");
  const auto found = executable_paths("tool");
  const auto with_slash = executable_paths("./tool");
  environment.unset("PATH");
  const auto without_path = executable_paths("tool");
  EXPECT_THAT(found, ::testing::ElementsAre("/a/tool", "/b/tool", "tool", "/c//tool", "tool"));
  EXPECT_THAT(with_slash, ::testing::ElementsAre("./tool"));
  EXPECT_THAT(without_path, ::testing::ElementsAre("/bin/tool", "/usr/bin/tool"));
}

TEST_F(ChildProcess, IsRefusedByAnExceptionWhenTheSystemHasNoRoom) {
  ChildSpec spec = command({"true"});
  spec.input = "item";
  {
    const NoRoomForFiles no_room;
    EXPECT_THROW(run(spec), std::system_error);
  }
  EXPECT_EQ(run(spec).exit_code, 0);
}

TEST_F(ChildProcess, LeaksNoDescriptor) {
  const auto open_files = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
  };
  run(command({"true"}));  // keeps /dev/null open
  const auto before = open_files();
  ChildSpec spec = command({"true"});
  spec.input = "x";
  run(spec);
  run(command({"/nowhere"}));
  EXPECT_EQ(open_files(), before);
}

}  // namespace
}  // namespace wq::internal
