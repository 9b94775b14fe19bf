#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "e2e/programs.h"
#include "support/terminal.h"

// Servers that answer and refuse writes, or that are no place for a queue at all: whatever somebody
// runs to find out why must say so, and soon.
namespace wq::test {
namespace {

using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

// Far less than the patience of programs that work, and than what a hanging test takes.
constexpr seconds kSoon{30};

class Refusing : public ProgramTest {
 protected:
  explicit Refusing(std::vector<std::string> config = {}) : ProgramTest(std::move(config)) {}

  // What doctor says of a check, as "level: what", and its exit code.
  struct Diagnosis {
    int code;
    Words findings;
  };
  [[nodiscard]] Diagnosis doctor(const std::string& check, const Words& options = {},
                                 const std::string& url = "") const {
    ProcessOptions process;
    if (!url.empty()) process.environment["WQ_REDIS"] = url;
    Process run = ctl_process(Words{"doctor", queue_, "--json"} + options, std::move(process));
    Diagnosis diagnosis{run.wait(), {}};
    EXPECT_LT(run.run_time(), kSoon);
    const auto json = nlohmann::json::parse(run.out(), nullptr, false);
    if (json.is_discarded()) ADD_FAILURE() << run.out() << run.err();
    for (const auto& each : json.at("findings")) {
      if (each.at("check") != check) continue;
      diagnosis.findings.push_back(each.at("level").get<std::string>() + ": " +
                                   each.at("what").get<std::string>());
    }
    return diagnosis;
  }

  // Every program leaves at once with 2 and says this.
  void expect_all_refused(const std::string& url,
                          const ::testing::Matcher<std::string>& why) const {
    const ProcessOptions process{.environment = {{"WQ_REDIS", url}}};
    for (const Words& command :
         {Words{kWorkerProgram, "--queue", queue_, "--", "true"}, Words{kPushProgram, queue_, "a"},
          Words{kCtlProgram, "status", queue_}, Words{kCtlProgram, "gc", queue_}}) {
      Process run = start(command, process);
      EXPECT_EQ(run.wait(), 2) << run.err();
      EXPECT_LT(run.run_time(), kSoon);
      EXPECT_THAT(run.err(), why);
    }
  }

  std::string queue_ = "q";
};

class CannotSave : public Refusing {
 protected:
  CannotSave() : Refusing({"save 3600 1000000"}) {}

