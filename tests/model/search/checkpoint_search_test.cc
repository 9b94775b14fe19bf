#include <ostream>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "model/search/checkpoint_model.h"

namespace wq::test::search {
namespace {

struct CheckpointCase {
  std::string_view name;
  CheckpointBounds bounds;

  friend std::ostream& operator<<(std::ostream& out, const CheckpointCase& each) {
    return out << each.name;
  }
};

class CheckpointSearch : public ::testing::TestWithParam<CheckpointCase> {};

TEST_P(CheckpointSearch, HoldsInEveryStateWithin) {
  const Findings findings = search_checkpoints(CheckpointRules{}, GetParam().bounds, kLargestTest);
  EXPECT_EQ(findings.kind, Findings::Kind::clean) << text(findings);
  RecordProperty("states", std::to_string(findings.states));
}

const CheckpointCase kCheckpointCases[] = {
    {"NothingIsLate", {.operators = true, .purges = true}},
    {"ALateRequest", {.made = 1, .late = 1, .operators = true, .purges = true}},
    {"TwoLateRequestsOfOneWorker", {.workers = 1, .late = 2, .operators = true}},
    {"EqualItems", {.copies = 2, .operators = true, .purges = true, .given = false}},
    {"EqualItemsAndALateRequest", {.copies = 2, .made = 1, .late = 1, .given = false}},
    {"ALateLeaseOfTheOnlyAttempt",
     {.workers = 1, .late = 2, .late_leases = true, .completes = false, .attempts = 1}},
};

INSTANTIATE_TEST_SUITE_P(All, CheckpointSearch, ::testing::ValuesIn(kCheckpointCases),
                         [](const auto& each) { return std::string(each.param.name); });

// What is not promised, and told in docs/protocol.md.
struct CheckpointLimit {
  std::string_view name;
  CheckpointBounds bounds;
  std::string_view violation;

  friend std::ostream& operator<<(std::ostream& out, const CheckpointLimit& each) {
    return out << each.name;
  }
};

class LimitOfCheckpoints : public ::testing::TestWithParam<CheckpointLimit> {};

TEST_P(LimitOfCheckpoints, IsReached) {
  const Findings findings = search_checkpoints(CheckpointRules{}, GetParam().bounds, kLargestTest);
  EXPECT_EQ(findings.violation, GetParam().violation) << text(findings);
}

constexpr std::string_view kOlder = "an older checkpoint replaces a newer one";
constexpr std::string_view kLost = "a checkpoint that was accepted is lost";
constexpr std::string_view kLeft = "a checkpoint is left of an item that is gone";
constexpr std::string_view kOfOldItem = "a checkpoint comes from an item that is gone";
constexpr std::string_view kWithout = "an attempt begins without the checkpoint";

const CheckpointLimit kCheckpointLimits[] = {
    {"EqualItemsOfWhichOneIsPoppedBeforeTheOtherHasACheckpoint", {.copies = 2}, kWithout},
    {"AQueueThatIsFilledBeforeItsPurgeHasEnded",
     {.purges = true, .refilled_at_once = true},
     kOfOldItem},
    {"ALateLeaseAndALateCheckpointAfterTheCompletion",
     {.workers = 1, .late = 2, .late_leases = true},
     kLeft},
    {"ALateLeaseAndALateCheckpointAfterTheNextAttempt",
     {.workers = 1, .late = 2, .late_leases = true, .completes = false},
     kOlder},
};

INSTANTIATE_TEST_SUITE_P(All, LimitOfCheckpoints, ::testing::ValuesIn(kCheckpointLimits),
                         [](const auto& each) { return std::string(each.param.name); });

struct CheckpointMutation {
  std::string_view name;
  bool CheckpointRules::*rule;
  CheckpointBounds bounds;
  std::string_view violation;

  friend std::ostream& operator<<(std::ostream& out, const CheckpointMutation& each) {
    return out << each.name;
  }
};

class BrokenRuleOfCheckpoints : public ::testing::TestWithParam<CheckpointMutation> {};

TEST_P(BrokenRuleOfCheckpoints, IsFound) {
  const CheckpointMutation& mutation = GetParam();
  CheckpointRules rules;
  rules.*mutation.rule = false;
  const Findings findings = search_checkpoints(rules, mutation.bounds, kLargestTest);
  EXPECT_EQ(findings.violation, mutation.violation) << text(findings);
  EXPECT_FALSE(findings.trace.empty());
  const Findings unbroken = search_checkpoints(CheckpointRules{}, mutation.bounds, kLargestTest);
  EXPECT_EQ(unbroken.kind, Findings::Kind::clean) << "also with the rule: " << text(unbroken);
}

constexpr CheckpointBounds kLateCheckpoint = {.workers = 1, .late = 1};

const CheckpointMutation kCheckpointMutations[] = {
    {"AnyLeaseWillDo", &CheckpointRules::save_needs_the_lease, {}, kOlder},
    {"ACheckpointIsSavedAfterAPurge",
     &CheckpointRules::save_needs_the_queue,
     {.purges = true},
     kLeft},
    {"TheLastToArriveStays", &CheckpointRules::later_number_stays, kLateCheckpoint, kOlder},
    {"NumbersOfTwoLeasesAreCompared", &CheckpointRules::each_lease_counts_anew, {}, kLost},
    {"ALostSettlementKeepsItsCheckpoint",
     &CheckpointRules::keep_needs_the_lease,
     {.completes = false, .given = false},
     kOlder},
    {"ASettlementGivesItALowNumber",
     &CheckpointRules::keep_is_the_last,
     {.workers = 1, .late = 2, .late_leases = true, .completes = false, .attempts = 1},
     kOlder},
    {"ACompletionLeavesIt", &CheckpointRules::completion_removes, {}, kLeft},
    {"AnAnswerIsTakenForOneToTheLast", &CheckpointRules::newer_one_stays_unsent, {}, kLost},
    {"ASettlementForgetsWhatWasNotSent", &CheckpointRules::settlement_keeps, {}, kLost},
    {"PopDoesNotTellOfCheckpoints", &CheckpointRules::pop_tells, {}, kWithout},
    {"ADropLeavesIt", &CheckpointRules::drop_removes, {.operators = true}, kLeft},
    {"ADropRemovesThatOfALeasedItem",
     &CheckpointRules::drop_spares_a_leased_one,
     {.copies = 2, .operators = true, .given = false},
     kLost},
    {"APurgeLeavesIt", &CheckpointRules::purge_removes, {.purges = true}, kLeft},
};

INSTANTIATE_TEST_SUITE_P(All, BrokenRuleOfCheckpoints, ::testing::ValuesIn(kCheckpointMutations),
                         [](const auto& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace wq::test::search
