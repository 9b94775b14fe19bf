#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <wq/doctor.h>

#include "doctor/needs.h"
#include "script/script.h"
#include "wqctl/view/listing.h"

namespace wq {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

// A server that nothing is wrong with.
ServerFacts healthy() {
  ServerFacts facts;
  facts.queue = "q";
  facts.user = "bob";
  facts.info = {{"redis_version", "7.0.15"},
                {"redis_mode", "standalone"},
                {"role", "master"},
                {"cluster_enabled", "0"},
                {"maxmemory_policy", "noeviction"},
                {"maxmemory", "1000000000"},
                {"used_memory", "1000000"},
                {"total_system_memory", "8000000000"},
                {"evicted_keys", "0"},
                {"aof_enabled", "1"},
                {"aof_last_write_status", "ok"},
                {"rdb_last_bgsave_status", "ok"},
                {"connected_slaves", "0"},
                {"connected_clients", "10"},
                {"maxclients", "10000"}};
  facts.config = {{"appendfsync", "everysec"},
                  {"save", "3600 1 300 100"},
                  {"stop-writes-on-bgsave-error", "yes"},
                  {"maxclients", "10000"}};
  facts.rights = {{Role::worker, {}}, {Role::producer, {}}, {Role::viewer, {}}, {Role::admin, {}}};
  facts.round_trips.assign(50, microseconds{200});
  facts.clock_ahead = milliseconds{3};
  facts.write_tried = true;
  facts.replay_refused.emplace();
  return facts;
}

ServerFacts with(const std::string& field, const std::string& value) {
  ServerFacts facts = healthy();
  facts.info[field] = value;
  return facts;
}

ServerFacts with_setting(const std::string& name, const std::string& value) {
  ServerFacts facts = healthy();
  facts.config[name] = value;
  return facts;
}

// The worst finding of one check.
Finding found(const ServerFacts& facts, const std::string& check,
              const DoctorOptions& options = {}) {
  Finding worst_one;
  worst_one.what = "no finding for " + check;
  for (const Finding& each : diagnose(facts, options)) {
    if (each.check == check && (each.level >= worst_one.level)) worst_one = each;
  }
  return worst_one;
}

FindingLevel level(const ServerFacts& facts, const std::string& check,
                   const DoctorOptions& options = {}) {
  return found(facts, check, options).level;
}

TEST(Doctor, HasNothingAgainstAServerThatIsSetUpWell) {
  const auto findings = diagnose(healthy());
  EXPECT_EQ(worst(findings), FindingLevel::ok);
  std::set<std::string> checks;
  for (const Finding& each : findings) checks.insert(each.check);
  EXPECT_THAT(checks, ::testing::UnorderedElementsAre("version", "role", "eviction", "memory",
                                                      "persistence", "replay", "replication",
                                                      "torn-aof", "clients", "latency", "clock",
                                                      "connection", "keys", "rights", "writes"));
}

TEST(Doctor, TellsOfItemsThatReachWorkersTooLate) {
  ServerFacts facts = healthy();
  facts.leased = 2'000;
  for (const std::uint64_t few : {0U, 10U, 20U}) {
    facts.returned = few;
    EXPECT_EQ(level(facts, "arrival"), FindingLevel::ok) << few;
  }
  facts.returned = 21;
  EXPECT_EQ(level(facts, "arrival"), FindingLevel::warning);
  EXPECT_EQ(found(facts, "arrival").what, "21 of 2000 popped items arrived too late to be leased");
  facts.leased = 11;
  facts.returned = 10;
  EXPECT_EQ(level(facts, "arrival"), FindingLevel::ok) << "workers that died may have left these";
}

TEST(Doctor, SaysWhyAndWhatToDoAboutWhateverIsNotWell) {
  ServerFacts facts;
  facts.queue = "q";
  facts.info = {{"redis_version", "5.0.1"}, {"role", "slave"},
                {"cluster_enabled", "1"},   {"maxmemory_policy", "allkeys-lru"},
                {"maxmemory", "100"},       {"used_memory", "100"},
                {"aof_enabled", "0"},       {"connected_clients", "10"},
                {"maxclients", "10"}};
  facts.rights[Role::worker].commands = {"get"};
  facts.in_the_way = {{"q", "hash", "list"}};
  facts.round_trips = {seconds{1}};
  facts.clock_ahead = seconds{100};
  facts.write_tried = true;
  facts.write_refused = "ERR no writes today";
  for (const Finding& each : diagnose(facts)) {
    if (each.level == FindingLevel::ok) continue;
    EXPECT_THAT(each.why, Not(IsEmpty())) << each.what;
    EXPECT_THAT(each.advice, Not(IsEmpty())) << each.what;
  }
}

TEST(Doctor, RefusesAVersionThatIsTooOld) {
  for (const char* version : {"6.0.16", "5.0.7", "6.1", "2.8.4"}) {
    EXPECT_EQ(level(with("redis_version", version), "version"), FindingLevel::error) << version;
  }
  for (const char* version : {"6.2.0", "7.2.4", "8.0.1", "10.1"}) {
    EXPECT_EQ(level(with("redis_version", version), "version"), FindingLevel::ok) << version;
  }
  EXPECT_EQ(level(with("redis_version", "unstable"), "version"), FindingLevel::warning);
}

TEST(Doctor, RefusesAnActiveReplicaAsKeyDbHasThem) {
  for (const ServerFacts& facts :
       {with("role", "active-replica"), with_setting("active-replica", "yes")}) {
    EXPECT_EQ(found(facts, "role").level, FindingLevel::error);
    EXPECT_THAT(found(facts, "role").what, HasSubstr("active replica"));
  }
  EXPECT_EQ(found(with_setting("active-replica", "no"), "role").level, FindingLevel::ok);
}

TEST(Doctor, RefusesAReplicaAndASentinel) {
  ServerFacts replica = with("role", "slave");
  replica.info["master_host"] = "10.0.0.1";
  replica.info["master_port"] = "6379";
  EXPECT_EQ(found(replica, "role").level, FindingLevel::error);
  EXPECT_THAT(found(replica, "role").what, HasSubstr("10.0.0.1:6379"));
  EXPECT_THAT(found(replica, "role").why, HasSubstr("until their patience ends"));
  replica.info["cluster_enabled"] = "1";
  EXPECT_EQ(found(replica, "role").level, FindingLevel::ok)
      << "it names the node that has the queue";
}

TEST(Doctor, LooksAtNothingElseOfASentinelAndNamesItsMasters) {
  ServerFacts facts;
  facts.queue = "q";
  facts.info = {{"redis_version", "7.0.15"},
                {"redis_mode", "sentinel"},
                {"master0", "name=shop,status=ok,address=10.0.0.1:6379,slaves=1,sentinels=3"},
                {"master1", "name=bar,status=ok,address=10.0.0.2:6379,slaves=1,sentinels=3"}};
  const auto findings = diagnose(facts);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings.front().level, FindingLevel::error);
  EXPECT_EQ(findings.front().check, "role");
  EXPECT_EQ(findings.front().what, "this is a Sentinel");
  EXPECT_THAT(findings.front().advice,
              HasSubstr("redis://10.0.0.1:6379 (shop), redis://10.0.0.2:6379 (bar)"));
}

