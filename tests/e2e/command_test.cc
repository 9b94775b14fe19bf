#include <filesystem>
#include <sstream>

#include "e2e/programs.h"
#include "support/terminal.h"

// What a user gives as the command, and what the processes get.
namespace wq::test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

class Command : public ProgramTest {
 protected:
  // The worker refuses before it touches anything, with one line that says why.
  void expect_refused(const Words& options, const Words& command, const std::string& why) {
    push({"a", "b", "c"});
    Process refused = worker(options, command);
    EXPECT_EQ(refused.wait(), 2) << refused.err();
    EXPECT_THAT(refused.err(), HasSubstr(why));
    expect_untouched();
  }

  void expect_untouched() {
    EXPECT_THAT(all(Key::ready), UnorderedElementsAre("a", "b", "c"));
    EXPECT_EQ(counts().processing, 0U);
    EXPECT_EQ(counts().failed, 0U);
    EXPECT_EQ(counts().crashed, 0U);
    EXPECT_FALSE(redis_.exists(key(Key::attempts)));
    EXPECT_THAT(redis_.list({"KEYS", "q:leased_by_session:*"}), IsEmpty());
  }

  // What the command makes of one item.
  [[nodiscard]] std::string result_of(const std::string& item, const Words& options,
                                      const Words& command, ProcessOptions process = {}) {
    push({item});
    Process worker = this->worker(Words{"--results"} + options, command, std::move(process));
    EXPECT_EQ(worker.wait(), 0) << worker.err();
    const std::vector<Result> found = open_queue().results("", 10);
    return found.size() == 1 ? found.front().result
                             : "not one result but " + std::to_string(found.size());
  }
};

TEST_F(Command, WithATypoInItsNameKillsNoQueue) {
  expect_refused({}, {"no-such-program", "{}"}, "cannot run 'no-such-program'");
}

TEST_F(Command, WithATypoKillsNoQueueAlsoWithSeveralSlots) {
  expect_refused({"--concurrency", "3"}, {"/no/such/program"}, "cannot run '/no/such/program'");
}

TEST_F(Command, ThatMayNotBeExecutedKillsNoQueue) {
  const std::string plain = file("plain.sh", "#!/bin/sh\nexit 0\n");
  expect_refused({}, {plain}, "Permission denied");
}

TEST_F(Command, WithoutAnInterpreterKillsNoQueue) {
  const std::string script = file("script", "#!/no/such/interpreter\n");
  std::filesystem::permissions(script, std::filesystem::perms::owner_all);
  expect_refused({}, {script}, "interpreter");
}

TEST_F(Command, WithTheMarkerInAScriptIsRefusedWithTheRightForm) {
  expect_refused({}, {"sh", "-c", "echo {}"}, R"(sh -c '... "$1"' _ {})");
}

TEST_F(Command, WithItsOwnMarkerInAScriptIsRefusedToo) {
  expect_refused({"-I", "ITEM"}, {"timeout", "5", "bash", "-ec", "echo ITEM"},
                 R"(bash -c '... "$1"' _ ITEM)");
}

TEST_F(Command, GivenAsOneWordIsRefusedWithItsWords) {
  expect_refused({}, {"gzip -t {}"}, "write: -- gzip -t {}");
}

TEST_F(Command, ThatNeedsAShellIsRefusedWithTheShell) {
  expect_refused({}, {"gzip -dc {} | wc -c"}, R"(write: -- sh -c 'gzip -dc "$1" | wc -c' _ {})");
}

TEST_F(Command, OfACoprocessGivenAsOneWordIsRefusedToo) {
  expect_refused({"--coprocess"}, {"python3 model.py"}, "write: -- python3 model.py");
}

TEST_F(Command, IsNotTakenWithAPlaceholderThatIsNotReplaced) {
  expect_refused({}, {"echo", "{..}"}, "{..} in the command is not a placeholder");
}

TEST_F(Command, OfACoprocessHasNoPlaceForAnItem) {
  expect_refused({"--coprocess"}, {"cat", "{.}"}, "remove {.} from the command");
}

TEST_F(Command, GetsPartsOfTheItem) {
  EXPECT_EQ(result_of("a/b.tar.gz", {}, {"printf", "%s|", "{.}", "{/}", "{//}", "{/.}", "{%}"}),
            "a/b.tar|b.tar.gz|a|b.tar|1|");
}

