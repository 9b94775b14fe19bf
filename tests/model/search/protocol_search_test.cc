#include <ostream>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "model/search/protocol_model.h"

namespace wq::test::search {
namespace {

struct Case {
  std::string_view name;
  Bounds bounds;

  friend std::ostream& operator<<(std::ostream& out, const Case& each) { return out << each.name; }
};

// With the rules as built nothing is found. What each of these covers, and how many states larger
// ones have, is told in docs/protocol.md.
class Protocol : public ::testing::TestWithParam<Case> {};

TEST_P(Protocol, HoldsInEveryStateWithin) {
  const Findings findings = search_protocol(Rules{}, GetParam().bounds, kLargestTest);
  EXPECT_EQ(findings.kind, Findings::Kind::clean) << text(findings);
  RecordProperty("states", std::to_string(findings.states));
}

const Case kCases[] = {
    {"ThreeEqualItems", {.copies = {3, 0}}},
    {"TwoUnequalItemsCompleted", {.copies = {1, 1}, .only_complete = true}},
    {"AKillAndABrokenConnection", {.copies = {2, 0}, .kills = 1, .breaks = 1}},
    {"TwoKills", {.copies = {1, 0}, .kills = 2}},
    {"TwoBrokenConnections", {.copies = {1, 0}, .breaks = 2}},
    {"AnyNumberOfReclaimers",
     {.copies = {2, 0}, .reclaimers = Reclaimers::any, .kills = 1, .breaks = 1}},
    {"FourSlots", {.copies = {2, 0}, .slots = 2, .only_complete = true}},
    {"AnEvictedLease", {.copies = {2, 0}, .kills = 1, .evictions = 1}},
    {"ARestartThatLosesTheLastWrites",
     {.copies = {1, 0}, .true_charges = false, .breaks = 1, .rollbacks = 1}},
    {"AnOperatorAndAFollowUp", {.copies = {2, 0}, .breaks = 1, .operations = 1, .follow_ups = 1}},
    {"AFollowUpThatIsPushedOnce", {.copies = {1, 0}, .once = true, .kills = 1, .breaks = 1}},
    {"EqualItemsWithAFollowUpThatIsPushedOnce", {.copies = {2, 0}, .once = true, .breaks = 1}},
    {"AFollowUpThatIsPushedOnceAndARestart",
     {.copies = {1, 0},
      .once = true,
      .only_complete = true,
      .true_charges = false,
      .breaks = 1,
      .rollbacks = 1}},
    {"ARedisWqClient", {.copies = {1, 0}, .redis_wq = true, .breaks = 1, .redis_wq_kills = 1}},
    {"ARedisWqClientAndEqualItems", {.copies = {2, 0}, .redis_wq = true, .kills = 1}},
    {"LeasesShorterThanTheGracePeriod",
     {.copies = {1, 0}, .short_leases = true, .kills = 1, .breaks = 1}},
    {"WorkUnderALeaseIsAccepted",
     {.copies = {1, 0},
      .only_complete = true,
      .accepted_work = true,
      .growing_fences = true,
      .kills = 1,
      .breaks = 2}},
    {"ARequestThatIsCarriedOutLate",
     {.copies = {1, 0}, .true_charges = false, .breaks = 1, .late = 1}},
    {"AnItemThatIsAlone", {.copies = {1, 0}, .kills = 1, .breaks = 1, .marks = 1}},
    {"AnItemThatIsAloneAndAnEqualOne", {.copies = {2, 0}, .kills = 1, .marks = 1}},
    {"AnItemThatIsAloneInAWorkerOfTwoSlots",
     {.copies = {1, 1}, .workers = 1, .slots = 2, .only_complete = true, .kills = 1, .marks = 2}},
    {"AMarkThatIsSetLate",
     {.copies = {1, 0}, .true_charges = false, .breaks = 1, .late = 1, .marks = 1}},
};

INSTANTIATE_TEST_SUITE_P(All, Protocol, ::testing::ValuesIn(kCases),
                         [](const auto& each) { return std::string(each.param.name); });

// What is not promised, and told in docs/protocol.md: the search finds that it does happen.
struct Limit {
  std::string_view name;
  Bounds bounds;
  std::string_view violation;

