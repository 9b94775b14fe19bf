#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <future>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include "exec/handler.h"
#include "unit/child_testing.h"
#include "unit/cli_environment.h"
#include "unit/our_stdout.h"

namespace wq::internal {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using Kind = Outcome::Kind;

/// The longest argument there is: 128 KiB on most machines, with the zero byte at its end.
std::size_t longest_argument() {
  return static_cast<std::size_t>(32 * ::sysconf(_SC_PAGESIZE)) - 1;
}

class ExecHandlerTest : public ::testing::Test {
 protected:
  Outcome run(const CommandOptions& options, std::string item = "item") {
    Lease lease;
    lease.hash = hash_item(item);
    lease.item = std::move(item);
    lease.fence = 77;
    lease.failures = 2;
    const ExecHandler handler(options, reaper_);
    return handler(Job{lease, lease.item, 3, {}, "jobs"});
  }

  /// With results on.
  static CommandOptions command(std::vector<std::string> words) {
    CommandOptions options;
    options.command = std::move(words);
    options.results = true;
    options.session = "5e551011";
    return options;
  }

  static CommandOptions shell(std::string script) {
    return command({"sh", "-c", std::move(script)});
  }

  /// What the user is told if the options are refused.
  std::string refusal(const CommandOptions& options) {
    try {
      const ExecHandler handler(options, reaper_);
      return "";
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
  }

  /// What the worker ends with.
  std::string cannot_run(const CommandOptions& options) {
    try {
      run(options);
      return "";
    } catch (const CannotRun& error) {
      return error.what();
    }
  }

  OrphanReaper reaper_;
  test::Environment environment_;
};

// What the exit of the process means

TEST_F(ExecHandlerTest, CompletesWithStdoutAsTheResult) {
  const Outcome outcome = run(shell("printf 'a\\0b\\n'"));
  EXPECT_EQ(outcome.kind, Kind::complete);
  EXPECT_EQ(outcome.result, std::string("a\0b\n", 4));
}

TEST_F(ExecHandlerTest, CompletesWithAnEmptyResult) {
  EXPECT_EQ(run(command({"true"})).result, "");
}

TEST_F(ExecHandlerTest, PassesOnStdoutWithResultsOff) {
  CommandOptions options = command({"echo", "hello"});
  options.results = false;
  ::testing::internal::CaptureStdout();
  const Outcome outcome = run(options);
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "hello\n");
  EXPECT_EQ(outcome.kind, Kind::complete);
  EXPECT_FALSE(outcome.result.has_value());
}

TEST_F(ExecHandlerTest, GivesUpAnItemWhoseResultIsTooLong) {
  CommandOptions options = shell("echo 12345678; echo note >&2");
  options.results_max_bytes = 8;
  ::testing::internal::CaptureStderr();
  const Outcome outcome = run(options);
  ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(outcome.kind, Kind::fatal);
  EXPECT_EQ(outcome.failure.kind, FailureKind::result);
  EXPECT_EQ(outcome.failure.message,
            "the result on stdout is longer than 8 bytes (--results-max-bytes)");
  EXPECT_EQ(outcome.failure.stderr_tail, "note\n");
  EXPECT_EQ(outcome.failure.stdout_tail, "12345678\n");
  EXPECT_FALSE(outcome.result.has_value());
}

TEST_F(ExecHandlerTest, ReleasesOn99) {
  const Outcome outcome = run(shell("echo partial; exit 99"));
  EXPECT_EQ(outcome.kind, Kind::release);
  EXPECT_FALSE(outcome.result.has_value());
}

TEST_F(ExecHandlerTest, FailsOnAnotherExitCode) {
  ::testing::internal::CaptureStderr();
  const Outcome outcome = run(shell("echo partial; echo why >&2; exit 3"));
  ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(outcome.kind, Kind::fail);
  EXPECT_EQ(outcome.failure.kind, FailureKind::exit);
  EXPECT_THAT(outcome.failure.message, StartsWith("exited with code 3"));
  EXPECT_EQ(outcome.failure.exit_code, 3);
  EXPECT_FALSE(outcome.failure.signal.has_value());
  EXPECT_EQ(outcome.failure.stderr_tail, "why\n");
  EXPECT_EQ(outcome.failure.stdout_tail, "partial\n");
  EXPECT_FALSE(outcome.result.has_value());
}

TEST_F(ExecHandlerTest, KeepsTheEndOfStdoutOfAFailureThatWasPassedOnToo) {
  CommandOptions options = shell("printf partial; exit 3");
  options.results = false;
  ::testing::internal::CaptureStdout();
  const Outcome outcome = run(options);
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "partial");
  EXPECT_EQ(outcome.failure.stdout_tail, "partial");
}