TEST_F(Command, IsToldOfAWordThatOnlyAShellWouldHeed) {
  push({"a"});
  Process worker = this->worker({}, {"echo", "{}", "|", "wc"});
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  EXPECT_THAT(worker.err(), HasSubstr("'|' is passed to echo as an argument"));
}

TEST_F(Command, WithoutAMarkerThatFailsOnEveryItemIsToldWhereTheItemIs) {
  push({"a.gz"});
  Process worker = this->worker({"--max-attempts", "1"}, {"gzip", "-t"});
  EXPECT_EQ(worker.wait(), 0);
  EXPECT_THAT(worker.err(), HasSubstr("the command has no {}: it reads the item from stdin"));
}

TEST_F(Command, MustStandBehindTheDashes) {
  push({"a", "b", "c"});
  Process refused = start({kWorkerProgram, "--queue", "q", "true", "{}"});
  EXPECT_EQ(refused.wait(), 2);
  EXPECT_THAT(refused.err(), HasSubstr("-- COMMAND"));
  expect_untouched();
}

TEST_F(Command, IsNeeded) {
  push({"a", "b", "c"});
  Process refused = start({kWorkerProgram, "--queue", "q"});
  EXPECT_EQ(refused.wait(), 2);
  EXPECT_THAT(refused.err(), HasSubstr("-- COMMAND"));
  expect_untouched();
}

TEST_F(Command, LineWithAnUnknownOptionNamesTheNearest) {
  const auto refusal = [this](const Words& command) {
    Process refused = start(command);
    EXPECT_EQ(refused.wait(), 2);
    EXPECT_EQ(lines(refused.err()).size(), 1U) << refused.err();
    EXPECT_EQ(refused.out(), "");
    return refused.err();
  };
  EXPECT_THAT(refusal({kWorkerProgram, "--queue", "q", "--concurency", "2", "--", "true"}),
              AllOf(HasSubstr("'--concurency'"), HasSubstr("did you mean '--concurrency'?")));
  EXPECT_THAT(refusal({kPushProgram, "--onec", "q", "a"}), HasSubstr("did you mean '--once'?"));
  EXPECT_THAT(refusal({kCtlProgram, "status", "q", "--jsn"}), HasSubstr("did you mean '--json'?"));
  EXPECT_THAT(refusal({kCtlProgram, "statsu", "q"}), HasSubstr("did you mean 'status'?"));
}

TEST_F(Command, LineTakesEachOptionFromTheEnvironmentToo) {
  push({"a"});
  Process worker = this->worker({}, {"false"},
                                {.environment = {{"WQ_WORKER_MAX_ATTEMPTS", "1"},
                                                 {"WQ_WORKER_FAIL_ON_DEAD", "1"},
                                                 {"WQ_WORKER_CONCURENCY", "2"}}});
  EXPECT_EQ(worker.wait(), 3) << worker.err();
  EXPECT_THAT(worker.err(), HasSubstr("did you mean '$WQ_WORKER_CONCURRENCY'?"));
}

TEST_F(Command, LineWithABadValueSaysWhichAndWhy) {
  Process refused = worker({"--lease", "60"}, {"true"});
  EXPECT_EQ(refused.wait(), 2);
  EXPECT_THAT(refused.err(), AllOf(HasSubstr("--lease"), HasSubstr("'60'")));
}

TEST_F(Command, LogsAsJsonWhereItIsAskedTo) {
  push({"a"});
  Process worker = this->worker({"--log-format", "json", "--log-level", "debug"}, {"true"});
  EXPECT_EQ(worker.wait(), 0);
  const Words log = lines(worker.err());
  ASSERT_FALSE(log.empty());
  for (const std::string& line : log) {
    EXPECT_EQ(nlohmann::json::parse(line).at("program"), "wq-worker") << line;
  }
}

TEST_F(Command, GetsTheItemInEveryPlaceOfTheMarkerAlsoTwiceInOneArgument) {
  EXPECT_EQ(result_of("x y", {}, {"printf", "%s|", "{}", "a{}b{}", "{", "}", "--{}={}"}),
            "x y|ax ybx y|{|}|--x y=x y|");
}

