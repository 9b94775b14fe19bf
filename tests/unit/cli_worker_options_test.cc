#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <wq/worker_main.h>

#include "exec_command_line.h"
#include "unit/cli_environment.h"
#include "worker_options.h"

namespace wq::internal {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

WorkerProgram plain_program() {
  WorkerProgram program;
  program.make = [](const WorkerContext&) -> Handler { return nullptr; };
  return program;
}

WorkerCommandLine read(std::vector<const char*> words,
                       const WorkerProgram& program = plain_program()) {
  words.insert(words.begin(), "/usr/bin/test-worker");
  WorkerCommandLine line;
  EXPECT_TRUE(
      read_worker_command_line(static_cast<int>(words.size()), words.data(), program, line));
  return line;
}

std::string refusal(std::vector<const char*> words, const WorkerProgram& program) {
  try {
    (void)read(std::move(words), program);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "accepted";
}

TEST(WorkerCommandLine, HasTheDefaultsOfTheLibrary) {
  const WorkerCommandLine line = read({"--queue", "q"});
  const WorkerOptions defaults;
  EXPECT_EQ(line.program, "test-worker");
  EXPECT_EQ(line.queue, "q");
  EXPECT_EQ(line.worker.concurrency, defaults.concurrency);
  EXPECT_EQ(line.worker.lease, defaults.lease);
  EXPECT_EQ(line.worker.halt_after, defaults.halt_after);
  EXPECT_TRUE(line.worker.halt_only_at_start);
  EXPECT_FALSE(line.fail_on_dead);
}

TEST(WorkerCommandLine, SetsEveryOption) {
  const WorkerCommandLine line =
      read({"--queue=q", "--concurrency=4", "--lease=30s", "--grace=5s", "--timeout=1h",
            "--max-attempts=5", "--max-crashes=6", "--backoff=2s..4m", "--release-delay=3s",
            "--redis-patience=1m", "--wait-open=2m", "--max-items=7", "--max-idle=8s",
            "--fail-on-dead", "--label=me", "--redis=redis://h"});
  EXPECT_EQ(line.worker.concurrency, 4U);
  EXPECT_EQ(line.worker.lease, seconds{30});
  EXPECT_EQ(line.worker.grace, seconds{5});
  EXPECT_EQ(line.worker.timeout, minutes{60});
  EXPECT_EQ(line.worker.retry.max_attempts, 5U);
  EXPECT_EQ(line.worker.retry.max_crashes, 6U);
  EXPECT_EQ(line.worker.retry.backoff_base, seconds{2});
  EXPECT_EQ(line.worker.retry.backoff_max, minutes{4});
  EXPECT_EQ(line.worker.retry.release_delay, seconds{3});
  EXPECT_EQ(line.redis.patience, minutes{1});
  EXPECT_EQ(line.worker.wait_open, minutes{2});
  EXPECT_EQ(line.worker.max_items, 7U);
  EXPECT_EQ(line.worker.max_idle, seconds{8});
  EXPECT_TRUE(line.fail_on_dead);
  EXPECT_EQ(line.worker.label, "me");
  EXPECT_EQ(line.redis.url, "redis://h");
}

TEST(WorkerCommandLine, HaltsAtAnyTimeOnlyIfThatWasAskedFor) {
  const WorkerCommandLine line = read({"--queue=q", "--halt=5"});
  EXPECT_EQ(line.worker.halt_after, 5U);
  EXPECT_FALSE(line.worker.halt_only_at_start);
  EXPECT_EQ(read({"--queue=q", "--halt=0"}).worker.halt_after, 0U);
}

TEST(WorkerCommandLine, IsReadFromTheEnvironmentToo) {
  test::Environment environment;
  environment.set("WQ_WORKER_QUEUE", "q");
  environment.set("WQ_WORKER_LEASE", "30s");
  environment.set("WQ_WORKER_HALT", "5");
  const WorkerCommandLine line = read({});
  EXPECT_EQ(line.queue, "q");
  EXPECT_EQ(line.worker.lease, seconds{30});
  EXPECT_EQ(line.worker.halt_after, 5U);
}

TEST(WorkerCommandLine, OffersBatchesOnlyToHandlersThatTakeThem) {
  EXPECT_EQ(refusal({"--queue=q", "--batch=3"}, plain_program()),
            "unknown option '--batch'; --help lists them");
  WorkerProgram program;
  program.make_batch = [](const WorkerContext&) -> BatchHandler { return nullptr; };
  const WorkerCommandLine line =
      read({"--queue=q", "--batch=3", "--max-delay=2s", "--max-batch-bytes=1M"}, program);
  EXPECT_EQ(line.worker.batch, 3U);
  EXPECT_EQ(line.worker.max_delay, seconds{2});
  EXPECT_EQ(line.worker.max_batch_bytes, std::size_t{1} << 20U);
  EXPECT_THAT(refusal({"--queue=q", "--batch=1001"}, program),
              HasSubstr("--batch: '1001' is not a whole number from 1 to 1000"));
}

TEST(WorkerCommandLine, NeedsAQueue) {
  EXPECT_THAT(refusal({}, plain_program()), HasSubstr("which queue? --queue QUEUE or"));
}

TEST(WorkerCommandLine, RefusesArgumentsThatTheProgramDoesNotTake) {
  EXPECT_EQ(refusal({"--queue=q", "x"}, plain_program()),
            "unexpected argument 'x'; --help says more");
  EXPECT_EQ(refusal({"--queue=q", "--", "x"}, plain_program()),
            "unexpected argument 'x'; --help says more");
}

TEST(WorkerCommandLine, HandsArgumentsAndOptionsOfItsOwnToAProgram) {
  std::string model;
  std::string loud;
  WorkerProgram program = plain_program();
  program.arguments = "DIR";
  program.options = {{"model,m", "FILE", "", [&](const std::string& text) { model = text; }},
                     {"loud", "", "", [&](const std::string& text) { loud = text; }}};
  const WorkerCommandLine line =
      read({"--queue=q", "-m", "large", "dir", "--loud", "--", "-x"}, program);
  EXPECT_THAT(line.arguments, ElementsAre("dir", "-x"));
  EXPECT_EQ(model, "large");
  EXPECT_EQ(loud, "true");
}

TEST(WorkerCommandLine, AddsTheNameToWhatAnOptionOfAProgramRefuses) {
  WorkerProgram program = plain_program();
  program.options = {
      {"model", "FILE", "", [](const std::string&) { throw std::invalid_argument("no model"); }}};
  EXPECT_EQ(refusal({"--queue=q", "--model", "x"}, program), "--model: no model");
}

class WqWorkerCommandLine : public testing::Test {
 protected:
  WqWorkerCommandLine() : program_(exec_program(command_)) {
    program_.make_batch = [](const WorkerContext&) -> BatchHandler { return nullptr; };
  }

  CommandOptions command_;
  ExecOptions& exec_ = command_.exec;
  WorkerProgram program_;
};

TEST_F(WqWorkerCommandLine, TakesTheCommandBehindTheDashesAsItIs) {
  const WorkerCommandLine line =
      read({"--queue=q", "--", "sh", "-c", "x", "--lease", "--"}, program_);
  EXPECT_THAT(line.arguments, ElementsAre("sh", "-c", "x", "--lease", "--"));
}

TEST_F(WqWorkerCommandLine, SaysTheRightFormWhenTheDashesOrTheCommandAreMissing) {
  EXPECT_EQ(refusal({"--queue=q", "gzip"}, program_),
            "unexpected argument 'gzip'; the form is: test-worker --queue QUEUE -- COMMAND "
            "[ARGS...]");
  for (const std::vector<const char*>& words :
       {std::vector<const char*>{"--queue=q"}, std::vector<const char*>{"--queue=q", "--"}}) {
    EXPECT_EQ(refusal(words, program_),
              "-- and what follows it are missing; the form is: test-worker --queue QUEUE -- "
              "COMMAND [ARGS...]");
  }
}

TEST_F(WqWorkerCommandLine, SetsItsOwnOptions) {
  (void)read({"--queue=q", "-I", "", "--fatal-exit-codes", "2,64", "--results",
              "--results-max-bytes", "2M", "--memory-limit", "1G", "--", "true"},
             program_);
  EXPECT_EQ(exec_.marker, "");
  EXPECT_EQ(exec_.memory_limit_bytes, std::uint64_t{1} << 30U);
  EXPECT_THAT(exec_.fatal_exit_codes, ElementsAre(2, 64));
  EXPECT_TRUE(exec_.results);
  EXPECT_EQ(exec_.results_max_bytes, std::size_t{2} << 20U);
}

TEST_F(WqWorkerCommandLine, LetsACoprocessWatchItsTimeoutsItself) {
  WorkerCommandLine line =
      read({"--queue=q", "--coprocess", "--timeout", "9s", "--start-timeout", "1h", "--", "x"},
           program_);
  program_.adjust(line.worker);
  EXPECT_TRUE(command_.is_coprocess);
  EXPECT_EQ(line.worker.timeout, seconds{0});
  EXPECT_EQ(line.worker.calls_per_slot, 2U);
  EXPECT_EQ(command_.coprocess.timeout, seconds{9});
  EXPECT_EQ(command_.coprocess.start_timeout, minutes{60});
}

TEST_F(WqWorkerCommandLine, TakesResultsFromTheEnvironment) {
  test::Environment environment;
  environment.set("WQ_WORKER_RESULTS", "yes");
  (void)read({"--queue=q", "--", "true"}, program_);
  EXPECT_TRUE(exec_.results);
}

TEST_F(WqWorkerCommandLine, RefusesExitCodesThatAreNone) {
  for (const char* codes : {"0", "256", "", "1,", ",1", "1,x"}) {
    EXPECT_THAT(refusal({"--queue=q", "--fatal-exit-codes", codes, "--", "true"}, program_),
                HasSubstr("--fatal-exit-codes: '"))
        << codes;
  }
}

}  // namespace
}  // namespace wq::internal