TEST(Doctor, WantsAHashTagOnACluster) {
  ServerFacts cluster = with("cluster_enabled", "1");
  EXPECT_THAT(found(cluster, "cluster").advice, HasSubstr("'{q}'"));
  cluster.queue = "{}q";
  EXPECT_EQ(level(cluster, "cluster"), FindingLevel::error);
  cluster.queue = "{q}";
  EXPECT_EQ(level(cluster, "cluster"), FindingLevel::ok);
  cluster.server = "10.0.0.2:6379";
  EXPECT_THAT(found(cluster, "cluster").what, HasSubstr("10.0.0.2:6379 has the queue"));
  cluster.keys_refused = "CLUSTERDOWN Hash slot not served";
  EXPECT_THAT(found(cluster, "cluster").what, HasSubstr("CLUSTERDOWN Hash slot not served"));
  EXPECT_EQ(level(cluster, "cluster"), FindingLevel::error);
}

TEST(Doctor, RefusesAServerThatRefusesWritesInItsOwnWords) {
  ServerFacts facts = healthy();
  facts.write_refused = "NOREPLICAS Not enough good replicas to write.";
  EXPECT_EQ(found(facts, "writes").level, FindingLevel::error);
  EXPECT_EQ(found(facts, "writes").what,
            "Redis refuses writes: NOREPLICAS Not enough good replicas to write.");
  EXPECT_THAT(found(facts, "writes").advice, HasSubstr("min-replicas-to-write"));
  facts.write_refused = "QUOTA this tenant writes no more today";
  EXPECT_EQ(found(facts, "writes").level, FindingLevel::error);
  EXPECT_THAT(found(facts, "writes").what, HasSubstr("QUOTA this tenant writes no more today"));
  EXPECT_EQ(found(facts, "writes").advice, "Look at its log and its settings.");
  facts.write_tried = false;
  EXPECT_THAT(found(facts, "writes").what, HasSubstr("no finding"));
}

