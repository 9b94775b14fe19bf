#include <string>
#include <vector>

#include "doctor/needs.h"
#include "e2e/programs.h"

// wqctl doctor on servers that something is wrong with.
namespace wq::test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class Doctor : public ProgramTest {
 protected:
  explicit Doctor(std::vector<std::string> config = {}) : ProgramTest(std::move(config)) {}

  struct Answer {
    int code;
    nlohmann::json json;
    std::string err;

    // The findings of a check as "level: what".
    [[nodiscard]] Words of(const std::string& check) const {
      Words found;
      for (const auto& each : json.at("findings")) {
        if (each.at("check") != check) continue;
        found.push_back(each.at("level").get<std::string>() + ": " +
                        each.at("what").get<std::string>());
      }
      return found;
    }
  };

  [[nodiscard]] Answer examine(const Words& options = {}, const std::string& url = "") const {
    ProcessOptions process;
    if (!url.empty()) process.environment["WQ_REDIS"] = url;
    Process doctor = ctl_process(Words{"doctor", "q", "--json"} + options, std::move(process));
    const int code = doctor.wait();
    return {code, nlohmann::json::parse(doctor.out(), nullptr, false), doctor.err()};
  }

  // A user with these rights besides that to connect, and the URL to log in.
  std::string user(const std::string& name, const Words& rules) {
    std::vector<std::string_view> words{"ACL", "SETUSER", name, "reset", "on", ">secret"};
    words.insert(words.end(), rules.begin(), rules.end());
    internal::CommandBuffer out;
    out.begin(words.size());
    for (const std::string_view word : words) out.arg(word);
    redis_.connection().call(out);
    return "unix://" + name + ":secret@" + server_.socket_path();
  }

  // What doctor says a role needs.
  static Words needed(Role role) {
    Words rules{"~q", "~q:*", "~wq:queues", "+@connection"};
    for (const auto& command : internal::commands_needed(role, internal::Keys("q"))) {
      rules.push_back("+" + (command.front() == "SCRIPT" ? "script" : command.front()));
    }
    return rules;
  }
};

class WellKept : public Doctor {
 protected:
  WellKept() : Doctor({"appendonly yes", "maxmemory 1gb"}) {}
};

TEST_F(WellKept, IsFineAndNothingIsWritten) {
  const Words before = everything();
  const Answer answer = examine({"--strict"});
  EXPECT_EQ(answer.code, 0) << answer.json;
  EXPECT_EQ(answer.json.at("level"), "ok");
  EXPECT_EQ(everything(), before);
  EXPECT_THAT(ctl({"doctor", "q"}), HasSubstr("all is well: 0 errors, 0 warnings\n"));
  EXPECT_EQ(redis_.list({"ACL", "LOG"}).size(), 0U);
}

TEST_F(WellKept, HasRoomForSoManyWorkersOnly) {
  redis_.call({"CONFIG", "SET", "maxclients", "100"});
  EXPECT_EQ(examine({"--workers", "45"}).code, 0);
  const Answer answer = examine({"--workers", "50"});
  EXPECT_EQ(answer.code, 2);
  EXPECT_THAT(answer.of("clients"), Contains(HasSubstr("50 more workers take 101")));
}

TEST_F(Doctor, WarningsCountWithStrictOnly) {
  const Answer answer = examine();
  EXPECT_EQ(answer.code, 0);
  EXPECT_EQ(answer.json.at("level"), "warning");
  EXPECT_THAT(answer.of("persistence"), Words{"warning: nothing is kept on disk"});
  EXPECT_EQ(examine({"--strict"}).code, 1);
}

class Renamed : public Doctor {
 protected:
  Renamed() : Doctor({"rename-command LTRIM \"\"", "rename-command UNLINK gone"}) {}
};

TEST_F(Renamed, CommandsAreMissingForEverybody) {
  EXPECT_THAT(examine().of("rights"),
              ::testing::ElementsAre(
                  "error: the server does not know commands of workers: ltrim",
                  "ok: 'default' may do what producers do", "ok: 'default' may do what viewers do",
                  "error: the server does not know commands of admins: ltrim unlink"));
}

class Cache : public Doctor {
 protected:
  Cache() : Doctor({"maxmemory 100mb", "maxmemory-policy allkeys-lru"}) {}
};

