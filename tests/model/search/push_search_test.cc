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
    {"ARestartThatLosesTheLastWrites", {.pushes = 3, .breaks = 1, .late = 1, .rollbacks = 1}},
};

INSTANTIATE_TEST_SUITE_P(All, ReplaySession, ::testing::ValuesIn(kPushCases),
                         [](const auto& each) { return std::string(each.param.name); });

// Known, and told in docs/protocol.md: three unlikely things together break even the rules as
// built.
TEST(ReplaySessionLimit, ASessionThatIsOpenedLateAfterItWasForgotten) {
  const PushBounds bounds = {.pushes = 1, .breaks = 1, .late = 1, .forgotten = 2};
  const Findings findings = search_push(PushRules{}, bounds, kLargestTest);
  EXPECT_EQ(findings.violation, "a push is carried out twice") << text(findings);
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

const PushMutation kPushMutations[] = {
    {"AnswersAreNotKept", &PushRules::answers_are_kept, {.breaks = 1}, kTwice},
    {"TheFloorIsNotKept", &PushRules::floor_is_kept, {.breaks = 1, .late = 1}, kTwice},
    {"TheFloorRisesTooFar",
     &PushRules::floor_is_what_is_known,
     {.breaks = 1},
     "a push that waits for its answer is told that it is stale"},
    {"APushMakesItsSession", &PushRules::session_must_exist, {.breaks = 1, .forgotten = 1}, kTwice},
    {"ARepeatedOpenBeginsAnew",
     &PushRules::open_keeps_the_session,
     {.breaks = 1, .late = 1, .forgotten = 1},
     kTwice},
    {"WhatIsInDoubtIsSentAgain",
     &PushRules::doubt_is_reported,
     {.breaks = 1, .forgotten = 1},
     kTwice},
};

INSTANTIATE_TEST_SUITE_P(All, BrokenPushRule, ::testing::ValuesIn(kPushMutations),
                         [](const auto& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace wq::test::search