  // A folder stands where the file should be, so that Redis can write it and not put it there.
  void let_saving_fail() {
    std::filesystem::create_directory(server_.folder().path() / "dump.rdb");
    server_.folder().file("dump.rdb/in-the-way", "");
    redis_.call({"BGSAVE"});
    ASSERT_TRUE(eventually([this] { return redis_.raw({"PING"}).has_error("MISCONF"); }));
  }
};

TEST_F(CannotSave, WhatOnlyLooksWorksAllTheSame) {
  push({"a", "b"});
  let_saving_fail();
  for (const Words& command :
       {Words{"status", "q"}, Words{"workers", "q"}, Words{"ls", "q", "ready"},
        Words{"inspect", "q", "a"}, Words{"results", "q"}, Words{"metrics", "q"},
        Words{"verify", "q"}}) {
    Process look = ctl_process(command);
    EXPECT_EQ(look.wait(), 0) << command.front() << ": " << look.err();
    EXPECT_LT(look.run_time(), kSoon);
  }
}

TEST_F(CannotSave, DoctorSaysThatWritesAreRefused) {
  let_saving_fail();
  const Diagnosis diagnosis = doctor("writes");
  EXPECT_EQ(diagnosis.code, 2);
  EXPECT_THAT(diagnosis.findings,
              ::testing::ElementsAre(HasSubstr("error: Redis refuses writes: MISCONF")));
}

TEST_F(Refusing, DoctorFindsThatReplicasAreMissing) {
  redis_.call({"CONFIG", "SET", "min-replicas-to-write", "1"});
  const Words before = everything();
  const Diagnosis diagnosis = doctor("writes");
  EXPECT_EQ(diagnosis.code, 2);
  EXPECT_THAT(diagnosis.findings,
              ::testing::ElementsAre(HasSubstr("error: Redis refuses writes: NOREPLICAS")));
  EXPECT_EQ(everything(), before);
}

TEST_F(Refusing, DoctorWithAPatienceWaitsUntilRedisTakesWrites) {
  redis_.call({"CONFIG", "SET", "min-replicas-to-write", "1"});
  Process doctor = ctl_process({"doctor", "q", "--redis-patience", "10m"});
  doctor.wait_for_err("NOREPLICAS");
  redis_.call({"CONFIG", "SET", "min-replicas-to-write", "0"});
  EXPECT_EQ(doctor.wait(), 0) << doctor.err();
}

TEST_F(Refusing, DoctorTriesAWriteAndLeavesNothing) {
  push({"a"});
  const Words before = everything();
  EXPECT_THAT(doctor("writes").findings, Words{"ok: Redis takes writes"});
  EXPECT_EQ(everything(), before);
}

TEST_F(Refusing, DoctorTriesNoWriteForAViewer) {
  EXPECT_THAT(doctor("writes", {"--role", "viewer"}).findings, Words{});
  EXPECT_THAT(redis_.text({"INFO", "commandstats"}).value(), Not(HasSubstr("cmdstat_hset:")));
}

TEST_F(Refusing, DoctorLetsWorkersDrainAFullRedis) {
  redis_.call({"CONFIG", "SET", "maxmemory", "1"});
  EXPECT_THAT(doctor("writes", {"--role", "worker"}).findings,
              Contains(HasSubstr("warning: Redis refuses writes: OOM")));
  EXPECT_THAT(doctor("writes").findings, Contains(HasSubstr("error: Redis refuses writes: OOM")));
}

TEST_F(Refusing, DoctorTellsRolesThatAUserHasAndDoesNotAskForTheOthers) {
  redis_.call({"ACL", "SETUSER", "looker", "on", ">x", "~*", "+@read", "+@connection", "+info",
               "+multi", "+evalsha", "+script|load", "+time"});
  const std::string url = "unix://looker:x@" + server_.socket_path();
  const Diagnosis diagnosis = doctor("rights", {}, url);
  EXPECT_EQ(diagnosis.code, 0);
  EXPECT_THAT(diagnosis.findings, Contains("ok: 'looker' may do what viewers do"));
  EXPECT_THAT(diagnosis.findings, Contains(HasSubstr("ok: 'looker' may not do what producers do")));
  EXPECT_EQ(doctor("rights", {"--role", "producer"}, url).code, 2);
}

class Appending : public Refusing {
 protected:
  Appending() : Refusing({"appendonly yes"}) {
    redis_.call({"ACL", "SETUSER", "op", "on", ">x", "~*", "+@all"});
    redis_.call({"ACL", "SETUSER", "bob", "on", ">x", "~*", "+@all", "-acl"});
    op_ = std::make_unique<RedisClient>(as("op"));
  }
  void TearDown() override {
    op_->call({"ACL", "SETUSER", "default", "on", "nopass", "allkeys", "allcommands"});
    Refusing::TearDown();
  }

  [[nodiscard]] std::string url(const std::string& user) const {
    return "unix://" + user + ":x@" + server_.socket_path();
  }
  [[nodiscard]] RedisOptions as(const std::string& user) const {
    RedisOptions options;
    options.url = url(user);
    return options;
  }

  std::unique_ptr<RedisClient> op_;
};

TEST_F(Appending, DoctorFindsADefaultUserThatCannotReplayTheFile) {
  op_->call({"ACL", "SETUSER", "default", "reset", "on", "nopass", "+ping"});
  for (const char* const user : {"op", "bob"}) {  // bob may not ask, but be default himself
    const Diagnosis diagnosis = doctor("replay", {}, url(user));
    EXPECT_EQ(diagnosis.code, 2) << user;
    EXPECT_THAT(diagnosis.findings,
                Contains(HasSubstr("error: a restart cannot replay the append-only file")))
        << user;
  }
}

TEST_F(Appending, ADefaultUserThatNobodyCanBeMayReplayTheFile) {
  op_->call({"ACL", "SETUSER", "default", "off", "resetpass", "allkeys", "allcommands"});
  EXPECT_THAT(doctor("replay", {}, url("op")).findings,
              Contains(HasSubstr("ok: a restart can replay")));
  EXPECT_THAT(doctor("replay", {}, url("bob")).findings,
              Contains(HasSubstr("warning: whether a restart can replay")));
}

TEST_F(Appending, ARightThatIsMissingForTheReplayIsNamed) {
  op_->call({"ACL", "SETUSER", "default", "-ltrim"});
  for (const std::string& who : {url("op"), server_.url()}) {
    EXPECT_THAT(doctor("replay", {}, who).findings,
                Contains(HasSubstr("the user default may not run ltrim")));
  }
}

class AfterARestart : public Refusing {
 protected:
  AfterARestart() : Refusing({"appendonly yes"}) {}

