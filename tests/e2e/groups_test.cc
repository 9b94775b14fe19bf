// wq-worker --queues: all queues that match a pattern.
#include <cstdint>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "e2e/programs.h"

namespace wq::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class GroupsOfPrograms : public ProgramTest {
 protected:
  void fill(const std::string& queue, std::size_t items) const {
    Process push = push_process({queue}, {.input = joined(numbered(queue + "/", items))});
    EXPECT_EQ(push.wait(), 0) << push.err();
  }
  [[nodiscard]] Process worker_of(const std::string& pattern, const Words& options,
                                  const Words& command) const {
    return start(Words{kWorkerProgram, "--queues", pattern} + options + Words{"--"} + command);
  }

 private:
  [[nodiscard]] static std::string joined(const Words& items) {
    std::string text;
    for (const std::string& item : items) text += item + "\n";
    return text;
  }
};

TEST_F(GroupsOfPrograms, AreDoneOnceAlthoughWorkersAreKilled) {
  constexpr std::size_t kQueues = 12;
  constexpr std::size_t kItems = 15;
  const auto name = [](std::size_t i) { return "tenant-" + std::to_string(i); };
  for (std::size_t i = 0; i < kQueues; ++i) fill(name(i), kItems);
  const Words options{"--concurrency", "3", "--lease", "1s", "--max-crashes", "1000", "--results"};
  const Words command{"sh", "-c", "echo \"$WQ_QUEUE $1\"", "_", "{}"};
  const auto done = [&] {
    std::uint64_t n = 0;
    for (std::size_t i = 0; i < kQueues; ++i) {
      n += Queue(name(i), this->options()).counts().completed;
    }
    return n;
  };
  for (std::uint64_t killed = 1; killed <= 3; ++killed) {
    Process victim = worker_of("tenant-*", options, command);
    ASSERT_TRUE(eventually([&] { return done() >= killed * 20; }));
    victim.kill();
  }
  Process survivor = worker_of("tenant-*", options, command);
  EXPECT_EQ(survivor.wait(), 0) << survivor.err();
  for (std::size_t i = 0; i < kQueues; ++i) {
    std::set<std::string> items;
    const auto results = Queue(name(i), this->options()).results("", 1'000);
    for (const Result& each : results) {
      items.insert(each.item);
      EXPECT_EQ(each.result, name(i) + " " + each.item + "\n");
    }
    EXPECT_EQ(results.size(), kItems) << name(i);
    EXPECT_EQ(items.size(), kItems) << name(i);
  }
}

TEST_F(GroupsOfPrograms, SayOfEachItemWhoseItIsToACoprocess) {
  fill("tenant-a", 3);
  fill("tenant-b", 3);
  Process worker =
      worker_of("tenant-*", {"--coprocess", "--batch", "2"},
                {"python3", "-c",
                 "import json, sys\n"
                 "hello = json.loads(input())\n"
                 "assert 'queue' not in hello, hello\n"
                 "print(json.dumps({'wq': 1}), flush=True)\n"
                 "for line in sys.stdin:\n"
                 "    batch = json.loads(line)\n"
                 "    for item in batch['items']:\n"
                 "        assert item['item'].startswith(batch['queue'] + '/'), batch\n"
                 "        print(json.dumps({'id': item['id'], 'answer': 'done',\n"
                 "                          'result': batch['queue']}), flush=True)\n"});
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  for (const char* queue : {"tenant-a", "tenant-b"}) {
    for (const Result& each : Queue(queue, options()).results("", 10)) {
      EXPECT_EQ(each.result, queue);
    }
  }
}

TEST_F(GroupsOfPrograms, WarnOfTheDeadLettersOfAllQueues) {
  fill("tenant-a", 1);
  fill("tenant-b", 2);
  Process worker =
      worker_of("tenant-*", {"--max-attempts", "1", "--halt", "0", "--fail-on-dead"}, {"false"});
  EXPECT_EQ(worker.wait(), 3);
  EXPECT_THAT(worker.err(), AllOf(HasSubstr("3 dead letters remain in the queues that match "
                                            "tenant-*; find them: wqctl queues 'tenant-*'"),
                                  HasSubstr("the queues together: ready=0")));
}

TEST_F(GroupsOfPrograms, AreNotCombinedWithWhatIsForNamedQueues) {
  for (const Words& option : {Words{"--queue", "q"}, Words{"--strict"}, Words{"--after", "q"},
                              Words{"--follow-ups-to", "q"}}) {
    Process worker = worker_of("tenant-*", option, {"true"});
    EXPECT_EQ(worker.wait(), 2) << option.front();
    EXPECT_THAT(worker.err(), AllOf(HasSubstr("--queues"), HasSubstr(option.front())));
  }
  Process empty = worker_of("", {}, {"true"});
  EXPECT_EQ(empty.wait(), 2);
  EXPECT_THAT(empty.err(), HasSubstr("the queue is missing"));
}

}  // namespace
}  // namespace wq::test