TEST(Doctor, LetsWorkersDrainAServerThatIsFull) {
  ServerFacts facts = healthy();
  facts.write_refused = "OOM command not allowed when used memory > 'maxmemory'.";
  EXPECT_EQ(level(facts, "writes"), FindingLevel::error);
  facts.rights = {{Role::worker, {}}};
  EXPECT_EQ(level(facts, "writes"), FindingLevel::warning);
}

TEST(Doctor, RefusesAnAppendOnlyFileThatARestartCannotRead) {
  ServerFacts facts = healthy();
  facts.replay_refused = {{"del", "hset"}};
  EXPECT_EQ(level(facts, "replay"), FindingLevel::error);
  EXPECT_THAT(found(facts, "replay").what, HasSubstr("may not run del hset"));
  EXPECT_THAT(found(facts, "replay").advice, HasSubstr("ACL SETUSER default off resetpass"));
  facts.replay_refused.reset();
  EXPECT_EQ(level(facts, "replay"), FindingLevel::warning);
  EXPECT_THAT(found(facts, "replay").advice, HasSubstr("ACL SETUSER bob +acl|dryrun"));
  facts.info["aof_enabled"] = "0";
  EXPECT_THAT(found(facts, "replay").what, HasSubstr("no finding"));
}

TEST(Doctor, AsksNoOtherRoleOfAUserWhoHasOne) {
  ServerFacts facts = healthy();
  facts.rights[Role::worker] = {.commands = {"get", "set", "del", "hset"}};
  facts.rights[Role::producer] = {.commands = {"zadd"}};
  EXPECT_EQ(level(facts, "rights"), FindingLevel::ok);
  const auto findings = diagnose(facts);
  const auto says = [&findings](const std::string& what) {
    return std::any_of(findings.begin(), findings.end(),
                       [&](const Finding& each) { return each.what == what; });
  };
  EXPECT_TRUE(says("'bob' may do what viewers do"));
  EXPECT_TRUE(says("'bob' may not do what workers do: 4 rights are missing"));
  EXPECT_TRUE(says("'bob' may not do what producers do: zadd"));
  DoctorOptions asked;
  asked.roles = {Role::worker, Role::viewer};
  EXPECT_EQ(level(facts, "rights", asked), FindingLevel::error);
}

TEST(Doctor, LooksAtWhatDurableProgramsNeed) {
  DoctorOptions plan;
  plan.durable = 1;
  ServerFacts facts = healthy();
  facts.info.erase("slave0");
  EXPECT_EQ(level(facts, "durable", plan), FindingLevel::error);
  facts.info["slave0"] = "ip=10.0.0.2,port=6379,state=wait_bgsave,offset=0,lag=0";
  EXPECT_EQ(found(facts, "durable", plan).what, "0 of the 1 replicas of --durable are connected");
  facts.info["slave0"] = "ip=10.0.0.2,port=6379,state=online,offset=1,lag=0";
  facts.info["aof_enabled"] = "1";
  EXPECT_EQ(level(facts, "durable", plan), FindingLevel::ok);
  EXPECT_THAT(found(facts, "durable", plan).why, HasSubstr("does not know WAITAOF"));
  facts.knows_waitaof = true;
  EXPECT_THAT(found(facts, "durable", plan).why, HasSubstr("on the disk"));
  facts.durable_refused = {"wait", "waitaof"};
  EXPECT_EQ(level(facts, "durable", plan), FindingLevel::error);
  EXPECT_THAT(found(facts, "durable", plan).advice, HasSubstr("+wait +waitaof"));
}

