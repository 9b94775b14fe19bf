// redis+sentinel:// with real sentinels: the primary is found, and followed at a failover, also
// when the one before still answers.
#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include <wq/error.h>

#include "e2e/programs.h"
#include "redis/connection.h"
#include "support/free_port.h"
#include "support/redis_server.h"

namespace wq::test {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

/// A server on a port of its own, of which sentinels can tell.
class Member {
 public:
  explicit Member(const Words& config = {})
      : server_(
            Words{"port " + std::to_string(port_), "bind 127.0.0.1", "repl-diskless-sync-delay 0"} +
                config,
            RedisServer::Reached::by_socket) {}

  [[nodiscard]] int port() const noexcept { return port_; }
  [[nodiscard]] RedisServer& server() noexcept { return server_; }
  [[nodiscard]] RedisClient client() const { return RedisClient(server_.options()); }
  /// Sentinels close all connections of a replica as they promote it: then it is not one yet.
  [[nodiscard]] bool is_primary() const {
    try {
      return client().call({"ROLE"}).value()[0].text() == "master";
    } catch (const ConnectionError&) {
      return false;
    }
  }

 private:
  const int port_ = free_port();
  RedisServer server_;
};

class Sentinels : public ProgramTest {
 protected:
  explicit Sentinels(const Words& config_of_primary = {}) : primary_(config_of_primary) {
    for (int i = 0; i < 3; ++i) {
      ports_.push_back(free_port());
      sentinels_.push_back(start_sentinel(ports_.back()));
    }
    EXPECT_TRUE(eventually([this] { return all_know_each_other(); }, 60s));
  }
  ~Sentinels() override {
    for (Process& each : sentinels_) each.kill();
  }

  [[nodiscard]] std::string url(const std::string& name = "shop") const {
    std::string hosts;
    for (const int port : ports_)
      hosts += (hosts.empty() ? "127.0.0.1:" : ",127.0.0.1:") + std::to_string(port);
    return "redis+sentinel://" + hosts + "/" + name;
  }
  [[nodiscard]] ProcessOptions through(const std::string& redis) const {
    return {.environment = {{"WQ_REDIS", redis}}};
  }
  /// What was written is on the replica too.
  void wait_for_replication() {
    EXPECT_TRUE(eventually([this] {
      return primary_.client().call({"WAIT", "1", "1000"}).value().integer() == 1;
    }));
  }

  [[nodiscard]] RedisClient client_of(int port) const {
    RedisOptions options;
    options.url = "redis://127.0.0.1:" + std::to_string(port);
    options.log = no_log;
    return RedisClient(options);
  }

  /// Nobody can make the primary a replica again after a failover, as if it were cut off.
  static Words without_demotion() { return {"rename-command SLAVEOF \"\""}; }
  /// The primary answers nothing until the replica is the primary. Then both are.
  void depose_primary() {
    primary_.server().freeze();
    EXPECT_TRUE(eventually([this] { return replica_.is_primary(); }, 30s));
    primary_.server().thaw();
  }

  [[nodiscard]] bool replica_has_client(const std::string& name_end) const {
    const std::string clients(replica_.client().call({"CLIENT", "LIST"}).value().text());
    return clients.find(name_end + " ") != std::string::npos;
  }

  Member primary_;
  Member replica_{{"replicaof 127.0.0.1 " + std::to_string(primary_.port())}};
  TemporaryFolder folder_;
  std::vector<int> ports_;
  std::vector<Process> sentinels_;