TEST_F(Command, GetsAnItemThatHoldsTheMarkerAsItIs) {
  EXPECT_EQ(result_of("a{}b", {}, {"printf", "%s|", "{}", "<{}{}>"}), "a{}b|<a{}ba{}b>|");
}

TEST_F(Command, TakesAnotherMarker) {
  EXPECT_EQ(result_of("x", {"-I", "@"}, {"printf", "%s|", "@", "{}", "@@"}), "x|{}|xx|");
}

TEST_F(Command, TakesNoMarkerAtAll) {
  EXPECT_EQ(result_of("x", {"-I", ""}, {"sh", "-c", R"(printf '%s|' "$1"; cat)", "_", "{}"}),
            "{}|x");
}

TEST_F(Command, HasNothingOnStdinWhenTheItemIsAnArgument) {
  push({"x"});
  Process worker = this->worker({"--results"}, {"sh", "-c", "printf '[%s]' \"$(cat)\"", "{}"},
                                {.input = "not for the child"});
  EXPECT_EQ(worker.wait(), 0);
  EXPECT_EQ(results(), exactly_once({"x"}, [](const std::string&) { return "[]"; }));
}

TEST_F(Command, IsNoShell) {
  EXPECT_EQ(result_of("$(id); `id` | id > x", {}, {"printf", "%s", "{}"}), "$(id); `id` | id > x");
}

TEST_F(Command, FindsItsTermsInTheEnvironment) {
  const Words variables = lines(result_of("an item", {"--lease", "1500ms"}, {"env"},
                                          {.environment = {{"WQ_WORKER_MAX_ITEMS", "9"},
                                                           {"WQ_FENCE", "from elsewhere"},
                                                           {"REDISCLI_AUTH", ""},
                                                           {"MINE", "stays"}}}));
  std::map<std::string, std::string> found;
  for (const std::string& variable : variables) {
    const std::size_t equals = variable.find('=');
    found[variable.substr(0, equals)] = variable.substr(equals + 1);
  }
  EXPECT_EQ(found["WQ_ITEM"], "an item");
  EXPECT_EQ(found["WQ_ITEM_SHA224"], hash_of("an item"));
  EXPECT_EQ(found["WQ_QUEUE"], "q");
  EXPECT_EQ(found["WQ_ATTEMPT"], "1");
  EXPECT_EQ(found["WQ_FENCE"], redis_.text({"GET", key(Key::fence)}));
  EXPECT_EQ(found["WQ_SESSION"].size(), 16U);
  EXPECT_EQ(found["WQ_SLOT"], "0");
  EXPECT_EQ(found["WQ_LEASE_SECONDS"], "1.5");
  EXPECT_EQ(found["MINE"], "stays");
  EXPECT_EQ(found["WQ_REDIS"], server_.url());
  EXPECT_FALSE(found.contains("WQ_WORKER_MAX_ITEMS"));
  EXPECT_FALSE(found.contains("REDISCLI_AUTH"));
}

TEST_F(Command, NeverSharesASlotWithAnother) {
  push(numbered("", 3));
  // Each waits until all three run.
  const Words command{"sh", "-c",
                      R"(mkdir ")" + path("") + R"(slot$WQ_SLOT" && until [ -e )" + path("slot0") +
                          " ] && [ -e " + path("slot1") + " ] && [ -e " + path("slot2") +
                          R"( ]; do sleep 0.02; done)"};
  EXPECT_EQ(work({"--concurrency", "3", "--max-attempts", "1", "--fail-on-dead"}, command), 0);
}

TEST_F(Command, InheritsItsThreeStreamsAndNoOtherDescriptor) {
  push({"/proc/self/fd/"});
  // The worker itself gets a few that it knows nothing of.
  Process worker = start({"sh", "-c", R"(exec 7</dev/null 8>/dev/null 9</dev/null; exec "$@")", "_",
                          kWorkerProgram, "--queue", "q", "--results", "--", "ls", "-l", "{}"});
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  const std::string listing = results().at("/proc/self/fd/").front();
  Words targets;
  for (const std::string& line : lines(listing)) {
    const std::size_t arrow = line.find(" -> ");
    if (arrow != std::string::npos) targets.push_back(line.substr(arrow + 4));
  }
  // The last one is the folder that ls reads.
  EXPECT_THAT(targets, ElementsAre("/dev/null", StartsWith("pipe:"), StartsWith("pipe:"),
                                   StartsWith("/proc/")))
      << listing;
}