TEST_F(Cache, IsRefused) {
  const Answer answer = examine();
  EXPECT_EQ(answer.code, 2);
  EXPECT_THAT(answer.of("eviction"), Words{"error: the policy is allkeys-lru"});
}

TEST_F(Doctor, SeesAFullRedis) {
  redis_.call({"CONFIG", "SET", "maxmemory", "1"});
  EXPECT_THAT(examine().of("memory"), Contains(HasSubstr("warning: ")));
  EXPECT_THAT(examine().of("rights"), Contains("ok: 'default' may do what workers do"));
}

TEST_F(Doctor, SeesThatItemsReachWorkersTooLate) {
  EXPECT_THAT(examine().of("arrival"), IsEmpty());
  redis_.call({"HSET", key(Key::stats), "leased", "40", "returned", "10"});
  EXPECT_THAT(examine().of("arrival"), ElementsAre("ok: items reach workers in time"));
  redis_.call({"HSET", key(Key::stats), "returned", "11"});
  EXPECT_THAT(examine().of("arrival"),
              ElementsAre("warning: 11 of 40 popped items arrived too late to be leased"));
}

TEST_F(Doctor, RefusesAReplica) {
  const RedisServer replica;
  RedisClient other(replica.options());
  other.call({"REPLICAOF", "127.0.0.1", "1"});
  const Answer answer = examine({}, replica.url());
  EXPECT_EQ(answer.code, 2);
  EXPECT_THAT(answer.of("role"), Words{"error: a replica of 127.0.0.1:1"});
  EXPECT_THAT(answer.of("rights"), Contains("ok: 'default' may do what workers do"));
}

TEST_F(Doctor, NamesKeysOfOthers) {
  redis_.call({"SET", "q:dead", "x"});
  const Answer answer = examine();
  EXPECT_EQ(answer.code, 2);
  EXPECT_THAT(answer.of("keys"),
              Words{"error: the key 'q:dead' is a string and not the zset of a queue"});
  redis_.call({"DEL", "q:dead"});
}

TEST_F(Doctor, TellsWhatAUserMayNotDo) {
  Words rules = needed(Role::worker);
  rules.insert(rules.end(), {"+multi", "+info", "-ltrim", "-script"});
  const Answer answer = examine({"--role", "worker"}, user("bob", rules));
  EXPECT_EQ(answer.code, 2) << answer.json;
  EXPECT_THAT(answer.of("rights"),
              Words{"error: 'bob' may not do what workers do: ltrim script|load"});
}

TEST_F(Doctor, TellsWhichKeysAUserMayNotTouch) {
  Words rules = needed(Role::producer);
  rules[1] = "~q:s*";
  rules.erase(rules.begin() + 2);
  rules.emplace_back("+multi");
  const Answer answer = examine({"--role", "producer"}, user("bob", rules));
  EXPECT_THAT(answer.of("rights"), Words{"error: 'bob' may not do what producers do: keys "
                                         "q:processing q:delayed q:producers q:replays "
                                         "q:replay:doctor"});
}

TEST_F(Doctor, WarnsOfAUserThatMayNotRegisterQueues) {
  Words rules = needed(Role::producer);
  rules.erase(rules.begin() + 2);
  rules.insert(rules.end(), {"+multi", "+exec"});
  const std::string url = user("bob", rules);
  const Answer answer = examine({"--role", "producer"}, url);
  EXPECT_THAT(answer.of("rights"),
              Words({"ok: 'bob' may do what producers do",
                     "warning: 'bob' may not use the key wq:queues as producers do"}));
  Process push = push_process({"q", "a"}, {{{"WQ_REDIS", url}}});
  EXPECT_EQ(push.wait(), 0) << push.err();
  EXPECT_THAT(push.err(), HasSubstr("queue 'q' could not be registered in wq:queues"));
  EXPECT_THAT(push.err(), HasSubstr("ACL SETUSER NAME ~wq:queues"));
}

