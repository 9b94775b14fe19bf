// wqctl status --watch, on real terminals and without one.
#include <csignal>

#include "e2e/programs.h"
#include "support/terminal.h"

namespace wq::test {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class Watch : public ProgramTest {
 protected:
  [[nodiscard]] Process watch(const Words& options, ProcessOptions process = {}) const {
    return ctl_process(Words{"status", "q", "--watch", "--interval", "100ms"} + options,
                       std::move(process));
  }

  /// Items that are leased and not completed by anybody.
  std::vector<Lease> hold(std::size_t n) { return queue_.lease(n, std::chrono::minutes{1}); }
  void complete(std::vector<Lease> leases) {
    for (const Settled answer : queue_.settle(all_completed(std::move(leases)))) {
      EXPECT_EQ(answer, Settled::accepted);
    }
  }

  Queue queue_ = open_queue();
};

TEST_F(Watch, OnATerminalIsDrawnInPlaceUntilTheQueueIsDrained) {
  push(numbered("", 10));
  Terminal terminal(80);
  const std::string modes = terminal.modes();
  Process process = watch({}, {.environment = {{"TERM", "xterm"}}, .terminal = terminal.slave()});
  terminal.wait_for("ready 10  processing 0  completed 0 of 10 pushed");
  complete(hold(4));
  terminal.wait_for("ready 6  processing 0  completed 4 of 10 pushed");
  EXPECT_THAT(terminal.screen().front(), HasSubstr("40.0%"));
  terminal.wait_for("no workers");
  EXPECT_LE(terminal.screen().size(), 4U) << terminal.text();
  complete(hold(6));
  EXPECT_EQ(process.wait(), 0);
  EXPECT_THAT(terminal.screen(),
              ElementsAre("q  [" + std::string(40, '=') + "]  100.0%",
                          "ready 0  processing 0  completed 10 of 10 pushed  drained"));
  EXPECT_THAT(terminal.bytes(), EndsWith("\r\n")) << "the prompt of the shell comes next";
  EXPECT_THAT(terminal.bytes(), HasSubstr("\x1b[32m"));
  EXPECT_EQ(terminal.modes(), modes);
}

TEST_F(Watch, OnATerminalHasNoColoursIfNobodyWantsThem) {
  push({"a"});
  complete(hold(1));
  Terminal terminal(80);
  Process process = watch(
      {}, {.environment = {{"TERM", "xterm"}, {"NO_COLOR", "1"}}, .terminal = terminal.slave()});
  EXPECT_EQ(process.wait(), 0);
  EXPECT_THAT(terminal.text(), HasSubstr("drained"));
  EXPECT_THAT(terminal.bytes(), Not(HasSubstr("\x1b")));
}

TEST_F(Watch, FollowsTheWidthOfTheWindow) {
  push(numbered("", 10));
  Terminal terminal(80);
  Process process = watch({"--interval", "1h"}, {.terminal = terminal.slave()});
  terminal.wait_for("ready 10  processing 0  completed 0 of 10 pushed");
  terminal.resize(30);
  terminal.wait_for("ready 10  processing 0\ncompleted 0 of 10 pushed\n");
  for (const std::string& line : terminal.screen()) EXPECT_LT(line.size(), 30U);
  terminal.resize(80);
  terminal.wait_for("ready 10  processing 0  completed 0 of 10 pushed");
}

TEST_F(Watch, FitsAWindowOfTenColumnsAndThreeLines) {
  push(numbered("", 10));
  Terminal terminal(10, 3);
  Process process = watch({}, {.terminal = terminal.slave()});
  terminal.wait_for("ready 10");
  complete(hold(4));
  terminal.wait_for("ready 6");
  complete(hold(6));
  EXPECT_EQ(process.wait(), 0);
  for (const std::string& line : terminal.screen()) EXPECT_LT(line.size(), 10U) << line;
  EXPECT_LE(terminal.screen().size(), 3U) << terminal.text();
}

TEST_F(Watch, OnADumbTerminalIsPlainLines) {
  push({"a"});
  complete(hold(1));
  Terminal terminal(80);
  Process process = watch({}, {.environment = {{"TERM", "dumb"}}, .terminal = terminal.slave()});
  EXPECT_EQ(process.wait(), 0);
  EXPECT_EQ(terminal.bytes(),
            "q: ready 0, processing 0, delayed 0, dead 0, completed 1 of 1 pushed, drained\r\n");
}

TEST_F(Watch, LeavesTheTerminalAsItWasWhenItIsInterrupted) {
  push(numbered("", 10));
  Terminal terminal(80);
  const std::string modes = terminal.modes();
  Process process = watch({}, {.terminal = terminal.slave()});
  terminal.wait_for("ready 10");
  terminal.type("\x03");
  EXPECT_EQ(process.wait(), 130);
  EXPECT_EQ(terminal.modes(), modes);
  EXPECT_THAT(terminal.text(), HasSubstr("ready 10")) << "the last look stays";
  EXPECT_THAT(terminal.bytes(), EndsWith("\n"));
  // Nothing is hidden, no other screen, no colour left on.
  EXPECT_THAT(terminal.bytes(), Not(HasSubstr("\x1b[?")));
  EXPECT_GE(terminal.bytes().rfind("\x1b[0m") + 1, terminal.bytes().rfind("\x1b[3") + 1);
}

TEST_F(Watch, LeavesAtOnceWhenItIsInterruptedTwiceWhileRedisDoesNotAnswer) {
  push({"a"});
  Terminal terminal(80);
  Process process = watch({}, {.terminal = terminal.slave()});
  terminal.wait_for("ready 1");
  server_.freeze();
  process.signal(SIGTERM);
  // Two that come at once are taken for one.
  ASSERT_TRUE(eventually([&] {
    if (!process.ended()) process.signal(SIGTERM);
    return process.ended();
  }));
  // The last one may come after the watch has ended.
  EXPECT_THAT(process.wait(), AnyOf(143, -SIGTERM));
  EXPECT_THAT(terminal.bytes(), EndsWith("\n"));
  server_.thaw();
}

TEST_F(Watch, WithoutATerminalIsALineForEachLook) {
  push(numbered("", 10));
  Process process = watch({});
  process.wait_for_out("completed 0 of 10 pushed");
  complete(hold(10));
  EXPECT_EQ(process.wait(), 0) << process.err();
  EXPECT_THAT(process.out(), Not(HasSubstr("\x1b")));
  const Words printed = lines(process.out());
  EXPECT_THAT(printed.front(), StartsWith("q: ready 10, processing 0, "));
  EXPECT_EQ(printed.back(),
            "q: ready 0, processing 0, delayed 0, dead 0, completed 10 of 10 pushed, drained");
  EXPECT_EQ(process.err(), "");
}

TEST_F(Watch, EndsSoonHoweverSeldomItIsShown) {
  push(numbered("", 10));
  Process process = watch({"--interval", "1h"});
  process.wait_for_out("completed 0 of 10 pushed");
  complete(hold(10));
  EXPECT_EQ(process.wait(), 0) << process.err();
  EXPECT_EQ(lines(process.out()).size(), 2U);
}

TEST_F(Watch, BehindAPipeIsPlainEvenIfStderrIsATerminal) {
  push({"a"});
  complete(hold(1));
  Terminal terminal(80);
  Process process = watch({}, {.terminal = terminal.slave(), .redirect_out = true});
  EXPECT_EQ(process.wait(), 0);
  EXPECT_THAT(process.out(), StartsWith("q: ready 0"));
  EXPECT_EQ(terminal.bytes(), "");
}

TEST_F(Watch, AsJsonIsOneObjectALine) {
  push(numbered("", 10));
  Process process = watch({"--json"});
  process.wait_for_out("\n{");
  complete(hold(10));
  EXPECT_EQ(process.wait(), 0) << process.err();
  const Words printed = lines(process.out());
  const nlohmann::json first = nlohmann::json::parse(printed.front());
  EXPECT_EQ(first.at("ready"), 10);
  EXPECT_EQ(first.at("workers"), 0);
  EXPECT_TRUE(first.at("left_max_seconds").is_null());
  const nlohmann::json last = nlohmann::json::parse(printed.back());
  EXPECT_EQ(last.at("drained"), true);
  EXPECT_GT(last.at("rate"), 0.0);
  EXPECT_GE(last.at("watched_seconds"), 0.1);
}

TEST_F(Watch, ShowsWorkersAndWhatTheyHold) {
  push(numbered("", 3));
  Process worker = this->worker({"--concurrency", "2"}, {"sh", "-c", "exec sleep 1000"});
  ASSERT_TRUE(eventually([this] { return counts().processing == 2; }));
  Terminal terminal(80);
  Process process = watch({}, {.terminal = terminal.slave()});
  terminal.wait_for("1 worker  oldest lease ");
  worker.kill();
}

TEST_F(Watch, EndsAsAWorkerWould) {
  push({"a", "b"});
  EXPECT_EQ(work({"--max-attempts", "1"}, {"test", "{}", "=", "a"}), 0);
  EXPECT_EQ(watch({}).wait(), 0);
  EXPECT_EQ(watch({"--fail-on-dead"}).wait(), 3);
}

TEST_F(Watch, WaitsForAQueueToBeginAndNotForEver) {
  Process never = watch({"--wait-open", "300ms"});
  EXPECT_EQ(never.wait(), 6);
  EXPECT_THAT(never.err(), HasSubstr("the queue q did not begin within 300ms"));
  Process process = watch({});
  process.wait_for_out("not begun, no item was pushed yet");
  push({"a"});
  process.wait_for_out("ready 1");
  complete(hold(1));
  EXPECT_EQ(process.wait(), 0);
}

TEST_F(Watch, EndsWhenRedisIsAwayForLongerThanItsPatience) {
  conserves_ = false;
  push({"a"});
  Terminal terminal(80);
  Process process = watch({"--redis-patience", "300ms"}, {.terminal = terminal.slave()});
  terminal.wait_for("ready 1");
  server_.stop();
  EXPECT_EQ(process.wait(), 4);
  EXPECT_THAT(terminal.text(), HasSubstr("wqctl: "));
  server_.start();
}

TEST_F(Watch, GoesOnWhenRedisIsBack) {
  push({"a"});
  Process process = watch({});
  process.wait_for_out("ready 1");
  redis_.call({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
  complete(hold(1));
  EXPECT_EQ(process.wait(), 0) << process.err();
}

TEST_F(Watch, EndsWhenTheDataOfTheQueueIsGone) {
  conserves_ = false;
  push({"a"});
  Process process = watch({});
  process.wait_for_out("ready 1");
  redis_.call({"FLUSHALL"});
  EXPECT_EQ(process.wait(), 1);
  EXPECT_THAT(process.err(), HasSubstr("Redis lost its data, or it was purged"));
}

TEST_F(Watch, OfAThousandWorkersAndTenThousandItemsInFlightCostsNextToNothing) {
  push(numbered("", 20'000));
  std::vector<Lease> held;
  for (int i = 0; i < 10; ++i) {
    for (Lease& lease : hold(1'000)) held.push_back(std::move(lease));
  }
  const std::int64_t now_ms = redis_.time_ms();
  for (int i = 0; i < 1'000; ++i) {
    redis_.call({"HSET", "q:workers", "session" + std::to_string(i),
                 nlohmann::json({{"label", "worker"},
                                 {"host", "node"},
                                 {"pid", i},
                                 {"slots", 10},
                                 {"holding", 10},
                                 {"oldest_ms", i},
                                 {"completed", 1},
                                 {"failed", 0},
                                 {"started_ms", now_ms},
                                 {"seen_ms", now_ms + 60'000}})
                     .dump()});
  }
  redis_.call({"CONFIG", "RESETSTAT"});
  Process process = watch({"--json"});
  ASSERT_TRUE(eventually([&] { return lines(process.out()).size() >= 20; }));
  const std::string stats = redis_.text({"INFO", "commandstats"}).value();
  process.signal(SIGTERM);
  EXPECT_EQ(process.wait(), 143);
  EXPECT_EQ(nlohmann::json::parse(lines(process.out()).front()).at("workers"), 1'000);

  // What a script runs inside is counted too; so are the commands of the test and of new
  // connections.
  std::map<std::string, std::int64_t> calls;
  for (const std::string& line : lines(stats)) {
    if (!line.starts_with("cmdstat_")) continue;
    calls[line.substr(8, line.find(':') - 8)] = std::stol(line.substr(line.find("calls=") + 6));
  }
  const auto looks = static_cast<std::int64_t>(lines(process.out()).size());
  EXPECT_LE(calls["evalsha"], looks + 2);
  EXPECT_LE(calls["llen"], 2 * (looks + 2));
  EXPECT_LE(calls["hgetall"], looks + 2 + 2) << "the workers are read once in ten seconds";
  for (const char* never : {"keys", "scan", "lrange", "lpos", "smembers", "hscan", "hkeys"}) {
    EXPECT_EQ(calls[never], 0) << never;
  }
  std::vector<Lease> batch;
  for (Lease& lease : held) {
    batch.push_back(std::move(lease));
    if (batch.size() < 1'000) continue;
    complete(std::move(batch));
    batch.clear();
  }
}

TEST_F(Watch, RefusesWhatMakesNoSense) {
  Process process = ctl_process({"status", "q", "--watch", "--interval", "10ms"});
  EXPECT_EQ(process.wait(), 2);
  EXPECT_THAT(process.err(), HasSubstr("--interval: 10ms is too often: at least 100ms"));
}

TEST_F(Watch, OfAPushDrawsItsBarOnOneLine) {
  Terminal terminal(50);
  Process process = push_process({"q", "--file", "-"}, {.terminal = terminal.slave()});
  terminal.type("a\nb\n");
  terminal.wait_for("read 2 items");
  terminal.type("\x04");
  EXPECT_EQ(process.wait(), 0);
  EXPECT_THAT(terminal.text(), HasSubstr("wq-push: pushed 2 items to q"));
  EXPECT_THAT(terminal.text(), Not(HasSubstr("read 2 items"))) << "the line is gone in the end";
}

}  // namespace
}  // namespace wq::test