TEST(Doctor, AsksAllRolesOfAUserWhoHasNone) {
  ServerFacts facts = healthy();
  for (auto& [role, missing] : facts.rights) missing.commands = {"evalsha"};
  EXPECT_EQ(level(facts, "rights"), FindingLevel::error);
}

TEST(Doctor, RefusesEvictionOnceMemoryIsLimited) {
  for (const char* policy : {"allkeys-lru", "allkeys-random", "volatile-lru", "volatile-ttl"}) {
    ServerFacts facts = with("maxmemory_policy", policy);
    EXPECT_EQ(level(facts, "eviction"), FindingLevel::error) << policy;
    facts.info["maxmemory"] = "0";
    EXPECT_EQ(level(facts, "eviction"), FindingLevel::warning) << policy;
  }
  EXPECT_THAT(found(with("maxmemory_policy", "volatile-lru"), "eviction").why, HasSubstr("leases"));
  EXPECT_THAT(found(with("evicted_keys", "7"), "eviction").what, HasSubstr("7 keys"));
}

TEST(Doctor, WarnsWhenMemoryRunsShort) {
  EXPECT_EQ(level(with("used_memory", "799000000"), "memory"), FindingLevel::ok);
  EXPECT_EQ(level(with("used_memory", "800000000"), "memory"), FindingLevel::warning);
  EXPECT_EQ(level(with("used_memory", "1100000000"), "memory"), FindingLevel::warning);
  ServerFacts unlimited = with("maxmemory", "0");
  EXPECT_EQ(level(unlimited, "memory"), FindingLevel::ok);
  unlimited.info["used_memory"] = "4000000000";
  EXPECT_EQ(level(unlimited, "memory"), FindingLevel::warning);
}

TEST(Doctor, SaysWhatACrashCosts) {
  EXPECT_THAT(found(healthy(), "persistence").why, HasSubstr("up to 2 s"));
  ServerFacts facts = healthy();
  facts.config["appendfsync"] = "always";
  EXPECT_THAT(found(facts, "persistence").why, HasSubstr("loses nothing"));
  facts.config["appendfsync"] = "no";
  EXPECT_EQ(level(facts, "persistence"), FindingLevel::warning);
  facts.info["aof_enabled"] = "0";
  EXPECT_THAT(found(facts, "persistence").why, HasSubstr("up to 60 min"));
  EXPECT_EQ(level(facts, "persistence"), FindingLevel::warning);
  facts.config["save"] = "";
  EXPECT_THAT(found(facts, "persistence").why, HasSubstr("whole queue"));
}

TEST(Doctor, SaysWhatAKillLeavesInTheAofAndWhoIsSafe) {
  EXPECT_EQ(level(healthy(), "torn-aof"), FindingLevel::ok);
  EXPECT_THAT(found(healthy(), "torn-aof").what, HasSubstr("BGREWRITEAOF"));
  ServerFacts facts = healthy();
  facts.rights[Role::producer].optional = {"bgrewriteaof"};
  EXPECT_EQ(level(facts, "torn-aof"), FindingLevel::warning);
  EXPECT_EQ(level(facts, "rights"), FindingLevel::ok);
  EXPECT_THAT(found(facts, "torn-aof").what, HasSubstr("as a producer"));
  EXPECT_THAT(found(facts, "torn-aof").advice, HasSubstr("ACL SETUSER bob +bgrewriteaof"));
  EXPECT_THAT(found(facts, "torn-aof").advice, HasSubstr("redis-check-aof --fix"));
  facts.config["aof-load-truncated"] = "no";
  EXPECT_EQ(level(facts, "torn-aof"), FindingLevel::ok);
  facts.config.erase("aof-load-truncated");
  facts.info["server_name"] = "valkey";
  facts.info["valkey_version"] = "8.1.9";
  EXPECT_EQ(level(facts, "torn-aof"), FindingLevel::warning);
  facts.info["valkey_version"] = "8.1.10";
  EXPECT_EQ(level(facts, "torn-aof"), FindingLevel::ok);
  facts.info["aof_enabled"] = "0";
  EXPECT_EQ(found(facts, "torn-aof").what, "no finding for torn-aof");
}

