// The short campaign, and that it would not overlook what it looks for.
#include <chrono>
#include <csignal>
#include <random>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>

#include "base/keys.h"
#include "fault/plan.h"
#include "fault/round.h"

namespace wq::fault {
namespace {

using internal::Key;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const internal::Keys kKeys("q");

class Faults : public ::testing::Test {
 protected:
  Faults() {
    ::signal(SIGPIPE, SIG_IGN);
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  }

  // A plan in which nothing goes wrong by itself.
  static Plan calm() {
    Plan plan;
    plan.seed = 1;
    for (int i = 0; i < 400; ++i) plan.items.push_back(std::to_string(i));
    plan.workers = {Plan::Worker::batches};
    return plan;
  }

  static std::vector<std::string> violations_after(const Sabotage& sabotage) {
    return run_round(calm(), sabotage).violations;
  }
};

TEST_F(Faults, AreNotNeededForAGoodRound) { EXPECT_THAT(run_round(calm()).violations, IsEmpty()); }

TEST_F(Faults, ThatLoseAnItemAreFound) {
  EXPECT_THAT(violations_after([](test::RedisClient& redis) {
                // So that no worker takes what is pushed next.
                redis.call({"SET", kKeys[Key::paused], "1"});
                if (!redis.text({"RPOP", kKeys[Key::ready]})) return false;
                redis.call({"DEL", kKeys[Key::paused]});
                return true;
              }),
              Contains(HasSubstr("1 items without a result")));
}

TEST_F(Faults, ThatCommitAnItemTwiceAreFound) {
  EXPECT_THAT(violations_after([](test::RedisClient& redis) {
                redis.call({"XADD", kKeys[Key::results], "*", "item", "0", "result", "done 0"});
                return true;
              }),
              Contains(HasSubstr("1 items with several results")));
}

TEST_F(Faults, ThatLeaveAKeyAreFound) {
  EXPECT_THAT(violations_after([](test::RedisClient& redis) {
                redis.call({"SET", "q:left", "behind"});
                return true;
              }),
              Contains(HasSubstr("keys were left: q:left")));
}

// A queue that is filled, and emptied, while Redis is killed again and again.
Plan torn(Plan::TornAof what_is_done, std::uint64_t seed) {
  Plan plan;
  plan.seed = seed;
  for (int i = 0; i < 2'000; ++i) plan.items.push_back(std::to_string(i));
  plan.workers = {Plan::Worker::batches, Plan::Worker::batches};
  plan.only_kills_of_redis = true;
  plan.faults = 25;
  plan.torn_aof = what_is_done;
  plan.tears = true;
  return plan;
}

TEST_F(Faults, ThatTearTheAofAreFoundWhenNothingIsDoneAboutThem) {
  std::vector<std::string> violations;
  for (std::uint64_t seed = 1; violations.empty() && seed <= 20; ++seed) {
    violations = run_round(torn(Plan::TornAof::nothing, seed)).violations;
  }
  EXPECT_THAT(violations, Not(IsEmpty()));
}

TEST_F(Faults, ThatTearTheAofLoseNothingWhenItIsCheckedOrRewritten) {
  for (const auto what_is_done : {Plan::TornAof::check, Plan::TornAof::rewrite}) {
    const RoundReport report = run_round(torn(what_is_done, std::random_device()()));
    EXPECT_THAT(report.violations, IsEmpty()) << report.history;
    EXPECT_GT(report.tally.at("the AOF", Point::executed), 0U);
  }
}

TEST_F(Faults, ThatAnItemBringsUponItsWorkersBuryThatItemAlone) {
  for (const auto kind :
       {Plan::Worker::processes, Plan::Worker::coprocesses, Plan::Worker::batches}) {
    Plan plan;
    plan.seed = std::random_device()();
    for (int i = 0; i < 300; ++i) plan.items.push_back(std::to_string(i));
    for (const std::size_t where : {20U, 21U, 150U}) plan.items[where] += kPoison;
    plan.workers = {kind, kind};
    plan.lease = std::chrono::seconds{1};
    plan.gentle = true;
    plan.max_crashes = 2;
    plan.faults = 20;
    const RoundReport report = run_round(plan);
    EXPECT_THAT(report.violations, IsEmpty()) << plan.text() << '\n' << report.history;
  }
}

// The campaign: every round is a new one. scripts/soak goes on for longer.
class Campaign : public Faults, public ::testing::WithParamInterface<int> {};

TEST_P(Campaign, LosesNothingAndRepeatsNothing) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{25};
  std::uint64_t seed = std::random_device()();
  std::uint64_t faults = 0;
  do {
    const Plan plan = Plan::from_seed(seed++);
    const RoundReport report = run_round(plan);
    faults += report.tally.total();
    ASSERT_THAT(report.violations, IsEmpty())
        << plan.text() << "\nagain: wq-faults --seed " << plan.seed << '\n'
        << report.history;
  } while (std::chrono::steady_clock::now() < end);
  EXPECT_GT(faults, 0U);
  RecordProperty("faults", static_cast<int>(faults));
}

INSTANTIATE_TEST_SUITE_P(OfManyRounds, Campaign, ::testing::Range(0, 4));

}  // namespace
}  // namespace wq::fault
