#include <cstdint>

#include "e2e/programs.h"
#include "support/aof.h"
#include "support/tls_redis.h"

// Redis that is away, comes late, refuses, or is not what it should be.
namespace wq::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Far less than the patience, which is a quarter of an hour.
constexpr std::chrono::seconds kPromptly{20};

const Words kPrint{"printf", "%s", "{}"};

std::string same(const std::string& item) { return item; }

class OnRedis : public ProgramTest {
 protected:
  explicit OnRedis(std::vector<std::string> config = {}) : ProgramTest(std::move(config)) {}

  void reconnect() { redis_ = RedisClient(options()); }

  // It ends at once with 2 and one line that says why.
  static void expect_refused(Process process, const std::string& why) {
    EXPECT_EQ(process.wait(), 2) << process.err();
    EXPECT_LT(process.run_time(), kPromptly);
    EXPECT_THAT(process.err(), HasSubstr(why));
  }

  void expect_all_refused(const std::string& why, const ProcessOptions& process = {}) {
    expect_refused(worker({}, {"true"}, process), why);
    expect_refused(push_process({"q", "a"}, process), why);
    expect_refused(ctl_process({"status", "q"}, process), why);
  }
};

TEST_F(OnRedis, ThatStartsAfterThemWorkersAndProducersBegin) {
  server_.stop();
  Process first = worker({"--results"}, kPrint);
  Process second = worker({"--results"}, kPrint);
  Process producer = push_process(Words{"q"} + numbered("", 20));
  for (Process* each : {&first, &second, &producer}) each->wait_for_err("retrying for");
  server_.start();
  reconnect();
  EXPECT_EQ(producer.wait(), 0) << producer.err();
  EXPECT_EQ(first.wait(), 0) << first.err();
  EXPECT_EQ(second.wait(), 0) << second.err();
  EXPECT_THAT(first.err(), HasSubstr("Redis is reachable again"));
  EXPECT_EQ(results(), exactly_once(numbered("", 20), same));
}