TEST_F(ExecHandlerTest, TagsWhatIsPassedOnAndNotWhatIsKept) {
  CommandOptions options = shell("echo partial; echo why >&2; exit 3");
  options.results = false;
  options.tag = true;
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  const Outcome outcome = run(options, "a\nb");
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "a\\x0ab\tpartial\n");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "a\\x0ab\twhy\n");
  EXPECT_EQ(outcome.failure.stdout_tail, "partial\n");
  EXPECT_EQ(outcome.failure.stderr_tail, "why\n");
}

TEST_F(ExecHandlerTest, CannotGoOnWhenNobodyReadsOurStdout) {
  const test::OurStdout out;
  out.close_reader();
  CommandOptions options = shell("echo hello");
  options.results = false;
  try {
    run(options);
    FAIL() << "it went on";
  } catch (const CannotGoOn& error) {
    EXPECT_STREQ(error.what(), "cannot write to standard output: the reader has closed it");
  }
}

TEST_F(ExecHandlerTest, ReleasesAnItemWhoseOutputWasNotTaken) {
  const test::OurStdout out;
  CommandOptions options = shell("head -c 100000 /dev/zero");
  options.results = false;
  std::stop_source stop;
  Lease lease;
  lease.item = "item";
  const ExecHandler handler(options, reaper_);
  auto outcome = std::async(std::launch::async, [&] {
    return handler(Job{lease, lease.item, 0, stop.get_token()});
  });
  out.wait_until_full();
  stop.request_stop();
  EXPECT_NE(outcome.get().kind, Kind::complete);
}

TEST_F(ExecHandlerTest, IsFatalOnTheGivenExitCodes) {
  CommandOptions options = shell("exit 65");
  options.fatal_exit_codes = {64, 65};
  const Outcome outcome = run(options);
  EXPECT_EQ(outcome.kind, Kind::fatal);
  EXPECT_EQ(outcome.failure.kind, FailureKind::exit);
  EXPECT_EQ(outcome.failure.exit_code, 65);
  options.fatal_exit_codes = {64};
  EXPECT_EQ(run(options).kind, Kind::fail);
}

TEST_F(ExecHandlerTest, TakesASignalForACrashAndNamesIt) {
  const Outcome outcome = run(shell("kill -KILL $$"));
  EXPECT_EQ(outcome.kind, Kind::crash);
  EXPECT_EQ(outcome.failure.kind, FailureKind::signal);
  EXPECT_EQ(outcome.failure.message, "killed by signal 9 (SIGKILL)");
  EXPECT_EQ(outcome.failure.signal, SIGKILL);
  EXPECT_FALSE(outcome.failure.exit_code.has_value());
  EXPECT_EQ(run(shell("kill -40 $$")).failure.message, "killed by signal 40");
}

TEST_F(ExecHandlerTest, SaysHowMuchMemoryAFailedProcessTook) {
  // dd fills a buffer of that size.
  const Outcome outcome = run(
      shell("dd if=/dev/zero of=/dev/null bs=600M count=1 iflag=fullblock 2>/dev/null; exit 3"));
  ASSERT_TRUE(outcome.failure.max_rss_bytes.has_value());
  EXPECT_GT(*outcome.failure.max_rss_bytes, 600'000'000U);
  EXPECT_LT(*outcome.failure.max_rss_bytes, 800'000'000U);
}

TEST_F(ExecHandlerTest, CountsWhatTheChildrenOfAProcessThatWasKilledUsed) {
  // Its child outlives it, full of memory, and is killed with the group.
  const Outcome outcome = run(shell(
      "(python3 -c 'held = bytearray(b\"x\") * (300 << 20); print(1, flush=True); input()' & wait)"
      " | (read line; kill -KILL $$)"));
  EXPECT_EQ(outcome.failure.signal, SIGKILL);
  ASSERT_TRUE(outcome.failure.max_rss_bytes.has_value());
  EXPECT_GT(*outcome.failure.max_rss_bytes, 300'000'000U);
}

TEST_F(ExecHandlerTest, SaysHowMuchTimeOfProcessorsAFailedProcessUsed) {
  const Outcome idle = run(shell("exit 3"));
  // dd copies 4 GB within its memory.
  const Outcome busy =
      run(shell("dd if=/dev/zero of=/dev/null bs=1M count=4k 2>/dev/null; exit 3"));
  ASSERT_TRUE(idle.failure.cpu_time && busy.failure.cpu_time);
  EXPECT_GT(*busy.failure.cpu_time, *idle.failure.cpu_time);
}