TEST_F(Command, StartsWithNoSignalBlockedOrIgnored) {
  push({"a"});
  // The worker itself is started with some ignored.
  Process worker =
      start({"sh", "-c", R"(trap "" HUP INT QUIT USR1; exec "$@")", "_", kWorkerProgram, "--queue",
             "q", "--results", "--", "grep", "^Sig", "/proc/self/status"});
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  const std::string mask = results().at("a").front();
  EXPECT_THAT(mask, HasSubstr("SigBlk:\t0000000000000000"));
  EXPECT_THAT(mask, HasSubstr("SigIgn:\t0000000000000000"));
}

TEST_F(Command, ThatReadsTheTerminalFailsInsteadOfWaitingForEver) {
  push({"a"});
  Terminal terminal(80);
  Process process = start({kWorkerProgram, "--queue", "q", "--max-attempts", "1", "--", "sh", "-c",
                           "read -r password </dev/tty"},
                          {.terminal = terminal.slave()});
  EXPECT_EQ(process.wait(), 3);
  EXPECT_EQ(counts().dead, 1U);
  EXPECT_THAT(failure_of("a").dump(), HasSubstr("/dev/tty"));
}

TEST_F(Command, IsNotEndedByTheTerminalButByTheWorker) {
  push({"a"});
  Terminal terminal(80);
  Process process = start({kWorkerProgram, "--queue", "q", "--", "sh", "-c",
                           "echo runs >&2; while [ ! -e " + path("go") + " ]; do sleep 0.01; done"},
                          {.terminal = terminal.slave()});
  terminal.wait_for("runs");
  terminal.type("\x03");  // Ctrl-C
  terminal.wait_for("SIGINT");
  file("go", "");
  EXPECT_EQ(process.wait(), 130);
  EXPECT_EQ(counts().completed, 1U);
}

TEST_F(Command, LeadsAProcessGroupOfItsOwn) {
  const std::string ids = result_of("a", {}, {"sh", "-c", "ps -o pid=,pgid= -p $$"});
  pid_t pid = 0;
  pid_t group = 0;
  std::istringstream(ids) >> pid >> group;
  EXPECT_GT(pid, 0) << ids;
  EXPECT_EQ(pid, group);
}

TEST_F(Command, TakesWhatItStartedInItsGroupAlongWhenItEnds) {
  const std::string background = result_of("a", {}, {"sh", "-c", "sleep 1000 & echo $!"});
  EXPECT_FALSE(is_alive(static_cast<pid_t>(std::stol(background))));
}

TEST_F(Command, OutputGoesToTheWorkersStreamsWithoutResults) {
  push({"a"});
  Process worker = this->worker({}, {"sh", "-c", "echo to stdout; echo to stderr >&2"});
  EXPECT_EQ(worker.wait(), 0);
  EXPECT_EQ(worker.out(), "to stdout\n");
  EXPECT_THAT(worker.err(), HasSubstr("\nto stderr\n"));
}

TEST_F(Command, OutputOfSeveralSlotsIsNotMixedWithinALine) {
  const Words items = numbered("i", 40);
  push(items);
  // Each line is longer than what a pipe takes at once, and comes in pieces.
  Process worker = this->worker(
      {"--concurrency", "8"},
      {"perl", "-e",
       R"(for (1..5) { syswrite STDOUT, "$ARGV[0]," x 100 for 1..30; syswrite STDOUT, "\n" })",
       "{}"});
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  std::map<std::string, int> seen;
  for (const std::string& line : lines(worker.out())) {
    const std::string item = line.substr(0, line.find(','));
    std::string expected;
    for (int i = 0; i < 3000; ++i) expected += item + ",";
    EXPECT_TRUE(line == expected);
    ++seen[item];
  }
  EXPECT_EQ(seen.size(), items.size());
  for (const auto& [item, count] : seen) EXPECT_EQ(count, 5) << item;
}

