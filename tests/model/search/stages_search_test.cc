#include <ostream>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "model/search/stages_model.h"

namespace wq::test::search {
namespace {

struct StageCase {
  std::string_view name;
  StageBounds bounds;

  friend std::ostream& operator<<(std::ostream& out, const StageCase& each) {
    return out << each.name;
  }
};

class DrainedWithItsStages : public ::testing::TestWithParam<StageCase> {};

TEST_P(DrainedWithItsStages, HoldsInEveryStateWithin) {
  const Findings findings = search_stages(StageRules{}, GetParam().bounds, kLargestTest);
  EXPECT_EQ(findings.kind, Findings::Kind::clean) << text(findings);
  RecordProperty("states", std::to_string(findings.states));
}

const StageCase kStageCases[] = {
    {"ThreeQueues", {.items = 3, .follow_ups = 5, .crashes = 2}},
    {"QueuesThatFeedEachOther", {.items = 3, .follow_ups = 6, .crashes = 2, .circle = true}},
    {"ItemsThatComeLate", {.items = 2, .late_push = true, .follow_ups = 3, .crashes = 1}},
    {"ItemsThatComeLateToACircle",
     {.items = 2, .late_push = true, .follow_ups = 3, .crashes = 1, .circle = true}},
    {"APurge", {.items = 2, .follow_ups = 3, .crashes = 1, .purges = 1}},
};

INSTANTIATE_TEST_SUITE_P(All, DrainedWithItsStages, ::testing::ValuesIn(kStageCases),
                         [](const auto& each) { return std::string(each.param.name); });

struct StageMutation {
  std::string_view name;
  bool StageRules::*rule;
  StageBounds bounds;
  std::string_view violation;

  friend std::ostream& operator<<(std::ostream& out, const StageMutation& each) {
    return out << each.name;
  }
};

class BrokenRuleOfStages : public ::testing::TestWithParam<StageMutation> {};

TEST_P(BrokenRuleOfStages, IsFound) {
  const StageMutation& mutation = GetParam();
  StageRules rules;
  rules.*mutation.rule = false;
  const Findings findings = search_stages(rules, mutation.bounds, kLargestTest);
  EXPECT_EQ(findings.violation, mutation.violation) << text(findings);
  const Findings unbroken = search_stages(StageRules{}, mutation.bounds, kLargestTest);
  EXPECT_EQ(unbroken.kind, Findings::Kind::clean) << "also with the rule: " << text(unbroken);
}

constexpr std::string_view kLate = "a queue gets an item after its worker found it drained";

const StageMutation kStageMutations[] = {
    {"ItIsRecordedWithTheFirstFollowUp",
     &StageRules::edge_comes_first,
     {.items = 2, .follow_ups = 2, .circle = true},
     kLate},
    {"TheQueueIsReadBeforeItsStages",
     &StageRules::read_together,
     {},
     "a worker ends before its queue is drained"},
    {"AFollowUpIsPushedAfterTheCompletion", &StageRules::one_commit, {}, kLate},
    {"QueuesThatHaveNotBegunAreDrained",
     &StageRules::begins_somewhere,
     {.late_push = true, .circle = true},
     "a worker ends before its queue is drained"},
    {"APurgedStageIsWaitedFor",
     &StageRules::purged_is_drained,
     {.purges = 1},
     "stranded: from here the end cannot be reached"},
};

INSTANTIATE_TEST_SUITE_P(All, BrokenRuleOfStages, ::testing::ValuesIn(kStageMutations),
                         [](const auto& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace wq::test::search