TEST_F(OnRedis, ThatIsFullAQueueDrains) {
  push(numbered(std::string(1'000, 'x'), 500));
  const std::string used = word_after(redis_.text({"INFO", "memory"}).value(), "used_memory:");
  redis_.call({"CONFIG", "SET", "maxmemory", std::to_string(std::stoll(used) / 2)});
  ASSERT_TRUE(redis_.raw({"SET", "x", "y"}).has_error("OOM"));
  EXPECT_EQ(work({"--concurrency", "4"}, {"true"}), 0);
  EXPECT_EQ(counts().completed, 500U);
  EXPECT_EQ(counts().crashed, 0U);
}

TEST_F(OnRedis, ThatHangsForLongerThanALeaseTheItemIsStoppedAndTriedAgain) {
  push({"a"});
  // Hangs the first time.
  Process worker = this->worker(
      {"--results", "--lease", "2s"},
      {"sh", "-c",
       R"(mkdir "$1" || { echo again; exit; }; echo "running: $$ ." >&2; exec sleep 1000)", "_",
       path("begun")});
  worker.wait_for_err("running: ");
  const pid_t child = pid_after(worker.err(), "running: ");
  server_.freeze();
  // By its own clock the worker knows that the item is not its own any more.
  worker.wait_for_err("leases were lost");
  EXPECT_TRUE(eventually([&] { return !is_alive(child); }));
  server_.thaw();
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  EXPECT_EQ(results(), exactly_once({"a"}, [](const std::string&) { return "again\n"; }));
}

TEST_F(OnRedis, WithoutTlsIsRefusedWhereItIsAskedFor) {
  const std::string port = std::to_string(open_port(server_, "port"));
  const ProcessOptions process{.environment = {{"WQ_REDIS", "rediss://localhost:" + port}}};
  expect_refused(ctl_process({"status", "q"}, process), "does not speak TLS");
}

TEST_F(OnRedis, AtAnAddressThatIsNoneIsRefused) {
  expect_all_refused("write redis://", {.environment = {{"WQ_REDIS", "localhost"}}});
}

TEST_F(OnRedis, NeverShowsAPasswordOfTheAddress) {
  const ProcessOptions process{
      .environment = {{"WQ_REDIS", "unix://me:secret@" + server_.socket_path()}}};
  Process worker = this->worker({}, {"true"}, process);
  EXPECT_EQ(worker.wait(), 2);
  EXPECT_THAT(worker.err(), Not(HasSubstr("secret")));
}

TEST_F(OnRedis, WithAKeyOfAnotherTypeInTheWayEverythingIsRefusedAndNamesIt) {
  conserves_ = false;
  redis_.call({"SET", "q", "a string of somebody else"});
  expect_all_refused("the key 'q' has the wrong type: it is a string and the queue needs a list");
  expect_refused(ctl_process({"gc", "q"}), "the key 'q' has the wrong type");
  EXPECT_EQ(redis_.text({"GET", "q"}), "a string of somebody else");
  EXPECT_FALSE(redis_.exists(key(Key::fence)));
  EXPECT_FALSE(redis_.exists(key(Key::stats)));
}

TEST_F(OnRedis, WithAKeyOfAnotherTypeAmongOursEverythingIsRefusedAndNamesIt) {
  conserves_ = false;
  push({"a"});
  redis_.call({"SADD", "q:processing", "x"});
  expect_all_refused("the key 'q:processing' has the wrong type: it is a set");
  EXPECT_EQ(redis_.list({"LRANGE", "q", "0", "-1"}), Words{"a"});
}

TEST_F(OnRedis, ThatEvictsAPushIsRefusedUnlessItIsAllowed) {
  redis_.call({"CONFIG", "SET", "maxmemory-policy", "allkeys-lru"});
  expect_refused(push_process({"q", "a"}), "allkeys-lru");
  EXPECT_EQ(counts().ready, 0U);
  EXPECT_EQ(push_process({"q", "a", "--allow-eviction"}).wait(), 0);
  EXPECT_EQ(counts().ready, 1U);
}

TEST_F(OnRedis, ThatEvictsAWorkerWarnsOfIt) {
  push({"a"});
  redis_.call({"CONFIG", "SET", "maxmemory-policy", "volatile-ttl"});
  Process worker = this->worker({}, {"true"});
  EXPECT_EQ(worker.wait(), 0);
  EXPECT_THAT(worker.err(), HasSubstr("volatile-ttl"));
}

TEST_F(OnRedis, WithoutARightTheWorkerNamesIt) {
  push({"a"});
  const auto options_of = [this](const std::string& user) -> ProcessOptions {
    return {.environment = {{"WQ_REDIS", "unix://" + user + ":pw@" + server_.socket_path()}}};
  };
  redis_.call({"ACL", "SETUSER", "reader", "on", ">pw", "~*", "&*", "+@all", "-evalsha"});
  expect_refused(worker({}, {"true"}, options_of("reader")), "evalsha");
  expect_refused(push_process({"q", "a"}, options_of("reader")), "evalsha");
  redis_.call({"ACL", "SETUSER", "stranger", "on", ">pw", "~other:*", "&*", "+@all"});
  expect_refused(worker({}, {"true"}, options_of("stranger")), "NOPERM");
  expect_refused(push_process({"q", "a"}, options_of("stranger")), "NOPERM");
  // Within a script.
  redis_.call({"ACL", "SETUSER", "reader", "+evalsha", "-zcard"});
  expect_refused(worker({}, {"true"}, options_of("reader")), "'zcard'");
  expect_refused(push_process({"q", "a"}, options_of("reader")), "'zcard'");
  EXPECT_EQ(all(Key::ready), Words{"a"});
  EXPECT_EQ(counts().processing, 0U);
}

TEST_F(OnRedis, WithTheRightsOfAQueueAUserCanDrainIt) {
  redis_.call({"ACL", "SETUSER", "me", "on", ">pw", "~q", "~q:*", "+@all", "-@dangerous", "-@admin",
               "-info"});
  const ProcessOptions me{.environment = {{"WQ_REDIS", "unix://me:pw@" + server_.socket_path()}}};
  Process push = push_process({"q", "a", "b"}, me);
  EXPECT_EQ(push.wait(), 0) << push.err();
  Process worker = this->worker({"--results"}, kPrint, me);
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  EXPECT_EQ(results(), exactly_once({"a", "b"}, same));
}

TEST_F(OnRedis, OverTcpFoundAsTheServiceOfKubernetes) {
  // A port cannot be reserved for a process that is started later: try until one is free.
  const bool started = eventually([this] {
    const std::int64_t port = 20'000 + (::getpid() + redis_.time_ms()) % 40'000;
    return !redis_.raw({"CONFIG", "SET", "port", std::to_string(port)}).value().is_error();
  });
  ASSERT_TRUE(started);
  const std::string port = redis_.list({"CONFIG", "GET", "port"}).at(1);
  const ProcessOptions service{.environment = {{"WQ_REDIS", ""},
                                               {"REDIS_SERVICE_HOST", "127.0.0.1"},
                                               {"REDIS_SERVICE_PORT", port}}};
  Process push = push_process(Words{"q"} + numbered("", 20), service);
  EXPECT_EQ(push.wait(), 0) << push.err();
  Process worker = this->worker({"--results"}, kPrint, service);
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  EXPECT_THAT(worker.err(), HasSubstr("redis://127.0.0.1:" + port));
  EXPECT_EQ(results(), exactly_once(numbered("", 20), same));
}

class OnDurableRedis : public OnRedis {
 protected:
  OnDurableRedis() : OnRedis({"appendonly yes", "appendfsync always"}) {}

  // Behind what takes the items off processing, and in front of their results.
  static void cut_in_last_settlement(const std::filesystem::path& file) {
    const std::string text = content_of(file);
    std::size_t end = text.size();
    for (const std::string& each : transactions_in(file)) {
      const std::size_t result = each.find("XADD");
      const bool removes = each.find("LTRIM") < result || each.find("LREM") < result;
      if (result != std::string::npos && removes) end = text.rfind(each) + result;
    }
    std::filesystem::resize_file(file, end);
  }
};

TEST_F(OnDurableRedis, ThatIsKilledInTheMiddleOfADrainEachItemIsDoneExactlyOnce) {
  const Words items = numbered("", 300);
  push(items);
  const Words options{"--results", "--concurrency", "2"};
  Process first = worker(options, kPrint);
  Process second = worker(options, kPrint);
  for (const std::uint64_t done : {30U, 150U}) {
    ASSERT_TRUE(eventually([&] { return counts().completed >= done; }));
    server_.restart();
  }
  reconnect();
  EXPECT_EQ(first.wait(), 0) << first.err();
  EXPECT_EQ(second.wait(), 0) << second.err();
  EXPECT_EQ(results(), exactly_once(items, same));
  EXPECT_EQ(counts().completed, 300U);
  EXPECT_EQ(counts().crashed, 0U);
}

TEST_F(OnDurableRedis, ThatIsKilledWhileAProducerPushesEachItemIsInExactlyOnce) {
  const Words items = numbered("", 60'000);
  Process producer = push_process({"q"}, {.open_input = true});
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i == 20'000 || i == 40'000) server_.restart();
    producer.write(items[i] + "\n");
  }
  producer.close_input();
  EXPECT_EQ(producer.wait(), 0) << producer.err();
  reconnect();
  Words found = all(Key::ready);
  std::reverse(found.begin(), found.end());
  EXPECT_TRUE(found == items) << found.size() << " items";
  EXPECT_EQ(counts().pushed, items.size());
}

// The first kill leaves half a settlement in the AOF, see libwq/src/queue/torn_aof.h.
TEST_F(OnDurableRedis, ThatIsKilledInTheMiddleOfASettlementAndOnceMoreLosesNothing) {
  const Words items = numbered("", 20);
  push(items);
  EXPECT_EQ(work({"--results", "--lease", "1s", "--max-items", "10"}, kPrint), 5);
  server_.kill();
  const auto files = aof_files(server_.folder().path());
  ASSERT_EQ(files.size(), 1U);
  cut_in_last_settlement(files[0]);
  ASSERT_TRUE(is_torn(files[0]));
  server_.start_unmended();
  EXPECT_EQ(work({"--results", "--lease", "1s", "--max-items", "3"}, kPrint), 5);
  server_.kill();
  server_.start_unmended();
  reconnect();
  EXPECT_EQ(work({"--results", "--lease", "1s"}, kPrint), 0);
  EXPECT_EQ(results(), exactly_once(items, same));
}

class OnLockedRedis : public OnRedis {
 protected:
  OnLockedRedis()
      : OnRedis({"user default on nopass ~* &* +@all", "user me on >right ~* &* +@all"}) {}

  [[nodiscard]] ProcessOptions with(std::map<std::string, std::string> more) const {
    more.try_emplace("WQ_REDIS", "unix://me@" + server_.socket_path());
    return {.environment = std::move(more)};
  }
};

TEST_F(OnLockedRedis, AWrongPasswordIsRefusedAtOnce) {
  expect_all_refused("WRONGPASS", with({{"REDISCLI_AUTH", "wrong"}}));
}

TEST_F(OnLockedRedis, ThePasswordComesFromTheEnvironmentAFileOrTheAddress) {
  push({"a"});
  const std::string secret = file("secret", "right\n");
  const auto code = [this](const Words& arguments, const ProcessOptions& process) {
    Process status = ctl_process(Words{"status", "q"} + arguments, process);
    const int ended_with = status.wait();
    EXPECT_EQ(ended_with, 0) << status.err();
    return ended_with;
  };
  code({}, with({{"REDISCLI_AUTH", "right"}}));
  code({"--password-file", secret}, with({}));
  code({}, with({{"WQCTL_PASSWORD_FILE", secret}}));
  code({}, with({{"WQ_REDIS", "unix://me:right@" + server_.socket_path()}}));
  code({"--redis", "unix://me:right@" + server_.socket_path()}, with({{"WQ_REDIS", "nowhere"}}));
}

TEST_F(OnLockedRedis, ANewPasswordInTheFileIsPickedUp) {
  const std::string secret = file("secret", "right\n");
  Process producer = push_process({"q"}, {.input = "a\n", .open_input = true});
  Process worker = this->worker({"--password-file", secret}, {"true"}, with({}));
  ASSERT_TRUE(eventually([this] { return counts().completed == 1; }));
  file("secret", "other\n");
  redis_.call({"ACL", "SETUSER", "me", "resetpass", ">other"});
  redis_.call({"CLIENT", "KILL", "USER", "me"});
  producer.write("b\n");
  ASSERT_TRUE(eventually([this] { return counts().completed == 2; })) << worker.err();
  producer.close_input();
  EXPECT_EQ(worker.wait(), 0) << worker.err();
}

class OnRedisWithAPassword : public OnRedis {
 protected:
  OnRedisWithAPassword() : OnRedis({"user default on nopass ~* &* +@all"}) {}
};

TEST_F(OnRedisWithAPassword, NoPasswordIsRefusedAtOnce) {
  redis_.call({"CONFIG", "SET", "requirepass", "right"});
  expect_all_refused("NOAUTH");
  redis_.call({"CONFIG", "SET", "requirepass", ""});
}

}  // namespace
}  // namespace wq::test
