#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <wq/worker_main.h>

#include "unit/cli_environment.h"
#include "worker_options.h"
#include "wq_worker_options.h"

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
  cli::Process process("test-worker");
  WorkerCommandLine line;
  EXPECT_TRUE(read_worker_command_line(process, static_cast<int>(words.size()), words.data(),
                                       program, line));
  return line;
}

std::string worker_refusal(std::vector<const char*> words, const WorkerProgram& program) {
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
  EXPECT_EQ(line.redis.client_name, "test-worker");
  EXPECT_EQ(queues_text(line), "q");
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
  ASSERT_EQ(line.queues.size(), 1U);
  EXPECT_EQ(line.queues.front().queue, "q");
  EXPECT_EQ(line.worker.lease, seconds{30});
  EXPECT_EQ(line.worker.halt_after, 5U);
}

TEST(WorkerCommandLine, HasSeveralQueuesWithTheirWeights) {
  const auto queues = [](const std::vector<const char*>& arguments) {
    return queues_text(read(arguments));
  };
  EXPECT_EQ(queues({"--queue=a"}), "a");
  EXPECT_EQ(queues({"--queue=a=6", "--queue=b"}), "a=6,b=1");
  EXPECT_EQ(queues({"--queue=a=b=1000", "--queue=c=x"}), "a=b=1000,c=x=1");
  test::Environment environment;
  environment.set("WQ_WORKER_QUEUE", "a=6\nb b=3\n");
  EXPECT_EQ(queues({}), "a=6,b b=3") << "one a line";
  EXPECT_EQ(queues({"--queue=c"}), "c");
}

TEST(WorkerCommandLine, RefusesWrongWeightsAndABoostWithoutOrder) {
  const auto refusal = [](const std::vector<const char*>& arguments) {
    return worker_refusal(arguments, plain_program());
  };
  EXPECT_EQ(refusal({"--queue=a=0"}),
            "--queue 'a=0': the weight '0' is not a whole number from 1 to 1000");
  for (const char* wrong : {"--queue=a=1001", "--queue=a=-1", "--queue=a=1.5", "--queue=a="}) {
    EXPECT_THAT(refusal({wrong}), HasSubstr("is not a whole number from 1 to 1000"));
  }
  EXPECT_THAT(refusal({"--queue=a", "--boost-after=1m"}),
              HasSubstr("--boost-after needs --strict"));
}

TEST(WorkerCommandLine, OffersBatchesOnlyToHandlersThatTakeThem) {
  EXPECT_EQ(worker_refusal({"--queue=q", "--batch=3"}, plain_program()),
            "unknown option '--batch'; --help lists them");
  WorkerProgram program;
  program.make_batch = [](const WorkerContext&) -> BatchHandler { return nullptr; };
  const WorkerCommandLine line =
      read({"--queue=q", "--batch=3", "--max-delay=2s", "--max-batch-bytes=1M"}, program);
  EXPECT_EQ(line.worker.batch, 3U);
  EXPECT_EQ(line.worker.max_delay, seconds{2});
  EXPECT_EQ(line.worker.max_batch_bytes, std::size_t{1} << 20U);
  EXPECT_THAT(worker_refusal({"--queue=q", "--batch=1001"}, program),
              HasSubstr("--batch: '1001' is not a whole number from 1 to 1000"));
}

TEST(WorkerCommandLine, NeedsAQueue) {
  EXPECT_THAT(worker_refusal({}, plain_program()),
              HasSubstr("the queue is missing: --queue QUEUE, $WQ_WORKER_QUEUE, or"));
}

TEST(WorkerCommandLine, RefusesArgumentsThatTheProgramDoesNotTake) {
  EXPECT_EQ(worker_refusal({"--queue=q", "x"}, plain_program()),
            "unexpected argument 'x'; see --help");
  EXPECT_EQ(worker_refusal({"--queue=q", "--", "x"}, plain_program()),
            "unexpected argument 'x'; see --help");
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
  EXPECT_EQ(worker_refusal({"--queue=q", "--model", "x"}, program), "--model: no model");
}

WqWorkerCommandLine read_wq_worker(std::vector<const char*> words) {
  words.insert(words.begin(), "wq-worker");
  cli::Process process("wq-worker");
  WqWorkerCommandLine line;
  EXPECT_TRUE(
      read_wq_worker_command_line(process, static_cast<int>(words.size()), words.data(), line));
  return line;
}