  friend std::ostream& operator<<(std::ostream& out, const Limit& each) { return out << each.name; }
};

class ProtocolLimit : public ::testing::TestWithParam<Limit> {};

TEST_P(ProtocolLimit, IsReached) {
  const Findings findings = search_protocol(Rules{}, GetParam().bounds, kLargestTest);
  EXPECT_EQ(findings.violation, GetParam().violation) << text(findings);
}

const Limit kLimits[] = {
    {"ALeaseThatIsSetLateIsChargedAsACrash",
     {.copies = {1, 0}, .breaks = 1, .late = 1},
     "a crash charged without cause"},
    {"ALeaseThatIsSetLateLetsASettlementBeAcceptedTwice",
     {.copies = {1, 0}, .true_charges = false, .breaks = 2, .late = 1},
     "one settlement accepted twice"},
    {"ALeaseThatComesBackFromTheDiskIsChargedAsACrash",
     {.copies = {1, 0}, .rollbacks = 1},
     "a crash charged without cause"},
    {"AnItemIsPoppedThreeTimesWhileTheReclaimerLooks",
     {.copies = {1, 0}, .accepted_work = true},
     "work under a lease in force is refused"},
    {"TwoReclaimersLookInTurn",
     {.copies = {1, 0},
      .reclaimers = Reclaimers::any,
      .only_complete = true,
      .accepted_work = true,
      .breaks = 1},
     "work under a lease in force is refused"},
    {"ALeaseThatIsSetLateHasALowerFence",
     {.copies = {1, 0}, .growing_fences = true, .late = 1},
     "a lease with a lower fence than the one before"},
    {"ALeaseIsShorterThanTheGracePeriod",
     {.copies = {1, 0},
      .only_complete = true,
      .short_leases = true,
      .accepted_work = true,
      .breaks = 1},
     "work under a lease in force is refused"},
};

INSTANTIATE_TEST_SUITE_P(All, ProtocolLimit, ::testing::ValuesIn(kLimits),
                         [](const auto& each) { return std::string(each.param.name); });

// What the search is for: a protocol with one rule broken is told from the one that is built.
struct Mutation {
  std::string_view name;
  bool Rules::*rule;
  Bounds bounds;
  std::string_view violation;  // what it begins with