TEST(Doctor, RefusesAServerThatCannotWriteToItsDisk) {
  EXPECT_EQ(level(with("aof_last_write_status", "err"), "persistence"), FindingLevel::error);
  ServerFacts facts = with("rdb_last_bgsave_status", "err");
  EXPECT_EQ(level(facts, "persistence"), FindingLevel::error);
  facts.config["stop-writes-on-bgsave-error"] = "no";
  EXPECT_EQ(level(facts, "persistence"), FindingLevel::ok);
}

TEST(Doctor, WarnsOfReplicasThatLagOrAreAway) {
  ServerFacts facts = with("connected_slaves", "1");
  facts.info["slave0"] = "ip=10.0.0.2,port=6379,state=online,offset=1,lag=1";
  EXPECT_EQ(level(facts, "replication"), FindingLevel::ok);
  EXPECT_THAT(found(facts, "replication").why, HasSubstr("failover"));
  facts.info["slave0"] = "ip=10.0.0.2,port=6379,state=online,offset=1,lag=10";
  EXPECT_EQ(level(facts, "replication"), FindingLevel::warning);
  facts.info["slave0"] = "ip=10.0.0.2,port=6379,state=wait_bgsave,offset=0,lag=0";
  EXPECT_EQ(level(facts, "replication"), FindingLevel::warning);
}

TEST(Doctor, CountsTheConnectionsOfPlannedWorkers) {
  DoctorOptions plan;
  plan.workers = 4'994;
  EXPECT_EQ(level(healthy(), "clients", plan), FindingLevel::ok);
  plan.workers = 4'995;
  EXPECT_EQ(level(healthy(), "clients", plan), FindingLevel::error);
  EXPECT_EQ(level(with("connected_clients", "9500"), "clients"), FindingLevel::warning);
  EXPECT_EQ(level(with("connected_clients", "10001"), "clients"), FindingLevel::warning);
}

