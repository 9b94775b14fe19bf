// Redis Cluster: programs find the node that has a queue, and follow it.
#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include <wq/queues.h>

#include "e2e/programs.h"
#include "support/redis_cluster.h"

namespace wq::test {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

class Cluster : public ProgramTest {
 protected:
  [[nodiscard]] static ProcessOptions through(const std::string& url, std::string input = {}) {
    return {.environment = {{"WQ_REDIS", url}}, .input = std::move(input)};
  }
  [[nodiscard]] static std::string as_lines(const Words& items) {
    std::string text;
    for (const std::string& each : items) text += each + "\n";
    return text;
  }
  void push_lines(const std::string& url, const std::string& queue, const Words& items) {
    Process push = push_process({queue}, through(url, as_lines(items)));
    EXPECT_EQ(push.wait(), 0) << push.err();
  }
  /// Each item is appended to the file `done`.
  [[nodiscard]] Process start_worker(const std::string& url, const Words& options,
                                     const std::string& pause = "0.05") {
    return start(Words{kWorkerProgram} + options +
                     Words{"--concurrency", "2", "--lease", "3s", "--", "sh", "-c",
                           "sleep " + pause + "; echo \"$1\" >> " + done_, "_", "{}"},
                 through(url));
  }
  [[nodiscard]] std::size_t lines_done() const { return lines(content_of(done_)).size(); }
  [[nodiscard]] std::map<std::string, int> times_done() const {
    std::map<std::string, int> times;
    for (const std::string& line : lines(content_of(done_))) ++times[line];
    return times;
  }
  [[nodiscard]] static Counts counts_in(const std::string& url, const std::string& queue) {
    RedisOptions redis;
    redis.url = url;
    redis.log = no_log;
    return Queue(queue, redis).counts();
  }

  /// Nothing was lost on the way, so each item counts once.
  void expect_each_once(const std::string& url, const std::string& queue, std::size_t items) const {
    const Counts counts = counts_in(url, queue);
    EXPECT_EQ(counts.pushed, items);
    EXPECT_EQ(counts.completed, items);
    EXPECT_EQ(times_done().size(), items);
  }