std::string refusal_of_wq_worker(std::vector<const char*> words) {
  try {
    (void)read_wq_worker(std::move(words));
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "accepted";
}

TEST(WqWorkerOptions, TakesTheCommandBehindTheDashesAsItIs) {
  const WqWorkerCommandLine line =
      read_wq_worker({"--queue=q", "--", "sh", "-c", "x", "--lease", "--"});
  EXPECT_THAT(line.command.command, ElementsAre("sh", "-c", "x", "--lease", "--"));
}

TEST(WqWorkerOptions, SaysTheRightFormWhenTheDashesOrTheCommandAreMissing) {
  EXPECT_EQ(refusal_of_wq_worker({"--queue=q", "gzip"}),
            "unexpected argument 'gzip'; the form is: wq-worker --queue QUEUE -- COMMAND "
            "[ARGS...]");
  for (const std::vector<const char*>& words :
       {std::vector<const char*>{"--queue=q"}, std::vector<const char*>{"--queue=q", "--"}}) {
    EXPECT_EQ(refusal_of_wq_worker(words),
              "the command after -- is missing; the form is: wq-worker --queue QUEUE -- "
              "COMMAND [ARGS...]");
  }
}

TEST(WqWorkerOptions, SetsItsOwnOptions) {
  const CommandOptions command =
      read_wq_worker({"--queue=q", "-I", "", "--fatal-exit-codes", "2,64", "--results",
                      "--results-max-bytes", "2M", "--memory-limit", "1G", "--stderr", "raw",
                      "--pass-redis", "--redis", "redis://h", "--", "true"})
          .command;
  EXPECT_EQ(command.marker, "");
  EXPECT_EQ(command.memory_limit_bytes, std::uint64_t{1} << 30U);
  EXPECT_THAT(command.fatal_exit_codes, ElementsAre(2, 64));
  EXPECT_TRUE(command.results);
  EXPECT_EQ(command.results_max_bytes, std::size_t{2} << 20U);
  EXPECT_EQ(command.stderr_mode, StderrMode::raw);
  EXPECT_EQ(command.pass_redis.value().url, "redis://h");
}

TEST(WqWorkerOptions, SetsThoseOfACoprocess) {
  const WqWorkerCommandLine line =
      read_wq_worker({"--queue=q", "--coprocess", "--start-timeout", "1h", "--batch=64",
                      "--max-items-per-process=8", "--in-flight=3", "--", "x"});
  EXPECT_TRUE(line.is_coprocess);
  EXPECT_EQ(line.command.start_timeout, minutes{60});
  EXPECT_EQ(line.worker.worker.batch, 64U);
  EXPECT_EQ(line.command.max_items_per_process, 8U);
  EXPECT_EQ(line.in_flight, 3U);
}

TEST(WqWorkerOptions, OffersBatchesOnlyWithACoprocess) {
  for (const char* option : {"--batch=2", "--max-delay=1s", "--max-batch-bytes=1M",
                             "--start-timeout=1m", "--max-items-per-process=9", "--in-flight=1"}) {
    EXPECT_THAT(refusal_of_wq_worker({"--queue=q", option, "--", "true"}),
                testing::EndsWith(" needs --coprocess"));
  }
}

TEST(WqWorkerOptions, OffersWhatIsSaidOfAProcessForEachItemOnlyWithoutACoprocess) {
  for (const char* option : {"--results", "--fatal-exit-codes=2", "--history-stderr"}) {
    EXPECT_THAT(refusal_of_wq_worker({"--queue=q", "--coprocess", option, "--", "true"}),
                testing::EndsWith(" cannot be combined with --coprocess"));
  }
}

TEST(WqWorkerOptions, TakesResultsFromTheEnvironment) {
  test::Environment environment;
  environment.set("WQ_WORKER_RESULTS", "yes");
  EXPECT_TRUE(read_wq_worker({"--queue=q", "--", "true"}).command.results);
}

TEST(WqWorkerOptions, RefusesExitCodesThatAreNone) {
  for (const char* codes : {"0", "256", "", "1,", ",1", "1,x"}) {
    EXPECT_THAT(refusal_of_wq_worker({"--queue=q", "--fatal-exit-codes", codes, "--", "true"}),
                HasSubstr("--fatal-exit-codes: '"))
        << codes;
  }
}

}  // namespace
}  // namespace wq::internal
