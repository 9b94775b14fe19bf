#include <memory>
#include <vector>

#include "e2e/programs.h"

// Items that take their whole worker with them, and those that are unlucky enough to be beside one.
namespace wq::test {
namespace {

class Poison : public ProgramTest {
 protected:
  // Runs workers one after the other, as a Job would, until one leaves with 0. How many died.
  unsigned drain(const Words& options, const Words& command) {
    constexpr unsigned kMost = 12;
    for (unsigned died = 0; died < kMost; ++died) {
      Process worker =
          this->worker(Words{"--lease", "1s", "--backoff", "1ms..1ms"} + options, command);
      if (worker.wait() == 0) return died;
    }
    ADD_FAILURE() << "workers died " << kMost << " times";
    return kMost;
  }
  // It kills its worker once all of its company has begun.
  [[nodiscard]] Words kills_its_worker(std::size_t company) const {
    return {"sh", "-c",
            "touch " + path("begun-") +
                "$1; "
                "if [ $1 = poison ]; then "
                "  n=0; until [ $(ls -d " +
                path("begun-") + "* | wc -l) -ge " + std::to_string(company) +
                " ]; do n=$((n + 1)); done; kill -9 $PPID; exec sleep 1000; fi; echo done $1",
            "sh", "{}"};
  }
  void expect_that_only_the_poison_is_dead(std::size_t innocent) {
    EXPECT_EQ(all(Key::dead), Words{"poison"});
    EXPECT_EQ(results().size(), innocent);
    EXPECT_EQ(failure_of("poison").at("kind"), "crash");
  }
};

TEST_F(Poison, IsBuriedAloneAfterAtMostOneDeathMoreThanItMayHaveCrashes) {
  push(Words{"poison"} + numbered("innocent", 7));
  EXPECT_LE(drain({"--results", "--concurrency", "8"}, kills_its_worker(8)), 4U);
  expect_that_only_the_poison_is_dead(7);
}

TEST_F(Poison, OfABudgetOfOneCrashIsBuriedAloneAfterTwoDeaths) {
  push(Words{"poison"} + numbered("innocent", 3));
  EXPECT_LE(drain({"--results", "--concurrency", "4", "--max-crashes", "1"}, kills_its_worker(4)),
            2U);
  expect_that_only_the_poison_is_dead(3);
}

TEST_F(Poison, IsBuriedAloneByAGcThatIsToldNothing) {
  push(Words{"poison"} + numbered("innocent", 3));
  const Words options{"--concurrency", "4", "--max-crashes", "2", "--lease", "1s", "--results"};
  for (int died = 0; died < 2; ++died) {
    EXPECT_NE(worker(options, kills_its_worker(1)).wait(), 0);
    EXPECT_TRUE(eventually([this] {  // once the lease has run out
      static_cast<void>(ctl({"gc", "q"}));
      return all(Key::processing).empty();
    }));
  }
  EXPECT_EQ(all(Key::dead), Words{"poison"});
  EXPECT_EQ(drain(options, kills_its_worker(1)), 0U);
  EXPECT_EQ(results().size(), 3U);
}

// Workers are replaced as they die, as a Job would, beside a gc that runs all the time.
TEST_F(Poison, OfWhichThereAreSeveralIsAllThatIsBuriedBySeveralWorkersAndReclaimers) {
  constexpr int kWorkers = 3;
  constexpr int kPoisons = 2;
  push(numbered("innocent", 20) + numbered("poison", kPoisons) + numbered("also-innocent", 20));
  const Words command{
      "sh", "-c", "case $1 in poison*) kill -9 $PPID; exec sleep 1000;; esac; echo $1", "sh", "{}"};
  const Words options{"--concurrency", "4", "--lease", "1s", "--results", "--backoff", "1ms..1ms"};
  std::vector<std::unique_ptr<Process>> workers;
  const auto begin = [&] { return std::make_unique<Process>(worker(options, command)); };
  for (int i = 0; i < kWorkers; ++i) workers.push_back(begin());
  int died = 0;
  while (!counts().drained() && died < 40) {
    static_cast<void>(ctl({"gc", "q"}));
    for (auto& each : workers) {
      if (!each->ended() || each->wait() == 0) continue;
      ++died;
      each = begin();
    }
  }
  for (auto& each : workers) EXPECT_EQ(each->wait(), 0);
  EXPECT_THAT(all(Key::dead), ::testing::UnorderedElementsAreArray(numbered("poison", kPoisons)));
  EXPECT_EQ(results().size(), 40U);
  EXPECT_LE(died, 4 * kPoisons);
}

TEST_F(Poison, InACoprocessThatTakesItsWorkerWithItIsBuriedAlone) {
  push(Words{"poison"} + numbered("innocent", 7));
  const std::string program = file("model.py", R"(import json, os, signal, sys, time
print('{"wq":1}', flush=True)
sys.stdin.readline()
for line in sys.stdin:
    items = json.loads(line)["items"]
    if any(each["item"] == "poison" for each in items):
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(1000)
    print(json.dumps([{"id": each["id"], "answer": "done", "result": ""} for each in items]), flush=True)
)");
  EXPECT_LE(drain({"--coprocess", "--batch", "4", "--concurrency", "2"}, {"python3", program}), 4U);
  expect_that_only_the_poison_is_dead(7);
}

}  // namespace
}  // namespace wq::test