TEST(Doctor, WarnsOfASlowServer) {
  ServerFacts facts = healthy();
  facts.round_trips.assign(50, milliseconds{10});
  EXPECT_EQ(level(facts, "latency"), FindingLevel::warning);
  facts.round_trips.assign(49, milliseconds{1});
  facts.round_trips.push_back(milliseconds{1'300});
  EXPECT_EQ(level(facts, "latency"), FindingLevel::warning);
  EXPECT_THAT(found(facts, "latency").what, HasSubstr("takes 1.0 ms, at worst 1.3 s of 50"));
}

TEST(Doctor, WarnsOfAClockThatIsOffEitherWay) {
  ServerFacts facts = healthy();
  facts.clock_ahead = seconds{5};
  EXPECT_THAT(found(facts, "clock").what, HasSubstr("5.0 s ahead of"));
  facts.clock_ahead = -seconds{5};
  EXPECT_THAT(found(facts, "clock").what, HasSubstr("5.0 s behind"));
  EXPECT_EQ(level(facts, "clock"), FindingLevel::warning);
}

TEST(Doctor, NamesEachKeyInTheWay) {
  ServerFacts facts = healthy();
  facts.in_the_way = {{"q:dead", "hash", "zset"}};
  EXPECT_EQ(found(facts, "keys").level, FindingLevel::error);
  EXPECT_EQ(found(facts, "keys").what, "the key 'q:dead' is a hash and not the zset of a queue");
}

TEST(Doctor, GivesTheRuleThatGrantsWhatIsMissing) {
  ServerFacts facts = healthy();
  facts.rights = {{Role::producer, {.commands = {"zadd", "script|load"}, .keys = {"q:seen"}}}};
  EXPECT_EQ(found(facts, "rights").level, FindingLevel::error);
  EXPECT_EQ(found(facts, "rights").what,
            "'bob' may not do what producers do: zadd script|load; keys q:seen");
  EXPECT_EQ(found(facts, "rights").advice, "ACL SETUSER bob +zadd +script|load ~q ~q:*");
  facts.rights = {{Role::viewer, {.commands = {"evalsha"}}}};
  EXPECT_EQ(found(facts, "rights").advice, "ACL SETUSER bob +evalsha ~q ~q:*");
  facts.rights = {{Role::worker, {.unknown = true}}};
  EXPECT_EQ(level(facts, "rights"), FindingLevel::warning);
}

TEST(Doctor, WarnsOfAUserThatMayNotRegisterAQueue) {
  ServerFacts facts = healthy();
  facts.rights = {{Role::producer, {.registry = true}}};
  const auto findings = diagnose(facts);
  const auto warning = std::find_if(findings.begin(), findings.end(), [](const Finding& each) {
    return each.check == "rights" && each.level == FindingLevel::warning;
  });
  ASSERT_NE(warning, findings.end());
  EXPECT_EQ(warning->what, "'bob' may not use the key wq:queues as producers do");
  EXPECT_EQ(warning->advice, "ACL SETUSER bob ~wq:queues");
  facts.rights = {{Role::producer, {.commands = {"zadd"}, .registry = true}}};
  EXPECT_EQ(found(facts, "rights").level, FindingLevel::error);  // that comes first
}

TEST(Doctor, AsksForKeysOfOtherQueuesOnlyWhereARoleUsesThem) {
  ServerFacts facts = healthy();
  facts.rights = {{Role::worker, {}}};
  facts.other_queues = {{.queue = "one", .keys = {"one"}}};
  EXPECT_EQ(level(facts, "rights"), FindingLevel::error);
  facts.rights = {{Role::viewer, {}}};
  EXPECT_EQ(level(facts, "rights"), FindingLevel::error);
  facts.other_queues[0].gets_follow_ups = true;
  EXPECT_EQ(level(facts, "rights"), FindingLevel::ok) << "only workers push follow-ups";
  facts.rights = {{Role::worker, {.commands = {"get"}}}, {Role::producer, {}}};
  EXPECT_EQ(level(facts, "rights"), FindingLevel::ok) << "this is no worker";
  DoctorOptions asked;
  asked.roles = {Role::worker};
  facts.rights = {{Role::worker, {.commands = {"get"}}}};
  const auto findings = diagnose(facts, asked);
  EXPECT_EQ(std::count_if(findings.begin(), findings.end(),
                          [](const Finding& each) { return each.level == FindingLevel::error; }),
            2);
}

TEST(Doctor, GrantsNoMoreThanTheKeysOfAQueueWhateverItsName) {
  ServerFacts facts = healthy();
  facts.other_queues = {{.queue = "{a}-1", .keys = {"x"}}};
  EXPECT_EQ(found(facts, "rights").advice, "ACL SETUSER bob ~{a}-1 ~{a}-1:*");
  facts.other_queues[0].queue = "a +@all*";
  EXPECT_EQ(found(facts, "rights").advice,
            R"(ACL SETUSER bob "~a\x20+@all\x5c\x2a" "~a\x20+@all\x5c\x2a:*")");
}

TEST(Doctor, DoesNotAdviseToGrantWhatTheServerDoesNotKnow) {
  ServerFacts facts = healthy();
  facts.rights = {{Role::worker, {.absent = {"lpos"}}}};
  EXPECT_EQ(found(facts, "rights").level, FindingLevel::error);
  EXPECT_EQ(found(facts, "rights").what, "the server does not know commands of workers: lpos");
  EXPECT_THAT(found(facts, "rights").advice, HasSubstr("rename-command"));
}

TEST(Doctor, SaysWhatItCouldNotSee) {
  ServerFacts facts = healthy();
  facts.info.clear();
  EXPECT_EQ(found(facts, "server").advice, "ACL SETUSER bob +info, or run doctor as another user.");
  EXPECT_EQ(worst(diagnose(facts)), FindingLevel::warning);
  facts = healthy();
  facts.config.clear();
  EXPECT_THAT(found(facts, "persistence").what, HasSubstr("CONFIG GET is refused"));
  facts.info["aof_enabled"] = "0";
  EXPECT_THAT(found(facts, "persistence").what, HasSubstr("CONFIG GET is refused"));
  facts = healthy();
  facts.clock_ahead.reset();
  EXPECT_EQ(level(facts, "clock"), FindingLevel::warning);
  facts.info.erase("maxclients");
  EXPECT_THAT(found(facts, "clients").what, HasSubstr("INFO has no such field"));
}

TEST(Doctor, SaysThatTheNetworkCanListen) {
  ServerFacts facts = healthy();
  facts.over_network = true;
  facts.logs_in = true;
  EXPECT_THAT(found(facts, "connection").what, HasSubstr("not encrypted"));
  EXPECT_THAT(found(facts, "connection").advice, HasSubstr("rediss://"));
  facts.encrypted = true;
  EXPECT_THAT(found(facts, "connection").what, HasSubstr("network, encrypted"));
}

TEST(DoctorNeeds, HaveALineForEveryCommandOfEveryScript) {
  const internal::Keys keys("q");
  std::set<std::string> commands;
  for (const Role role : {Role::worker, Role::producer, Role::viewer, Role::admin}) {
    for (const auto& command : internal::commands_needed(role, keys)) {
      commands.insert(command.front());
    }
    EXPECT_THAT(internal::keys_needed(role, keys), Contains("q:stats"));
  }
  EXPECT_THAT(commands, AllOf(Contains("LPOS"), Contains("SMISMEMBER"), Contains("XRANGE"),
                              Contains("BRPOPLPUSH")));
}

TEST(DoctorNeeds, KnowWhatStandsInAnAppendOnlyFile) {
  std::set<std::string> commands;
  for (const auto& command : internal::commands_replayed(internal::Keys("q"))) {
    commands.insert(command.front());
  }
  EXPECT_THAT(commands, AllOf(Contains("LTRIM"), Contains("XADD"), Contains("SADD"),
                              Not(Contains("GET")), Not(Contains("EVALSHA"))));
}

TEST(FindingsText, ShowsReasonsBelowWhatNeedsThem) {
  const std::vector<Finding> findings{
      {FindingLevel::ok, "version", "Redis 7.0.15", "", ""},
      {FindingLevel::error, "role", "a replica", "No writes.", "Use the master."}};
  EXPECT_EQ(ctl::findings_text(findings),
            "ok      version      Redis 7.0.15\n"
            "error   role         a replica\n"
            "                     No writes.\n"
            "                     Use the master.\n"
            "do not start: 1 error, 0 warnings\n");
  EXPECT_THAT(ctl::findings_text({}), HasSubstr("all is well"));
}

TEST(FindingsText, KeepsALineALineWhateverAKeyIsCalled) {
  const std::vector<Finding> findings{{FindingLevel::ok, "keys", "a\nb\x1b[1m", "", ""}};
  EXPECT_THAT(ctl::findings_text(findings), HasSubstr("a\\nb\\x1b[1m\n"));
}

TEST(FindingsJson, IsOneObject) {
  const std::vector<Finding> findings{{FindingLevel::warning, "memory", "full", "why", "do"}};
  const auto json = nlohmann::json::parse(ctl::findings_json("\xff", findings));
  EXPECT_EQ(json["queue_base64"], "/w==");
  EXPECT_EQ(json["level"], "warning");
  EXPECT_EQ(json["findings"][0]["check"], "memory");
  EXPECT_EQ(json["findings"][0]["advice"], "do");
}

}  // namespace
}  // namespace wq