class DoctorOfStages : public Doctor {
 protected:
  // One who may do all that a role does in q alone.
  std::string bob(Role role, const Words& more = {}) {
    return user("bob", needed(role) + Words{"+multi", "+info"} + more);
  }
  void record(const std::string& earlier, const std::string& queue = "q") {
    redis_.call({"HSET", queue + ":stats", "after:" + earlier, ""});
  }
  static Words errors_of(const Answer& answer) {
    Words errors;
    for (const std::string& each : answer.of("rights")) {
      if (each.starts_with("error")) errors.push_back(each);
    }
    return errors;
  }
  static Words advice_of(const Answer& answer) {
    Words advice;
    for (const auto& each : answer.json.at("findings")) {
      if (each.at("level") == "error") advice.push_back(each.at("advice"));
    }
    return advice;
  }
};

TEST_F(DoctorOfStages, TellsWhichKeysOfAStageBeforeTheQueueTheUserMayNotUse) {
  record("one");
  const Answer answer = examine({"--role", "worker"}, bob(Role::worker, {"~one", "~one:d*"}));
  EXPECT_EQ(answer.code, 2) << answer.json;
  EXPECT_THAT(errors_of(answer),
              ElementsAre("error: 'bob' may not use all keys of 'one', a stage before the queue: "
                          "one:processing one:producers one:paused one:stats"));
  EXPECT_THAT(advice_of(answer), ElementsAre("ACL SETUSER bob ~one ~one:*"));
}

TEST_F(DoctorOfStages, AsksItOfViewersTooAndOfNobodyElse) {
  record("one");
  EXPECT_EQ(examine({}, bob(Role::viewer)).code, 2);
  const Answer producer = examine({}, bob(Role::producer));
  EXPECT_EQ(producer.code, 0) << producer.json;
}

TEST_F(DoctorOfStages, LooksOnceAtEachStageBeforeAStageAlsoIfTheyComeAfterEachOther) {
  record("one");
  record("two", "one");
  record("q", "two");
  record("one", "two");
  record("zero", "two");
  const Answer answer =
      examine({"--role", "worker"}, bob(Role::worker, {"~one", "~one:*", "~two", "~two:*"}));
  EXPECT_THAT(advice_of(answer), ElementsAre("ACL SETUSER bob ~zero ~zero:*"));
  EXPECT_THAT(answer.of("rights"),
              ElementsAre("ok: 'bob' may do what workers do",
                          "ok: 'bob' may use the keys of 'one', a stage before the queue",
                          "ok: 'bob' may use the keys of 'two', a stage before the queue",
                          HasSubstr("may not use all keys of 'zero'")));
  redis_.call({"DEL", "one:stats", "two:stats"});
}

TEST_F(DoctorOfStages, LooksAtTheQueuesOfAWorkerThatHasNotBegun) {
  const Words options{"--role", "worker", "--after", "one", "--follow-ups-to", "two"};
  const Answer answer = examine(options, bob(Role::worker, {"~two", "~two:s*"}));
  EXPECT_EQ(answer.code, 2);
  EXPECT_THAT(errors_of(answer),
              ElementsAre(HasSubstr("of 'one', a stage before the queue: one one:processing"),
                          HasSubstr("of 'two', which gets follow-ups: two:fence two:processing")));
  EXPECT_THAT(advice_of(answer),
              ElementsAre("ACL SETUSER bob ~one ~one:*", "ACL SETUSER bob ~two ~two:*"));
}

TEST_F(DoctorOfStages, WhoHasTheRightsItWantsCanDoTheWork) {
  const Words options{"--after", "one", "--follow-ups-to", "two", "--wait-open", "1ms"};
  const auto work_as = [&](const std::string& url) {
    Process worker = this->worker(options, {"true"}, {{{"WQ_REDIS", url}}});
    return std::pair{worker.wait(), worker.err()};
  };
  push({"a"});
  const auto [refused, why] = work_as(bob(Role::worker));
  EXPECT_EQ(refused, 2);
  EXPECT_THAT(why, HasSubstr("NOPERM"));
  const auto [code, err] = work_as(bob(Role::worker, {"~one", "~one:*", "~two", "~two:*"}));
  EXPECT_EQ(code, 6) << err;  // "one" has not begun
  EXPECT_THAT(err, Not(HasSubstr("NOPERM")));
  EXPECT_EQ(counts().completed, 1U);
  redis_.call({"DEL", "two:stats"});
}