TEST_F(ExecHandlerTest, DoesNotTakeItsOwnMemoryForThatOfASmallProcess) {
  const std::string big(100'000'000, 'x');
  EXPECT_FALSE(run(shell("exit 3")).failure.max_rss_bytes.has_value());
}

// How the item is handed over

TEST_F(ExecHandlerTest, GivesTheItemOnStdinWithoutAMarker) {
  const std::string item("\xff\xfe line\nand\0zero\n", 17);
  EXPECT_EQ(run(command({"cat"}), item).result, item);
  EXPECT_EQ(run(command({"cat"}), "").result, "");
}

TEST_F(ExecHandlerTest, GivesTenMegabytesOnStdinIntact) {
  const std::string item = binary_bytes(10'000'000);
  EXPECT_EQ(run(shell("sha224sum | cut -c 1-56; echo \"$WQ_ITEM_SHA224\""), item).result,
            std::string(text(hash_item(item))) + "\n" + std::string(text(hash_item(item))) + "\n");
}

TEST_F(ExecHandlerTest, GivesTheItemAsAnArgumentWithAMarkerAndNothingOnStdin) {
  const CommandOptions options =
      command({"sh", "-c", "printf '%s|' \"$@\"; wc -c", "_", "{}", "<{}>"});
  for (const std::string item :
       {"plain", "", "two\nlines\n", "\xff\xfe", "$(id) '\"*", "-n", "{}"}) {
    EXPECT_EQ(run(options, item).result,
              std::string(item).append("|<").append(item).append(">|0\n"));
  }
}

TEST_F(ExecHandlerTest, GivesTheItemOnStdinIfTheMarkerIsTurnedOff) {
  CommandOptions options = command({"sh", "-c", "cat; echo \"$1\"", "_", "{}"});
  options.marker = "";
  EXPECT_EQ(run(options, "item").result, "item{}\n");
}

TEST_F(ExecHandlerTest, PassesTheLongestArgumentThereIs) {
  const std::string item(longest_argument(), 'x');
  EXPECT_EQ(run(command({"sh", "-c", "printf %s \"$1\" | wc -c", "_", "{}"}), item).result,
            std::to_string(item.size()) + "\n");
}

TEST_F(ExecHandlerTest, CallsALongerItemUnpassable) {
  const Outcome outcome = run(command({"true", "{}"}), std::string(longest_argument() + 1, 'x'));
  EXPECT_EQ(outcome.kind, Kind::fatal);
  EXPECT_EQ(outcome.failure.kind, FailureKind::unpassable);
  EXPECT_EQ(
      outcome.failure.message,
      "the item is too long for an argument; without {}, the command reads the item from stdin");
  // One byte too long only together with what stands around it.
  EXPECT_EQ(run(command({"true", "<{}"}), std::string(longest_argument(), 'x')).failure.kind,
            FailureKind::unpassable);
  EXPECT_EQ(run(command({"true", "{}"}), std::string(10'000'000, 'x')).failure.kind,
            FailureKind::unpassable);
}

TEST_F(ExecHandlerTest, CallsAnItemWithAZeroByteUnpassable) {
  const Outcome outcome = run(command({"true", "{}"}), std::string("a\0b", 3));
  EXPECT_EQ(outcome.kind, Kind::fatal);
  EXPECT_EQ(outcome.failure.kind, FailureKind::unpassable);
  EXPECT_EQ(outcome.failure.message,
            "the item contains a NUL byte and cannot be an argument; without {}, the command reads "
            "the item from stdin");
}

/// Commands near the limit of all strings together, which is a quarter of the stack's.
class LongCommands : public ExecHandlerTest {
 public:
  LongCommands() {
    ::getrlimit(RLIMIT_STACK, &before_);
    rlimit small = before_;
    small.rlim_cur = rlim_t{8} << 20;
    ::setrlimit(RLIMIT_STACK, &small);
  }
  ~LongCommands() override { ::setrlimit(RLIMIT_STACK, &before_); }
  LongCommands(const LongCommands&) = delete;
  LongCommands& operator=(const LongCommands&) = delete;

 protected:
  static CommandOptions with_copies(std::size_t copies) {
    std::vector<std::string> words{"sh", "-c", "echo ${WQ_ITEM-none} $#", "_"};
    words.insert(words.end(), copies, "{}");
    return command(std::move(words));
  }