  [[nodiscard]] std::string persistence(std::string_view field) {
    return word_after(redis_.text({"INFO", "persistence"}).value(), field);
  }
};

// See libwq/src/queue/torn_aof.h.
TEST_F(AfterARestart, DoctorAddsNothingToAFileThatMayBeTorn) {
  push({"a"});
  redis_.call({"BGREWRITEAOF"});
  ASSERT_TRUE(eventually([this] {
    return persistence("aof_rewrite_in_progress:") == "0" && persistence("aof_base_size:") != "0";
  }));
  server_.restart();
  redis_ = RedisClient(options());
  const std::string size = persistence("aof_current_size:");
  EXPECT_THAT(doctor("writes").findings, Words{"ok: Redis takes writes"});
  EXPECT_EQ(persistence("aof_current_size:"), size);
  redis_.call({"CONFIG", "SET", "min-replicas-to-write", "1"});
  EXPECT_THAT(doctor("writes").findings, Contains(HasSubstr("error: Redis refuses writes: NOREP")));
}

TEST_F(Refusing, ASentinelIsCalledOneAndItsMasterNamed) {
  const TemporaryFolder folder;
  const std::string socket = folder.path() / "s";
  const std::string config = folder.file(
      "sentinel.conf", "port 0\nunixsocket " + socket + "\ndir " + folder.path().string() +
                           "\nsentinel monitor shop 127.0.0.1 6379 1\n");
  Process sentinel = start({kRedisServer, config, "--sentinel"});
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(socket); })) << sentinel.out();
  const std::string url = "unix://" + socket;
  const auto says = AllOf(HasSubstr("Sentinel"), HasSubstr("redis://127.0.0.1:6379 (shop)"));
  expect_all_refused(url, says);
  expect_all_refused("unix://:secret@" + socket, HasSubstr("Sentinel"));
  expect_all_refused(url + "?db=2", HasSubstr("Sentinel"));
  const Diagnosis diagnosis = doctor("role", {}, url);
  EXPECT_EQ(diagnosis.code, 2);
  EXPECT_THAT(diagnosis.findings, Words{"error: this is a Sentinel"});
  sentinel.kill();
}

TEST_F(Refusing, WhatLooksAtAServerThatHangsEndsWithinSeconds) {
  server_.freeze();
  std::vector<Process> looks;
  for (const Words& command : {Words{"status", "q"}, Words{"doctor", "q"}, Words{"verify", "q"},
                               Words{"ls", "q", "ready"}, Words{"workers", "q"}}) {
    looks.push_back(ctl_process(command));
  }
  for (Process& look : looks) {
    EXPECT_EQ(look.wait(), 4) << look.err();
    EXPECT_GE(look.run_time(), seconds{9});
    EXPECT_LT(look.run_time(), kSoon);
    EXPECT_THAT(look.err(), HasSubstr("gave up after 10 s"));
  }
  server_.thaw();
}

TEST_F(Refusing, AShorterPatienceBoundsTheWhole) {
  server_.freeze();
  std::vector<Process> all;
  all.push_back(ctl_process({"status", "q", "--redis-patience", "2s"}));
  all.push_back(push_process({"q", "a", "--redis-patience", "2s"}));
  all.push_back(worker({"--redis-patience", "2s"}, {"true"}));
  for (Process& each : all) {
    EXPECT_EQ(each.wait(), 4) << each.err();
    EXPECT_LT(each.run_time(), seconds{9}) << each.err();  // the timeout of one command is 10 s
    EXPECT_THAT(each.err(), HasSubstr("gave up after 2 s"));
  }
  server_.thaw();
}

TEST_F(Refusing, ATerminalShowsAtOnceWhatIsWaitedFor) {
  const std::string socket = "unix://" + server_.login() + server_.socket_path();
  server_.freeze();
  for (const Words& command : {Words{kCtlProgram, "status", "q"}, Words{kCtlProgram, "doctor", "q"},
                               Words{kPushProgram, "q", "a"}}) {
    Terminal terminal(100);
    Process waiting = start(command, {.environment = {{"TERM", "xterm"}, {"WQ_REDIS", socket}},
                                      .terminal = terminal.slave()});
    terminal.wait_for("waiting for Redis at " + server_.socket_path());
    waiting.kill();
  }
  server_.thaw();
}

TEST_F(Refusing, TheTimeWithoutRedisIsNotPartOfTheRate) {
  server_.stop();
  Process push = push_process(Words{"q"} + numbered("", 20));
  push.wait_for_err("retrying for");
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(eventually(
      [&] { return std::chrono::steady_clock::now() - begin > std::chrono::milliseconds{1'500}; }));
  server_.start();
  redis_ = RedisClient(options());
  EXPECT_EQ(push.wait(), 0) << push.err();
  EXPECT_THAT(push.err(), HasSubstr("s of waiting for Redis"));
  const double pushing = std::stod(word_after(push.err(), "to q in "));
  const double waiting = std::stod(word_after(push.err(), ", after "));
  EXPECT_GE(waiting, 1.0);
  const std::chrono::duration<double> whole = push.run_time();
  EXPECT_LE(pushing + waiting, whole.count() + 0.6) << push.err();  // the latter is rounded
}

}  // namespace
}  // namespace wq::test