 private:
  Process start_sentinel(int port) {
    const std::string name = std::to_string(port);
    const std::string config = folder_.file(
        "sentinel-" + name + ".conf",
        "port " + name + "\nbind 127.0.0.1\ndir " + folder_.path().string() +
            "\nsentinel monitor shop 127.0.0.1 " + std::to_string(primary_.port()) +
            " 2\nsentinel down-after-milliseconds shop 700\nsentinel failover-timeout shop 5000\n");
    return start({kRedisServer, config, "--sentinel"});
  }
  [[nodiscard]] bool all_know_each_other() {
    try {
      for (const int port : ports_) {
        RedisClient sentinel = client_of(port);
        if (sentinel.call({"SENTINEL", "SENTINELS", "shop"}).value().size() < 2) return false;
        if (sentinel.call({"SENTINEL", "REPLICAS", "shop"}).value().size() < 1) return false;
      }
    } catch (const Error&) {  // it starts
      return false;
    }
    return true;
  }
};

TEST_F(Sentinels, LeadToThePrimaryAndAfterAFailoverToTheNextOne) {
  const std::string items = [] {
    std::string text;
    for (const std::string& each : numbered("item-", 60)) text += each + "\n";
    return text;
  }();
  Process push = push_process({"q"}, {.environment = {{"WQ_REDIS", url()}}, .input = items});
  EXPECT_EQ(push.wait(), 0) << push.err();
  EXPECT_TRUE(primary_.is_primary());
  EXPECT_EQ(primary_.client().call({"LLEN", "q"}).value().integer(), 60);
  wait_for_replication();
  const std::string done = folder_.path() / "done";
  Process worker = start({kWorkerProgram, "--queue", "q", "--concurrency", "2", "--lease", "2s",
                          "--", "sh", "-c", "sleep 0.1; echo \"$1\" >> " + done, "_", "{}"},
                         through(url()));
  const auto lines_done = [&] {
    std::ifstream file(done);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    return std::count(text.begin(), text.end(), '\n');
  };
  ASSERT_TRUE(eventually([&] { return lines_done() >= 10; }));
  primary_.server().kill();
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  EXPECT_TRUE(replica_.is_primary());
  EXPECT_THAT(worker.err(), HasSubstr("is reachable again"));
  std::ifstream file(done);
  std::set<std::string> seen;
  for (std::string line; std::getline(file, line);) seen.insert(line);
  EXPECT_EQ(seen.size(), 60U) << "what the replica had not seen may run again, and nothing is lost";
  Process status = ctl_process({"status", "q"}, through(url()));
  EXPECT_EQ(status.wait(), 0) << status.err();
  EXPECT_THAT(status.out(), HasSubstr("drained"));
}

TEST_F(Sentinels, ThatAreGoneAreNotNeededIfOneIsThere) {
  sentinels_[0].kill();
  sentinels_[1].kill();
  Process push = push_process({"q", "a"}, through(url()));
  EXPECT_EQ(push.wait(), 0) << push.err();
  sentinels_[2].kill();
  Process late = push_process({"q", "b", "--redis-patience", "1s"}, through(url()));
  EXPECT_EQ(late.wait(), 4);
  EXPECT_THAT(late.err(), HasSubstr("no sentinel answers: "));
}

TEST_F(Sentinels, RefuseANameThatTheyDoNotKnow) {
  Process push = push_process({"q", "a"}, through(url("shp")));
  EXPECT_EQ(push.wait(), 2);
  EXPECT_THAT(push.err(), HasSubstr("no sentinel knows a primary named 'shp'; check the name"));
}

TEST_F(Sentinels, GetTheLoginOfThePrimaryAndEndAProgramThatTheyRefuse) {
  for (const int port : ports_) client_of(port).call({"ACL", "SETUSER", "default", ">secret"});
  Process refused = push_process({"q", "a"}, through(url()));
  EXPECT_EQ(refused.wait(), 2);
  EXPECT_THAT(refused.err(), HasSubstr("NOAUTH"));
  primary_.client().call({"ACL", "SETUSER", "default", ">secret"});
  std::string with_login = url();
  with_login.insert(std::string("redis+sentinel://").size(), ":secret@");
  Process push = push_process({"q", "a"}, through(with_login));
  EXPECT_EQ(push.wait(), 0) << push.err();
}

TEST_F(Sentinels, AreExaminedByDoctorAsTheirPrimary) {
  Process doctor = ctl_process({"doctor", "q", "--json"}, through(url()));
  doctor.wait();
  EXPECT_THAT(doctor.out(), AllOf(HasSubstr("\"findings\""), Not(HasSubstr("is a Sentinel"))));
}

class SentinelsAndADeposedPrimary : public Sentinels {
 protected:
  SentinelsAndADeposedPrimary() : Sentinels(without_demotion()) {}
};

TEST_F(SentinelsAndADeposedPrimary, AreFollowedByAWorkerThoughThatOneAnswers) {
  Process push = push_process({"q", "item-{00..29}"}, through(url()));
  ASSERT_EQ(push.wait(), 0) << push.err();
  wait_for_replication();
  const std::string begun = folder_.path() / "begun";
  const std::string go_on = folder_.path() / "go-on";
  Process worker = start({kWorkerProgram, "--queue", "q", "--lease", "5s", "--", "sh", "-c",
                          "touch " + begun + "; while [ ! -e " + go_on + " ]; do sleep 0.1; done"},
                         through(url()));
  ASSERT_TRUE(eventually([&] { return std::ifstream(begun).good(); }));
  depose_primary();
  // From the failover on a worker that stays has its connections to a server that takes its writes.
  EXPECT_TRUE(eventually([&] { return replica_has_client("-renewer"); }, 30s)) << worker.err();
  EXPECT_TRUE(primary_.is_primary()) << "the test proves nothing";
  std::ofstream(go_on).close();
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  EXPECT_EQ(replica_.client().call({"LLEN", "q"}).value().integer(), 0);
  EXPECT_GT(primary_.client().call({"LLEN", "q"}).value().integer(), 0) << "it was left at once";
}

TEST_F(SentinelsAndADeposedPrimary, AreFollowedByAnIdleConnection) {
  RedisOptions options;
  options.url = url();
  options.log = no_log;
  internal::Connection connection(options);
  EXPECT_EQ(connection.call({"SET", "here", "1"}).value().text(), "OK");
  depose_primary();
  EXPECT_TRUE(eventually(
      [&] {
        try {
          connection.call({"PING"});
          return false;
        } catch (const ConnectionError&) {
          return true;
        }
      },
      30s));
  EXPECT_TRUE(primary_.is_primary()) << "the test proves nothing";
  internal::Connection next(options);
  EXPECT_EQ(next.server(), "127.0.0.1:" + std::to_string(replica_.port()));
}

}  // namespace
}  // namespace wq::test