  std::string item_ = std::string(100'000, 'x');

 private:
  rlimit before_{};
};

TEST_F(LongCommands, AreUnpassableIfAllArgumentsTogetherAreTooLong) {
  const Outcome outcome = run(with_copies(30), item_);
  EXPECT_EQ(outcome.kind, Kind::fatal);
  EXPECT_EQ(outcome.failure.kind, FailureKind::unpassable);
}

TEST_F(LongCommands, DoWithoutWqItemIfTheyFitOnlyThen) {
  EXPECT_EQ(run(with_copies(19), item_).result, item_ + " 19\n");
  EXPECT_EQ(run(with_copies(20), item_).result, "none 20\n");
}

TEST_F(LongCommands, EndTheWorkerIfTheItemHasNoPartInIt) {
  CommandOptions options = command({"true"});
  options.command.insert(options.command.end(), 30, item_);
  EXPECT_EQ(cannot_run(options),
            "cannot run 'true': the command line and the environment exceed the system's limit");
}

TEST_F(ExecHandlerTest, SaysOnceThatACommandWithoutAMarkerGetsTheItemOnStdinIfItFailsAtOnce) {
  const auto said_by = [this](CommandOptions options, const std::vector<std::string>& items) {
    std::vector<std::string> said;
    options.log = [&said](LogLevel /*level*/, std::string_view text) { said.emplace_back(text); };
    const ExecHandler handler(options, reaper_);
    for (const std::string& item : items) {
      Lease lease;
      lease.item = item;
      const Outcome outcome = handler(Job{lease, lease.item, 0, {}});
      EXPECT_THAT(outcome.failure.message, ::testing::AnyOf("", "exited with code 1"))
          << "it is kept";
    }
    return said;
  };
  const std::string hint =
      "the command has no {}: it reads the item from stdin, and failed at once";
  EXPECT_THAT(said_by(command({"gzip", "-t"}), {"bad", "bad"}), ElementsAre(hint));
  EXPECT_THAT(said_by(command({"false", "{#}"}), {"bad"}), ElementsAre(hint));
  EXPECT_THAT(said_by(command({"false", "{}"}), {"bad"}), IsEmpty());
  EXPECT_THAT(said_by(command({"grep", "good"}), {"bad", "good"}), ElementsAre(hint));
  EXPECT_THAT(said_by(command({"grep", "good"}), {"good", "bad"}), IsEmpty())
      << "it knows how to take items";
  CommandOptions options = command({"grep", "good"});
  options.marker = "";
  EXPECT_THAT(said_by(options, {"bad"}), IsEmpty()) << "as it was asked to";
}

TEST_F(ExecHandlerTest, FillsInPartsOfTheItemTheFenceAndTheSlot) {
  EXPECT_EQ(run(command({"echo", "{.}", "{/}", "{//}", "{/.}", "{#}", "{%}"}), "a/b.c").result,
            "a/b b.c a b 77 4\n");
}

// The environment

TEST_F(ExecHandlerTest, TellsTheChildWhatItWorksOn) {
  environment_.unset("WQ_JOBS");  // of the script that runs the tests
  CommandOptions options = shell("env | grep ^WQ_ | LC_ALL=C sort");
  options.lease = 90s;
  const std::string hash(text(hash_item("an item")));
  EXPECT_EQ(run(options, "an item").result,
            "WQ_ATTEMPT=3\nWQ_FENCE=77\nWQ_ITEM=an item\nWQ_ITEM_SHA224=" + hash +
                "\nWQ_LEASE_SECONDS=90\nWQ_QUEUE=jobs\nWQ_SESSION=5e551011\nWQ_SLOT=3\n");
}

TEST_F(ExecHandlerTest, WritesAFractionOfASecondWithoutUselessZeros) {
  CommandOptions options = shell("printf %s \"$WQ_LEASE_SECONDS\"");
  for (const auto& [lease, expected] :
       {std::pair{100ms, "0.1"}, {1'050ms, "1.05"}, {2'005ms, "2.005"}, {3'000ms, "3"}}) {
    options.lease = lease;
    EXPECT_EQ(run(options).result, expected);
  }
}

TEST_F(ExecHandlerTest, LeavesWqItemOutIfItDoesNotFit) {
  environment_.set("WQ_ITEM", "of another worker");
  const CommandOptions options = shell("echo ${WQ_ITEM-none} | wc -c");
  const std::size_t longest = longest_argument() - std::string("WQ_ITEM=").size();
  EXPECT_EQ(run(options, std::string(longest, 'x')).result, std::to_string(longest + 1) + "\n");
  EXPECT_EQ(run(options, std::string(longest + 1, 'x')).result, "5\n");
  EXPECT_EQ(run(options, std::string("a\0b", 3)).result, "5\n");
}

TEST_F(ExecHandlerTest, HandsDownTheEnvironmentButNotSecretsNorItsOwnOptions) {
  environment_.set("REDISCLI_AUTH", "secret");
  environment_.set("WQ_WORKER_QUEUE", "outer queue");
  environment_.set("WQ_SESSION", "outer session");
  environment_.set("REDIS_URL", "redis://:secret@example/1");
  environment_.set("WQ_REDIS", "rediss://user:secret@example/2");
  environment_.set("WQ_PUSH_REDIS", "unix://user:secret@/socket");
  environment_.set("WQCTL_REDIS", "redis://:secret@example/3");
  environment_.set("WQ_PUSH_PASSWORD_FILE", "/run/password");
  environment_.set("WQ_ITEMS", "not ours");
  environment_.set("BROKER_URL", "redis://:of-the-command@example");
  const std::string variables = "\n" + *run(shell("env")).result;
  EXPECT_THAT(variables, Not(HasSubstr("secret")));
  EXPECT_THAT(variables, Not(HasSubstr("\nREDISCLI_AUTH")));
  EXPECT_THAT(variables, Not(HasSubstr("\nWQ_WORKER_")));
  EXPECT_THAT(variables, Not(HasSubstr("outer session")));
  EXPECT_THAT(variables, HasSubstr("\nREDIS_URL=redis://example/1\n"));
  EXPECT_THAT(variables, HasSubstr("\nWQ_REDIS=rediss://user@example/2\n"));
  EXPECT_THAT(variables, HasSubstr("\nWQ_PUSH_REDIS=unix://user@/socket\n"));
  EXPECT_THAT(variables, HasSubstr("\nWQ_PUSH_PASSWORD_FILE=/run/password\n"));
  EXPECT_THAT(variables, HasSubstr("\nWQ_ITEMS=not ours\n"));
  EXPECT_THAT(variables, HasSubstr("\nBROKER_URL=redis://:of-the-command@example\n"));
}

TEST_F(ExecHandlerTest, HandsDownWhatACommandNeedsToPushIfAsked) {
  environment_.set("REDISCLI_AUTH", "another secret");
  environment_.set("REDIS_URL", "redis://:its-own@example/1");
  environment_.set("WQ_REDIS", "redis://old");
  CommandOptions options = shell("env | grep REDIS | LC_ALL=C sort");
  RedisOptions redis;
  redis.url = "redis://user:secret@example/2";
  redis.password = "in use";
  options.pass_redis = redis;
  EXPECT_EQ(run(options).result,
            "REDISCLI_AUTH=in use\nREDIS_URL=redis://:its-own@example/1\n"
            "WQ_REDIS=redis://user:secret@example/2\n");
}

// What cannot be run

TEST_F(ExecHandlerTest, EndsTheWorkerIfTheProgramCannotBeExecuted) {
  const test::TemporaryFolder folder;
  EXPECT_EQ(cannot_run(command({"wq-no-such-program"})),
            "cannot run 'wq-no-such-program': No such file or directory");
  const std::string plain = program_file(folder, "plain", "#!/bin/sh\n", false);
  EXPECT_EQ(cannot_run(command({plain, "{}"})), "cannot run '" + plain + "': Permission denied");
  const std::string garbage = program_file(folder, "garbage", "\x01\x02\x03");
  EXPECT_EQ(cannot_run(command({garbage})),
            "cannot run '" + garbage +
                "': not a program for this machine, and not a script that begins with a line such "
                "as #!/bin/sh");
  const std::string script = program_file(folder, "script", "#!/nowhere/sh\n");
  EXPECT_EQ(cannot_run(command({script})),
            "cannot run '" + script + "': the file exists, but its interpreter does not");
}

TEST_F(ExecHandlerTest, BlamesTheItemIfTheItemNamesTheProgram) {
  const Outcome outcome = run(command({"{}"}), "wq-no-such\nprogram");
  EXPECT_EQ(outcome.kind, Kind::fail);
  EXPECT_EQ(outcome.failure.kind, FailureKind::error);
  EXPECT_EQ(outcome.failure.message,
            "cannot run the program that the item names: No such file or directory");
  EXPECT_EQ(run(command({"{}"}), "").kind, Kind::fail);
  EXPECT_THAT(run(command({"{}"}), "gzip -t a").failure.message,
              HasSubstr("no shell splits it (a shell does with: sh -c \"$1\" _ {})"));
  EXPECT_EQ(run(command({"/bin/{}", "x"}), "echo").result, "x\n");
}

TEST_F(ExecHandlerTest, ReleasesTheItemAndSaysSoWhenTheSystemHasNoRoom) {
  CommandOptions options = command({"true"});
  std::vector<std::string> logged;
  options.log = [&](LogLevel level, std::string_view line) {
    EXPECT_EQ(level, LogLevel::warning);
    logged.emplace_back(line);
  };
  {
    const NoRoomForFiles no_room;
    EXPECT_EQ(run(options).kind, Kind::release);
  }
  EXPECT_THAT(logged, ElementsAre("cannot write the item to a file in memory: File too large; the "
                                  "item is released for later"));
  EXPECT_EQ(run(options).kind, Kind::complete);
}

TEST_F(ExecHandlerTest, ReleasesTheItemWhileTheProgramIsBeingWritten) {
  const test::TemporaryFolder folder;
  const std::string program = program_file(folder, "tool", "#!/bin/sh\n");
  const UniqueFd writer(::open(program.c_str(), O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(writer);
  // Linux 6.11 and 6.12 do not mind.
  ChildSpec probe;
  probe.paths = probe.arguments = {program};
  const bool refused = run_child(probe, reaper_, {}).exec_error == ETXTBSY;
  EXPECT_EQ(run(command({program})).kind, refused ? Kind::release : Kind::complete);
}

TEST_F(ExecHandlerTest, RefusesExitCodesThatCannotBeFatal) {
  CommandOptions options = command({"true"});
  for (const int code : {0, 99, 256, -1}) {
    options.fatal_exit_codes = {1, code};
    EXPECT_EQ(refusal(options), "fatal exit code " + std::to_string(code) +
                                    ": must be from 1 to 255 and not 99, which releases the item");
  }
}

TEST_F(ExecHandlerTest, RefusesACommandThatItsTemplateRefuses) {
  EXPECT_THAT(refusal(command({"sh", "-c", "rm {}"})), HasSubstr("sh -c '... \"$1\"' _ {}"));
}

// Stopping

TEST_F(ExecHandlerTest, StartsNothingIfStopIsRequestedAlready) {
  const ExecHandler handler(command({"wq-no-such-program"}), reaper_);
  const Lease lease;
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(handler(Job{lease, lease.item, 0, stop.get_token()}).kind, Kind::release);
}

TEST_F(ExecHandlerTest, EndsTheChildWhenStopIsRequested) {
  const Channel ready;
  CommandOptions options =
      command({"sh", "-c", "trap '' TERM; echo > \"$1\"; exec sleep 1000", "_"});
  options.command.push_back(ready.path());
  options.kill_delay = 10ms;
  const ExecHandler handler(options, reaper_);
  const Lease lease;
  std::stop_source stop;
  auto running = std::async(std::launch::async, [&] {
    return handler(Job{lease, lease.item, 0, stop.get_token()});
  });
  EXPECT_THAT(ready.line(), IsEmpty());
  stop.request_stop();
  EXPECT_EQ(running.get().failure.signal, SIGKILL);
}

// Many at once

TEST_F(ExecHandlerTest, KeepsTheItemsOfManySlotsApart) {
  constexpr unsigned kSlots = 50;
  constexpr unsigned kItems = 20;
  const ExecHandler handler(command({"sh", "-c", "cat; echo \" $WQ_SLOT $WQ_ITEM\""}), reaper_);
  reaper_.start();
  std::atomic<unsigned> right = 0;
  {
    std::vector<std::jthread> slots;
    for (unsigned slot = 0; slot < kSlots; ++slot) {
      slots.emplace_back([&, slot] {
        for (unsigned i = 0; i < kItems; ++i) {
          Lease lease;
          lease.item = std::to_string(slot) + "/" + std::to_string(i);
          const Outcome outcome = handler(Job{lease, lease.item, slot, {}});
          if (outcome.result == lease.item + " " + std::to_string(slot) + " " + lease.item + "\n") {
            ++right;
          }
        }
      });
    }
  }
  EXPECT_EQ(right, kSlots * kItems);
}

}  // namespace
}  // namespace wq::internal