TEST_F(Doctor, TellsWhatOnlyWorkersOfSeveralQueuesNeed) {
  const Words without = needed(Role::worker) + Words{"+multi", "-client|id", "-client|unblock"};
  const Answer answer = examine({"--role", "worker"}, user("bob", without));
  EXPECT_EQ(answer.code, 0) << answer.json;
  EXPECT_THAT(answer.of("rights"),
              ElementsAre("ok: 'bob' may not wait for several queues at once: client|id "
                          "client|unblock",
                          "ok: 'bob' may do what workers do"));
  EXPECT_THAT(examine({"--role", "producer"}).of("rights"), testing::SizeIs(1));
}

TEST_F(Doctor, SaysWhatItMayNotSeeAndGoesOn) {
  const Answer answer = examine({}, user("bob", needed(Role::worker)));
  EXPECT_EQ(answer.code, 0) << answer.json;
  EXPECT_THAT(answer.of("server"), Words{"warning: unknown: info is refused"});
  EXPECT_THAT(answer.of("rights"), Contains(HasSubstr("MULTI is refused")));
  EXPECT_THAT(answer.of("latency"), Contains(HasSubstr("PING")));
}

TEST_F(Doctor, AUserWithTheRightsItWantsCanDoTheWork) {
  const std::string producer = user("producer", needed(Role::producer));
  const std::string worker = user("worker", needed(Role::worker));
  const std::string viewer = user("viewer", needed(Role::viewer));
  const auto as = [](const std::string& url) { return ProcessOptions{{{"WQ_REDIS", url}}}; };
  Process push = push_process(Words{"q", "--once"} + numbered("", 30), as(producer));
  EXPECT_EQ(push.wait(), 0) << push.err();
  // Some fail, some are released, all leave something behind.
  Process work = this->worker(
      {"--results", "--backoff", "1ms..1ms", "--release-delay", "1ms", "--halt", "0",
       "--max-attempts", "2", "--concurrency", "2"},
      {"sh", "-c", "case $1 in 1*) exit 1;; 2) exit 99;; esac; echo $1", "_", "{}"}, as(worker));
  ASSERT_TRUE(eventually([this] { return counts().released > 0; }));
  redis_.call({"SET", "q:paused", "1"});
  EXPECT_TRUE(eventually([this] { return counts().processing == 0; }));
  work.signal(SIGTERM);
  EXPECT_EQ(work.wait(), 143) << work.err();
  EXPECT_THAT(work.err(), Not(HasSubstr("NOPERM")));
  redis_.call({"DEL", "q:paused"});
  for (const Words& command :
       {Words{"status", "q"}, Words{"results", "q"}, Words{"workers", "q"}, Words{"metrics", "q"},
        Words{"ls", "q", "ready"}, Words{"ls", "q", "dead"}, Words{"inspect", "q", "1"}}) {
    Process look = ctl_process(command, as(viewer));
    EXPECT_EQ(look.wait(), 0) << command.front() << " " << look.err();
  }
}

TEST_F(Doctor, AnAdminWithTheRightsItWantsCanSteer) {
  conserves_ = false;
  push(numbered("", 30));
  EXPECT_EQ(work({"--max-attempts", "1", "--halt", "0", "--max-items", "10"}, {"false"}), 5);
  const ProcessOptions as{{{"WQ_REDIS", user("admin", needed(Role::admin))}}};
  redis_.call({"RPOPLPUSH", "q", "q:processing"});
  redis_.call({"HSET", "q:attempts", std::string(56, 'b'), "1"});
  for (const Words& command : {Words{"pause", "q"}, Words{"resume", "q"}, Words{"retry", "q", "0"},
                               Words{"retry", "q", "--match", "1"}, Words{"drop", "q", "2"},
                               Words{"drop", "q", "--all", "--from", "ready"},
                               Words{"verify", "q", "--repair"}, Words{"purge", "q", "--yes"}}) {
    Process ctl = ctl_process(command, as);
    EXPECT_EQ(ctl.wait(), 0) << command.front() << " " << ctl.err() << ctl.out();
  }
}

TEST_F(Doctor, RefusesARoleThatThereIsNot) {
  Process doctor = ctl_process({"doctor", "q", "--role", "owner"});
  EXPECT_EQ(doctor.wait(), 2);
  EXPECT_THAT(doctor.err(),
              HasSubstr("'owner' is invalid: must be one of worker|producer|viewer|admin"));
}

}  // namespace
}  // namespace wq::test