  const std::string done_ = path("done");
};

TEST_F(Cluster, LeadsToTheNodeOfAQueueFromAnyOther) {
  RedisCluster cluster(2);
  const std::string queue = cluster.name_on(1);
  for (const std::string& url :
       {cluster.url({0}), "redis://" + cluster.primary(0).address(), cluster.url({1})}) {
    SCOPED_TRACE(url);
    push_lines(url, queue, {"a", "b"});
    Process worker = start_worker(url, {"--queue", queue}, "0");
    EXPECT_EQ(worker.wait(), 0) << worker.err();
    for (const Words& command :
         {Words{"status", queue}, Words{"verify", queue}, Words{"doctor", queue}}) {
      Process look = ctl_process(command, through(url));
      EXPECT_EQ(look.wait(), 0) << look.out() << look.err();
    }
    Process doctor = ctl_process({"doctor", queue}, through(url));
    doctor.wait();
    EXPECT_THAT(doctor.out(),
                HasSubstr("a Redis Cluster; " + cluster.primary(1).address() + " has the queue"));
    Process purge = ctl_process({"purge", queue, "--yes"}, through(url));
    EXPECT_EQ(purge.wait(), 0) << purge.err();
    EXPECT_FALSE(cluster.primary(1).client().exists(queue + ":stats"));
  }
  EXPECT_EQ(lines_done(), 6U);
}

TEST_F(Cluster, IsFoundWithSeedsOfWhichTheFirstIsGone) {
  RedisCluster cluster(2);
  const std::string url = cluster.url({0, 1});
  const std::string queue = cluster.name_on(1);
  cluster.primary(0).server().kill();
  // The slots of the dead node are lost, and the cluster serves no others then.
  cluster.primary(1).client().call({"CONFIG", "SET", "cluster-require-full-coverage", "no"});
  push_lines(url, queue, {"a"});
}

TEST_F(Cluster, IsFollowedThroughTheDeathOfANode) {
  RedisCluster cluster(3, 1);
  const std::string queue = cluster.name_on(0);
  const Words items = numbered("item-", 80);
  push_lines(cluster.url({2}), queue, items);
  Process worker = start_worker(cluster.url({1}), {"--queue", queue});
  Process follower = start_worker("redis://" + cluster.primary(0).address(), {"--queue", queue});
  ASSERT_TRUE(eventually([&] { return lines_done() >= 10; }));
  ASSERT_EQ(cluster.primary(0).client().integer({"WAIT", "1", "5000"}), 1);
  cluster.primary(0).server().kill();
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  EXPECT_EQ(follower.wait(), 0) << follower.err();
  EXPECT_TRUE(cluster.replica_of(0).is_primary());
  EXPECT_EQ(times_done().size(), items.size());
  EXPECT_TRUE(counts_in(cluster.url({1}), queue).drained());
}

TEST_F(Cluster, IsFollowedThroughAFailoverThatWasAskedFor) {
  RedisCluster cluster(3, 1);
  const std::string queue = cluster.name_on(0);
  Process push =
      push_process({queue}, {.environment = {{"WQ_REDIS", cluster.url({1})}}, .open_input = true});
  push.write(as_lines(numbered("item-", 250)));
  Process worker = start_worker(cluster.url({2}), {"--queue", queue});
  ASSERT_TRUE(eventually([&] { return lines_done() >= 20; }));
  // Its answer only means that it has begun: it ends after 5 s if the replica did not get the votes
  // in time, as between busy processes.
  bool promoted = false;
  for (int i = 0; i < 5 && !promoted; ++i) {
    cluster.replica_of(0).client().call({"CLUSTER", "FAILOVER"});
    promoted = eventually([&] { return cluster.replica_of(0).is_primary(); }, 6s);
  }
  ASSERT_TRUE(promoted) << cluster.replica_of(0).server().log();
  push.write(as_lines(numbered("late-", 50)));
  push.close_input();
  EXPECT_EQ(push.wait(), 0) << push.err();
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  expect_each_once(cluster.url(), queue, 300);
}

TEST_F(Cluster, IsFollowedWhileASlotMovesUnderLoad) {
  RedisCluster cluster(2);
  const std::string queue = cluster.name_on(0);
  Process push = push_process({queue, "--rate", "150/s"},
                              through(cluster.url(), as_lines(numbered("item-", 450))));
  Process worker = start_worker(cluster.url(), {"--queue", queue}, "0");
  std::size_t at = 0;
  for (const std::size_t to : {std::size_t{1}, std::size_t{0}, std::size_t{1}}) {
    const std::size_t before = lines_done();
    ASSERT_TRUE(eventually([&] { return lines_done() >= before + 30; }));
    cluster.begin_to_move(queue, at, to);
    const std::string errors = cluster.primary(at).client().text({"INFO", "errorstats"}).value();
    EXPECT_TRUE(eventually([&] {  // somebody has met the slot on its way
      return cluster.primary(at).client().text({"INFO", "errorstats"}).value() != errors;
    }));
    cluster.end_of_move(queue, at, to);
    at = to;
  }
  EXPECT_EQ(push.wait(), 0) << push.err();
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  expect_each_once(cluster.url(), queue, 450);
}

TEST_F(Cluster, ThatIsDownIsWaitedFor) {
  RedisCluster cluster(2, 0, {"appendonly yes", "appendfsync always"});
  const std::string queue = cluster.name_on(0);
  push_lines(cluster.url(), queue, numbered("item-", 40));
  Process worker = start_worker(cluster.url(), {"--queue", queue});
  ASSERT_TRUE(eventually([&] { return lines_done() >= 5; }));
  cluster.primary(0).server().kill();
  ASSERT_TRUE(eventually([&] { return cluster.primary(1).knows("cluster_state:fail"); }));
  cluster.primary(0).server().start();
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  EXPECT_EQ(times_done().size(), 40U);
}

TEST_F(Cluster, MayHaveTheQueuesOfAWorkerOnSeveralNodes) {
  RedisCluster cluster(3, 1);
  Words queues;
  Words options;
  for (const std::size_t node : {0U, 1U, 2U}) {
    queues.push_back(cluster.name_on(node));
    options = options + Words{"--queue", queues.back()};
    push_lines(cluster.url(), queues.back(), numbered(queues.back(), 30));
  }
  Process worker = start_worker(cluster.url({1}), options);
  ASSERT_TRUE(eventually([&] { return lines_done() >= 10; }));
  ASSERT_EQ(cluster.primary(0).client().integer({"WAIT", "1", "5000"}), 1);
  cluster.primary(0).server().kill();
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  EXPECT_EQ(times_done().size(), 90U);
  for (const std::string& queue : queues) {
    EXPECT_TRUE(counts_in(cluster.url({1}), queue).drained());
  }
}

TEST_F(Cluster, ShowsTheQueuesAndKeysOfAllNodes) {
  RedisCluster cluster(2);
  push_lines(cluster.url(), cluster.name_on(0) + "jobs", {"a"});
  push_lines(cluster.url(), cluster.name_on(1) + "jobs", {"b"});
  Process list = ctl_process({"queues", "--names"}, through(cluster.url({1})));
  EXPECT_EQ(list.wait(), 0) << list.err();
  EXPECT_THAT(lines(list.out()), ::testing::UnorderedElementsAre(cluster.name_on(0) + "jobs",
                                                                 cluster.name_on(1) + "jobs"));
  for (const std::size_t node : {0U, 1U}) {
    cluster.primary(node).client().call({"SET", "film:" + cluster.name_on(node), "x"});
  }
  const std::string queue = cluster.name_on(0) + "films";
  Process push = push_process({queue, "--from-keys", "film:*"}, through(cluster.url()));
  EXPECT_EQ(push.wait(), 0) << push.err();
  EXPECT_THAT(cluster.primary(0).client().list({"LRANGE", queue, "0", "-1"}),
              IsSupersetOf({"film:" + cluster.name_on(0), "film:" + cluster.name_on(1)}));
}

TEST_F(Cluster, RefusesAGroup) {
  RedisCluster cluster(1);
  Process work = start({kWorkerProgram, "--queues", "{q}*", "--", "true"}, through(cluster.url()));
  EXPECT_EQ(work.wait(), 2);
  EXPECT_THAT(work.err(), HasSubstr("needs a Redis that is not a node of a cluster"));
}

TEST_F(Cluster, WantsTheSameHashTagForQueuesThatFollowEachOther) {
  RedisCluster cluster(2);
  for (const char* option : {"--follow-ups-to", "--after"}) {
    Process work = start(
        {kWorkerProgram, "--queue", cluster.name_on(0), option, cluster.name_on(1), "--", "true"},
        through(cluster.url()));
    EXPECT_EQ(work.wait(), 2);
    EXPECT_THAT(work.err(), HasSubstr("need the same hash tag on a Redis Cluster"));
  }
}

TEST_F(Cluster, WantsANameWithAHashTag) {
  RedisCluster cluster(2);
  std::vector<Process> all;
  all.push_back(push_process({"q", "a"}, through(cluster.url())));
  all.push_back(start({kWorkerProgram, "--queue", "q", "--", "true"}, through(cluster.url())));
  all.push_back(ctl_process({"status", "q"}, through(cluster.url())));
  for (Process& each : all) {
    EXPECT_EQ(each.wait(), 2) << each.err();
    EXPECT_THAT(each.err(), AllOf(HasSubstr("Redis Cluster"), HasSubstr("'{q}'")));
  }
  Process doctor = ctl_process({"doctor", "q"}, through(cluster.url()));
  EXPECT_EQ(doctor.wait(), 2);
  EXPECT_THAT(doctor.out(), HasSubstr("the queue's name has no hash tag"));
}

TEST_F(Cluster, HasNoOtherDatabases) {
  Process push = push_process({"{q}", "a"}, through("redis+cluster://localhost:1/3"));
  EXPECT_EQ(push.wait(), 2);
  EXPECT_THAT(push.err(), HasSubstr("has only database 0"));
}

}  // namespace
}  // namespace wq::test