TEST_F(Command, OutputIsPassedOnByteForByteAndAtOnceWithOneSlot) {
  push({"a"});
  Process worker = this->worker({}, {"sh", "-c",
                                     "printf 'no\\0 end'; until [ -e " + path("go") +
                                         " ]; do sleep 0.01; done; printf '\\377'"});
  worker.wait_for_out(std::string("no\0 end", 7));
  file("go", "");
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  EXPECT_EQ(worker.out(), std::string("no\0 end\377", 8));
}

TEST_F(Command, OutputWithoutAReaderEndsTheWorkerAndNoItem) {
  const Words items = numbered("", 5);
  push(items);
  Process shell = start(
      {"sh", "-c",
       R"({ "$@"; echo "ended with $?" >)" + path("code") + "; } | { read -r line; exec <&-; " +
           "echo >" + path("gone") + "; }",
       "_", kWorkerProgram, "--queue", "q", "--max-attempts", "1", "--concurrency", "2", "--", "sh",
       "-c",
       "echo; until [ -e " + path("gone") + " ]; do sleep 0.01; done; while echo; do :; done"});
  EXPECT_EQ(shell.wait(), 0);
  EXPECT_EQ(content_of(path("code")), "ended with 1\n");
  EXPECT_THAT(shell.err(), HasSubstr("cannot write to standard output: the reader has closed it"));
  EXPECT_THAT(all(Key::ready), ::testing::UnorderedElementsAreArray(items));
  EXPECT_EQ(counts().failed, 0U);
  EXPECT_EQ(counts().crashed, 0U);
}

TEST_F(Command, OutputOnAFullDiskEndsTheWorkerAndNoItem) {
  push({"a", "b"});
  Process shell = start({"sh", "-c", R"(exec "$@" >/dev/full)", "_", kWorkerProgram, "--queue", "q",
                         "--max-attempts", "1", "--", "echo", "{}"});
  EXPECT_EQ(shell.wait(), 1);
  EXPECT_THAT(shell.err(), HasSubstr("cannot write to standard output: No space left on device"));
  EXPECT_THAT(all(Key::ready), UnorderedElementsAre("a", "b"));
  EXPECT_EQ(counts().failed, 0U);
}

TEST_F(Command, OutputHasItsItemBeforeEachLineWithTags) {
  push({"a", "b"});
  Process worker = this->worker({"--concurrency", "2", "--tag"},
                                {"sh", "-c", "printf 'one\ntwo'; echo three >&2", "_", "{}"});
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  EXPECT_THAT(lines(worker.out()), UnorderedElementsAre("a\tone", "a\ttwo", "b\tone", "b\ttwo"));
  EXPECT_THAT(worker.err(), AllOf(HasSubstr("\na\tthree\n"), HasSubstr("\nb\tthree\n")));
}

TEST_F(Command, OutputHasNoTagsByteForByte) {
  expect_refused({"--tag", "--stderr", "raw"}, {"true"},
                 "--tag needs lines: it cannot be combined with --stderr raw");
}

TEST_F(Command, StderrStandsInWholeLinesOfTheLogWhateverItWrites) {
  const Words items = numbered("i", 40);
  push(items);
  Process worker = this->worker({"--concurrency", "8", "--max-attempts", "1", "--halt", "0"},
                                {"sh", "-c", "printf 'says %s' \"$1\" >&2; exit 1", "_", "{}"});
  EXPECT_EQ(worker.wait(), 0);
  Words said;
  for (const std::string& line : lines(worker.err())) {
    if (line.starts_with("says ")) said.push_back(line.substr(5));
  }
  EXPECT_THAT(said, ::testing::UnorderedElementsAreArray(items)) << worker.err();
}

TEST_F(Command, StderrBecomesObjectsOfAJsonLogWithSlotAndItem) {
  push({"a", "b"});
  Process worker = this->worker({"--log-format", "json"},
                                {"sh", "-c", "printf 'one\n\ntwo \"%s\"' \"$1\" >&2", "_", "{}"});
  EXPECT_EQ(worker.wait(), 0);
  std::map<std::string, Words> said;
  for (const std::string& line : lines(worker.err())) {
    const auto json = nlohmann::json::parse(line);
    EXPECT_EQ(json.at("program"), "wq-worker");
    if (json.value("from", "") != "stderr") continue;
    EXPECT_EQ(json.at("slot"), 0);
    said[json.at("item")].push_back(json.at("message"));
  }
  EXPECT_THAT(said, ElementsAre(::testing::Pair("a", ElementsAre("one", "", "two \"a\"")),
                                ::testing::Pair("b", ElementsAre("one", "", "two \"b\""))));
}

