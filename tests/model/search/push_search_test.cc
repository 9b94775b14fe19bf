#include <ostream>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "model/search/push_model.h"

namespace wq::test::search {
namespace {

struct PushCase {
  std::string_view name;
  PushBounds bounds;

  friend std::ostream& operator<<(std::ostream& out, const PushCase& each) {
    return out << each.name;
  }
};

class ReplaySession : public ::testing::TestWithParam<PushCase> {};

TEST_P(ReplaySession, HoldsInEveryStateWithin) {
  const Findings findings = search_push(PushRules{}, GetParam().bounds, kLargestTest);
  EXPECT_EQ(findings.kind, Findings::Kind::clean) << text(findings);
  RecordProperty("states", std::to_string(findings.states));
}

const PushCase kPushCases[] = {
    {"ThreeBrokenConnections", {.pushes = 4, .breaks = 3}},
    {"LateRequests", {.pushes = 4, .breaks = 2, .late = 2}},
    {"AForgottenSession", {.pushes = 4, .breaks = 2, .late = 1, .forgotten = 1}},
    {"TwoForgottenSessions", {.pushes = 4, .breaks = 2, .forgotten = 2}},
    {"AForgottenSessionThatIsOpenedLate", {.pushes = 4, .breaks = 2, .late = 2, .forgotten = 2}},
    {"ARestartThatLosesTheLastWrites", {.pushes = 4, .breaks = 2, .late = 1, .rollbacks = 1}},
    {"TwoRestarts", {.pushes = 4, .breaks = 1, .late = 1, .rollbacks = 2}},
    {"ARestartAndPushesThatAreNotRemembered",
     {.pushes = 4, .breaks = 1, .late = 1, .rollbacks = 2, .outlived = 2}},
    {"ARestartAndAWorkerThatCounts",
     {.pushes = 3, .breaks = 2, .late = 1, .rollbacks = 2, .counts_lost = true}},
    {"ARestartAndAForgottenSession",
     {.pushes = 3, .breaks = 2, .late = 1, .forgotten = 1, .rollbacks = 1}},
};

INSTANTIATE_TEST_SUITE_P(All, ReplaySession, ::testing::ValuesIn(kPushCases),
                         [](const auto& each) { return std::string(each.param.name); });

// Known, and told in docs/protocol.md: Redis does not tell a push whose answer was lost with the
// push from one that it has not seen.
TEST(ReplaySessionLimit, APushWithoutAnAnswerStaysCountedAsLost) {
  const PushBounds bounds = {.pushes = 1, .rollbacks = 1, .counts_lost = true, .exact_lost = true};
  const Findings findings = search_push(PushRules{}, bounds, kLargestTest);
  EXPECT_EQ(findings.violation, "all pushes are in the queue, and one is counted as lost")
      << text(findings);
}

struct PushMutation {
  std::string_view name;
  bool PushRules::*rule;
  PushBounds bounds;
  std::string_view violation;

  friend std::ostream& operator<<(std::ostream& out, const PushMutation& each) {
    return out << each.name;
  }
};

class BrokenPushRule : public ::testing::TestWithParam<PushMutation> {};

TEST_P(BrokenPushRule, IsFound) {
  const PushMutation& mutation = GetParam();
  PushRules rules;
  rules.*mutation.rule = false;
  const Findings findings = search_push(rules, mutation.bounds, kLargestTest);
  EXPECT_EQ(findings.violation, mutation.violation) << text(findings);
  EXPECT_FALSE(findings.trace.empty());
  const Findings unbroken = search_push(PushRules{}, mutation.bounds, kLargestTest);
  EXPECT_EQ(unbroken.kind, Findings::Kind::clean) << "also with the rule: " << text(unbroken);
}

constexpr std::string_view kTwice = "a push is carried out twice";
constexpr std::string_view kStale = "a push that waits for its answer is told that it is stale";
constexpr std::string_view kMissing = "the producer finishes, and a push is not in the queue";
constexpr std::string_view kStranded = "stranded: from here the end cannot be reached";
constexpr std::string_view kUnknown = "a push is reported unknown though Redis evicted nothing";

const PushMutation kPushMutations[] = {
    {"AnswersAreNotKept", &PushRules::answers_are_kept, {.breaks = 1}, kTwice},
    {"TheFloorIsNotKept", &PushRules::floor_is_kept, {.breaks = 1, .late = 1}, kTwice},
    {"TheFloorRisesTooFar", &PushRules::floor_is_what_is_known, {.breaks = 1}, kStale},
    {"APushMakesItsSession", &PushRules::session_must_exist, {.breaks = 1, .forgotten = 1}, kTwice},
    {"ARepeatedOpenBeginsAnew",
     &PushRules::open_keeps_the_session,
     {.breaks = 1, .late = 1, .forgotten = 1},
     kTwice},
    {"WhatIsInDoubtIsSentAgain",
     &PushRules::doubt_is_reported,
     {.breaks = 1, .forgotten = 1},
     kTwice},
    {"AnEvictedSessionIsOpenedAgain",
     &PushRules::open_spares_the_evicted,
     {.pushes = 1, .breaks = 1, .late = 1, .forgotten = 2},
     kTwice},
    {"AnEvictedSessionIsOpenedToSendAgain",
     &PushRules::open_spares_the_evicted,
     {.forgotten = 1, .rollbacks = 1},
     kTwice},
    {"APushDoesNotNameTheOneBefore",
     &PushRules::push_names_the_one_before,
     {.rollbacks = 1},
     kMissing},
    {"TheAnsweredNumberDoesNotFall",
     &PushRules::answered_falls,
     {.pushes = 1, .rollbacks = 1, .outlived = 1},
     kStranded},
    {"TheFirstResentPushNamesTheOneBefore",
     &PushRules::resent_name_the_last,
     {.rollbacks = 1, .outlived = 1},
     kStranded},
    {"TheAnsweredNumberIsOfAnotherConnection",
     &PushRules::answered_is_heard_here,
     {.breaks = 1, .late = 1, .rollbacks = 1},
     kStale},
    {"GoneIsTakenForEvicted", &PushRules::gone_is_not_evicted, {.rollbacks = 1}, kUnknown},
    {"ATouchRenewsWhatIsGone", &PushRules::touch_needs_the_session, {.rollbacks = 1}, kUnknown},
    {"NoTouchBeforeTheClose", &PushRules::close_follows_a_touch, {.rollbacks = 1}, kMissing},
    {"ALostCloseIsOnlyRepeated", &PushRules::lost_close_is_checked, {.rollbacks = 1}, kMissing},
    {"OnlyTheFirstLostCloseIsChecked",
     &PushRules::each_close_is_checked,
     {.breaks = 1, .rollbacks = 1},
     kMissing},
    {"WhatIsLostCountsAsPushed",
     &PushRules::lost_is_not_pushed,
     {.rollbacks = 1, .counts_lost = true},
     kMissing},
    {"ExecutedPushesAreCountedTwice",
     &PushRules::executed_counts_once,
     {.breaks = 2, .forgotten = 1, .rollbacks = 1},
     kTwice},
};

INSTANTIATE_TEST_SUITE_P(All, BrokenPushRule, ::testing::ValuesIn(kPushMutations),
                         [](const auto& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace wq::test::search