  friend std::ostream& operator<<(std::ostream& out, const Mutation& each) {
    return out << each.name;
  }
};

class BrokenRule : public ::testing::TestWithParam<Mutation> {};

TEST_P(BrokenRule, IsFound) {
  const Mutation& mutation = GetParam();
  Rules rules;
  rules.*mutation.rule = false;
  const Findings findings = search_protocol(rules, mutation.bounds, kLargestTest);
  EXPECT_EQ(findings.violation.substr(0, mutation.violation.size()), mutation.violation)
      << text(findings);
  EXPECT_FALSE(findings.trace.empty());
  const Findings unbroken = search_protocol(Rules{}, mutation.bounds, kLargestTest);
  EXPECT_EQ(unbroken.kind, Findings::Kind::clean) << "also with the rule: " << text(unbroken);
}

constexpr Bounds kOne = {.copies = {1, 0}};
constexpr Bounds kTwo = {.copies = {2, 0}};
constexpr Bounds kOneBreak = {.copies = {1, 0}, .breaks = 1};
constexpr Bounds kTwoBreak = {.copies = {2, 0}, .breaks = 1};
constexpr Bounds kOneMark = {.copies = {1, 0}, .marks = 1};
// A worker that can hold two items at once.
constexpr Bounds kCompany = {
    .copies = {1, 1}, .workers = 1, .slots = 2, .only_complete = true, .kills = 1, .marks = 1};
constexpr Bounds kStrict = {.copies = {1, 0}, .only_complete = true, .accepted_work = true};

const Mutation kMutations[] = {
    {"SettleDoesNotLookAtTheLease", &Rules::settle_checks_lease, kTwo, "a commit under a superse"},
    {"SettleDoesNotLookAtTheRemoval", &Rules::settle_checks_removal, kTwoBreak,
     "an item is duplicated"},
    {"SettleLeavesTheLease", &Rules::settle_deletes_lease, kTwo, "a crash charged without cause"},
    {"ALostSettlementLeavesItsLease", &Rules::lost_settle_cleans_up, kTwo,
     "a crash charged without cause"},
    {"MergedItemsAreNotCounted", &Rules::merged_is_counted, kTwo, "an item is lost"},
    {"ASettlementSentAgainIsNotChecked", &Rules::resent_settle_is_safe, kOneBreak,
     "one settlement accepted twice"},
    {"AKeyThatWasSeenDoesNotMatter",
     &Rules::once_key_decides,
     {.copies = {1, 0}, .once = true},
     "a follow-up is pushed again"},
    {"ALostSettlementNotesTheKey",
     &Rules::key_comes_with_push,
     {.copies = {1, 0}, .once = true},
     "the key of a follow-up was seen"},
    {"TheLeaseIsSetWithoutNx", &Rules::lease_is_set_if_absent, kTwo, "two run one item at once"},
    {"ALeaseAskedForAgainIsNotRenewed", &Rules::resent_lease_is_renewed, kOneBreak,
     "a crash charged without cause"},
    {"NilIsTakenForOurs", &Rules::resent_nil_is_not_ours, kTwoBreak, "two run one item at once"},
    {"ALeaseIsAskedForTooLate", &Rules::late_lease_is_not_asked, kStrict,
     "work under a lease in force is refused"},
    {"ARenewalSetsTheLease", &Rules::renew_never_sets, kTwoBreak, "one settlement accepted twice"},
    {"ARenewalDoesNotLookAtTheHolder", &Rules::renew_checks_holder, kOne,
     "two run one item at once"},
    {"FencesRepeat",
     &Rules::fences_never_repeat,
     {.copies = {1, 0}, .workers = 1, .slots = 2, .true_charges = false, .rollbacks = 1},
     "two run one item at once"},
    {"NobodyRequeues", &Rules::requeues, {.copies = {1, 0}, .kills = 1}, "stranded"},
    {"ReclaimTrustsItsList", &Rules::reclaim_looks_again, kOne, "a crash charged without cause"},
    {"ReclaimDoesNotLookAtTheRemoval",
     &Rules::reclaim_checks_removal,
     {.copies = {2, 0}, .operations = 1},
     "an item is duplicated"},
    {"ReclaimLeavesTheLease", &Rules::reclaim_deletes_lease, kOne, "a crash charged without cause"},
    {"ReclaimTakesLeasesInForce", &Rules::reclaim_spares_unexpired, kOne,
     "a crash charged without cause"},
    {"RequeueTrustsItsList", &Rules::requeue_looks_again, kTwoBreak,
     "an item is taken from under a lease in force"},
    {"RequeueDoesNotLookAtTheRemoval", &Rules::requeue_checks_removal, kOne,
     "an item is duplicated"},
    {"RequeueDoesNotWait", &Rules::requeue_waits, kStrict,
     "work under a lease in force is refused"},
    {"PromoteDoesNotLookAtTheRemoval", &Rules::promote_checks_removal, kOne,
     "an item is duplicated"},
    {"ReclaimBuriesWithoutTheMark", &Rules::burial_needs_the_mark, kCompany,
     "buried for a crash in company"},
    {"TheMarkDoesNotWaitForTheOthers", &Rules::mark_waits_for_the_others, kCompany,
     "buried for a crash in company"},
    {"AMarkedWorkerTakesMore", &Rules::marked_worker_takes_no_more, kCompany,
     "buried for a crash in company"},
    {"TheMarkIsSetOnALeaseThatEnded", &Rules::mark_needs_a_lease_in_force, kCompany,
     "buried for a crash in company"},
    {"TheMarkDoesNotLookAtTheHolder", &Rules::mark_needs_the_holder, kOneMark,
     "a commit under a superse"},
    {"AMarkThatIsThereIsTakenForALoss",
     &Rules::resent_mark_is_ours,
     {.copies = {1, 0}, .breaks = 1, .marks = 1},
     "a crash charged without cause"},
    {"ARenewalThatCrossesTheMarkEndsTheWork", &Rules::crossing_renewal_is_no_loss, kOneMark,
     "a crash charged without cause"},
};

INSTANTIATE_TEST_SUITE_P(All, BrokenRule, ::testing::ValuesIn(kMutations),
                         [](const auto& each) { return std::string(each.param.name); });

// Rule (a) is there for what a search of states does not see: items come back when the lease ends,
// not when its tail does, and one that kills its workers dies some day.
TEST(ProtocolRule, ReclaimingIsNotNeededToLoseNothing) {
  Rules rules;
  rules.reclaims = false;
  const Findings findings = search_protocol(rules, {.copies = {2, 0}, .kills = 2}, kLargestTest);
  EXPECT_EQ(findings.kind, Findings::Kind::clean) << text(findings);
}

}  // namespace
}  // namespace wq::test::search