TEST_F(Command, StderrIsPassedOnByteForByteIfAsked) {
  push({"a"});
  Process worker =
      this->worker({"--stderr", "raw"}, {"sh", "-c", "printf '10 %%\\r20 %%' >&2; exec sleep 0"});
  EXPECT_EQ(worker.wait(), 0);
  EXPECT_THAT(worker.err(), HasSubstr("\n10 %\r20 %2")) << "the next event stands right behind it";
  Process refused = this->worker({"--stderr", "word"}, {"true"});
  EXPECT_EQ(refused.wait(), 2);
  EXPECT_THAT(refused.err(), HasSubstr("--stderr: 'word' is invalid: must be one of lines|raw"));
}

// Where Redis is, and who may log in there

class CommandWithAPassword : public Command {
 protected:
  CommandWithAPassword() {
    redis_.call({"ACL", "SETUSER", "worker", "on", ">secret", "~*", "+@all"});
  }

  [[nodiscard]] std::string url() const { return "unix://worker:secret@" + server_.socket_path(); }

  /// The environment that `env` says it has, for a worker that was told where Redis is thrice.
  [[nodiscard]] std::string environment_of_a_command(const Words& options) {
    return "\n" + result_of("item", options, {"env"},
                            {.environment = {{"WQ_REDIS", url()},
                                             {"REDIS_URL", "redis://:secret@elsewhere"},
                                             {"WQ_WORKER_REDIS", url()},
                                             {"WQCTL_REDIS", url()},
                                             {"REDISCLI_AUTH", "secret"}}});
  }
};

TEST_F(CommandWithAPassword, IsNotToldIt) {
  const std::string said = environment_of_a_command({});
  EXPECT_THAT(said, ::testing::Not(HasSubstr("secret")));
  EXPECT_THAT(said, HasSubstr("\nWQ_REDIS=unix://worker@" + server_.socket_path() + "\n"));
  EXPECT_THAT(said, HasSubstr("\nREDIS_URL=redis://elsewhere\n"));
}

TEST_F(CommandWithAPassword, IsToldItIfAsked) {
  const std::string said = environment_of_a_command({"--pass-redis"});
  EXPECT_THAT(said, HasSubstr("\nWQ_REDIS=" + url() + "\n"));
  EXPECT_THAT(said, HasSubstr("\nREDISCLI_AUTH=secret\n"));
  EXPECT_THAT(said, ::testing::Not(HasSubstr("WQ_WORKER_REDIS")));
}

TEST_F(CommandWithAPassword, PushesByItselfIfAsked) {
  redis_.call({"AUTH", "worker", "secret"});  // who may give the rights back
  redis_.call({"ACL", "SETUSER", "default", "-@all", "+ping"});
  push_process({"q", "first", "--redis", url()}).wait();
  Process worker =
      this->worker({"--redis", url(), "--pass-redis"},
                   {"sh", "-c", "test \"$1\" = second || exec \"$0\" q second", kPushProgram, "{}"},
                   {.environment = {{"WQ_REDIS", "unix:///nowhere"}}});
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  Process status = ctl_process({"status", "q", "--redis", url()});
  EXPECT_EQ(status.wait(), 0);
  EXPECT_THAT(status.out(), HasSubstr("completed 2 of 2 pushed"));
  redis_.call({"ACL", "SETUSER", "default", "+@all"});
}

TEST_F(CommandWithAPassword, DoesNotReadItOnTheWorkersCommandLineEither) {
  push({"a"});
  Process worker =
      this->worker({"--results", "--redis", url()}, {"sh", "-c", "cat /proc/$PPID/cmdline"});
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  const std::string line = open_queue().results("", 1).front().result;
  EXPECT_THAT(line, AllOf(HasSubstr("unix://***@" + server_.socket_path()),
                          ::testing::Not(HasSubstr("secret"))));
}

}  // namespace
}  // namespace wq::test
