// One logical queue over several lanes.
#include <map>
#include <set>
#include <string>

#include <gmock/gmock.h>

#include <wq/lanes.h>
#include <wq/queue.h>

#include "e2e/programs.h"
#include "support/redis_cluster.h"

namespace wq::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class LanesOfPrograms : public ProgramTest {
 protected:
  [[nodiscard]] Process start_lane_worker(const Words& options, const std::string& pause = "0",
                                          ProcessOptions process = {}) const {
    return start(Words{kWorkerProgram, "--queue", "jobs"} + options +
                     Words{"--lease", "3s", "--", "sh", "-c",
                           "sleep " + pause + R"(; echo "$1 $WQ_QUEUE" >> )" + done_, "_", "{}"},
                 std::move(process));
  }
  [[nodiscard]] std::map<std::string, std::set<std::string>> lanes_of_items() const {
    std::map<std::string, std::set<std::string>> found;
    for (const std::string& line : lines(content_of(done_))) {
      const std::size_t blank = line.rfind(' ');
      found[line.substr(0, blank)].insert(line.substr(blank + 1));
    }
    return found;
  }
  [[nodiscard]] Counts sum_of_counts(std::size_t lanes, std::string url = {}) const {
    RedisOptions redis;
    redis.url = url.empty() ? server_.url() : std::move(url);
    redis.log = no_log;
    Counts sum;
    for (const std::string& name : lane_names("jobs", lanes)) {
      const Counts one = Queue(name, redis).counts();
      sum.pushed += one.pushed;
      sum.completed += one.completed;
    }
    return sum;
  }
  static std::string as_input(const Words& items) {
    std::string text;
    for (const std::string& each : items) text += each + "\n";
    return text;
  }

  const std::string done_ = path("done");
};

TEST_F(LanesOfPrograms, AreDrainedAlthoughAWorkerIsKilledAndEachItemCountsOnce) {
  const Words items = numbered("item-", 120);
  EXPECT_EQ(push_process({"jobs", "--lanes", "4"}, {.input = as_input(items)}).wait(), 0);
  Process killed = start_lane_worker({"--lanes", "4"}, "0.05");
  ASSERT_TRUE(eventually([this] { return lines(content_of(done_)).size() >= 5; }));
  killed.kill();
  killed.wait();
  Process first = start_lane_worker({"--lanes", "4"});
  Process second = start_lane_worker({"--lanes", "4", "--concurrency", "3"});
  EXPECT_EQ(first.wait(), 0) << first.err();
  EXPECT_EQ(second.wait(), 0) << second.err();
  EXPECT_EQ(lanes_of_items().size(), items.size());
  EXPECT_EQ(sum_of_counts(4).pushed, items.size());
  EXPECT_EQ(sum_of_counts(4).completed, items.size());
}

TEST_F(LanesOfPrograms, AreDrainedIfOnlyOneGotAnItem) {
  EXPECT_EQ(push_process({"jobs", "--lanes", "8", "one"}).wait(), 0);
  Process worker = start_lane_worker({"--lanes", "8"});
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  EXPECT_EQ(lanes_of_items().size(), 1U);
}

TEST_F(LanesOfPrograms, AreServedFromHomeAndElsewhereWhenThatIsEmpty) {
  EXPECT_EQ(
      push_process({"jobs", "--lanes", "4"}, {.input = as_input(numbered("item-", 40))}).wait(), 0);
  Process worker = start_lane_worker({"--lanes", "4", "--label", "w"});
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  Words order;
  for (const std::string& line : lines(content_of(done_))) {
    const std::string lane = line.substr(line.rfind(' ') + 1);
    if (order.empty() || order.back() != lane) order.push_back(lane);
  }
  Words expected;
  for (const std::size_t lane : lane_order("w", 4)) {
    expected.push_back("{jobs:" + std::to_string(lane) + "}");
  }
  EXPECT_EQ(order, expected);
}

TEST_F(LanesOfPrograms, OfAnotherNumberAreRefused) {
  EXPECT_EQ(push_process({"jobs", "--lanes", "4", "a"}).wait(), 0);
  Process push = push_process({"jobs", "--lanes", "8", "b"});
  EXPECT_NE(push.wait(), 0);
  EXPECT_THAT(push.err(), HasSubstr("one of 4 lanes, not of 8"));
  Process worker = start_lane_worker({"--lanes", "2"});
  EXPECT_EQ(worker.wait(), 2);
  EXPECT_THAT(worker.err(), HasSubstr("has 4 lanes"));
  EXPECT_EQ(sum_of_counts(8).pushed, 1U);
}

// It has waited for a queue of fewer lanes and found these drained.
TEST_F(LanesOfPrograms, OfAnotherNumberThatComeLaterAreNoGoodEnd) {
  Process worker = start_lane_worker({"--lanes", "2"});
  ASSERT_TRUE(eventually([&] { return worker.err().find("start: ") != std::string::npos; }));
  EXPECT_EQ(push_process({"jobs", "--lanes", "4", "a", "b", "c", "d"}).wait(), 0);
  EXPECT_EQ(worker.wait(), 2);
  EXPECT_THAT(worker.err(), HasSubstr("has 4 lanes"));
}

TEST_F(LanesOfPrograms, AreChosenByTheFirstPartOfAnItem) {
  Words items;
  for (int i = 0; i < 60; ++i) {
    items.push_back("user-" + std::to_string(i % 6) + " page-" + std::to_string(i));
  }
  EXPECT_EQ(
      push_process({"jobs", "--lanes", "4", "--lanes-by-hash"}, {.input = as_input(items)}).wait(),
      0);
  Process worker = start_lane_worker({"--lanes", "4"});
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  const auto found = lanes_of_items();
  EXPECT_EQ(found.size(), items.size());
  for (const auto& [item, lanes] : found) {
    const std::string lane = "{jobs:" + std::to_string(lane_of(lane_key(item), 4)) + "}";
    EXPECT_EQ(lanes, std::set<std::string>{lane}) << item;
  }
}

TEST_F(LanesOfPrograms, TogetherGetAnItemOnce) {
  const std::string input = as_input(numbered("item-", 30));
  for (int run = 0; run < 2; ++run) {
    EXPECT_EQ(push_process({"jobs", "--lanes", "4", "--once"}, {.input = input}).wait(), 0);
  }
  EXPECT_EQ(sum_of_counts(4).pushed, 30U);
}

TEST_F(LanesOfPrograms, LieOnTheNodesOfACluster) {
  RedisCluster cluster(3);
  const std::map<std::string, std::string> there{{"WQ_REDIS", cluster.url()}};
  const Words items = numbered("item-", 48);
  Process push =
      push_process({"jobs", "--lanes", "12"}, {.environment = there, .input = as_input(items)});
  EXPECT_EQ(push.wait(), 0) << push.err();
  for (std::size_t node = 0; node < 3; ++node) {
    EXPECT_THAT(cluster.primary(node).client().text({"INFO", "keyspace"}).value_or(""),
                HasSubstr("db0:keys="));
  }
  Process worker = start_lane_worker({"--lanes", "12"}, "0", {.environment = there});
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  EXPECT_EQ(lanes_of_items().size(), items.size());
  EXPECT_EQ(sum_of_counts(12, cluster.url()).completed, items.size());
}

}  // namespace
}  // namespace wq::test
