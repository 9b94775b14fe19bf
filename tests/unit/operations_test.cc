// What the operations send. What Redis makes of it: tests/redis.
#include "queue/operations.h"

#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "queue/attempts.h"
#include "script/script.h"

namespace wq::internal {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::Le;
using ::testing::SizeIs;

using Words = std::vector<std::string>;

// The words of each command of a pipeline.
std::vector<Words> commands_of(const CommandBuffer& pipeline) {
  std::string_view rest = pipeline.bytes();
  const auto number = [&rest](char mark) {
    EXPECT_EQ(rest.front(), mark);
    const std::size_t end = rest.find("\r\n");
    const std::size_t n = std::stoul(std::string(rest.substr(1, end - 1)));
    rest.remove_prefix(end + 2);
    return n;
  };
  std::vector<Words> commands;
  while (!rest.empty()) {
    Words words(number('*'));
    for (std::string& word : words) {
      const std::size_t length = number('$');
      word = rest.substr(0, length);
      EXPECT_EQ(rest.substr(length, 2), "\r\n");
      rest.remove_prefix(length + 2);
    }
    commands.push_back(std::move(words));
  }
  EXPECT_EQ(commands.size(), pipeline.size());
  return commands;
}

const Keys& keys() {
  static const Keys kKeys("q");
  return kKeys;
}

Lease lease(std::string item, std::uint64_t fence, std::uint32_t failures = 0) {
  Lease lease;
  lease.hash = hash_item(item);
  lease.item = std::move(item);
  lease.fence = fence;
  lease.failures = failures;
  return lease;
}

// The arguments of the only command behind the keys of its script.
Words arguments_of(const CommandBuffer& pipeline) {
  const auto commands = commands_of(pipeline);
  EXPECT_THAT(commands, SizeIs(1));
  const Words& words = commands.at(0);
  EXPECT_EQ(words.at(0), "EVALSHA");
  return {words.begin() + 3 + std::stol(words.at(2)), words.end()};
}

Words settle_arguments(const std::vector<Settlement>& settlements, const RetryPolicy& policy = {}) {
  CommandBuffer out;
  append_settle(out, keys(), "s", settlements, policy);
  return arguments_of(out);
}

// The four words behind the fence, the items, the holders and the results of one settlement.
Words verb_of(const Outcome& outcome, std::uint32_t failures = 0, const RetryPolicy& policy = {},
              std::uint32_t crashes = 0) {
  Lease tried = lease("a", 5, failures);
  tried.crashes = crashes;
  Words words = settle_arguments({{tried, outcome}}, policy);
  words.erase(words.begin(), words.begin() + 10);
  return words;
}

TEST(Pipelines, HoldAnyBytes) {
  CommandBuffer pipeline;
  const std::string odd("\r\n\0$3\r\n", 7);
  pipeline.command({"SET", odd, ""});
  pipeline.begin(3);
  pipeline.arg("a", "b");
  pipeline.arg(-12);
  pipeline.arg(std::uint64_t{18'446'744'073'709'551'615U});
  EXPECT_THAT(commands_of(pipeline),
              ElementsAre(Words{"SET", odd, ""}, Words{"ab", "-12", "18446744073709551615"}));
  pipeline.clear();
  EXPECT_EQ(pipeline.size(), 0U);
  EXPECT_EQ(pipeline.bytes(), "");
}

TEST(Operations, AHolderIsTheSessionAndTheFence) {
  EXPECT_EQ(holder("0123456789abcdef", 42, false), "0123456789abcdef#42");
  EXPECT_EQ(holder("0123456789abcdef", 42, true), "0123456789abcdef#42!");
}

TEST(Operations, APopNamesItsKeysInTheOrderOfTheScript) {
  CommandBuffer out;
  append_pop(out, keys(), 7, "id");
  EXPECT_THAT(commands_of(out),
              ElementsAre(Words{"EVALSHA", std::string(scripts::pop.sha1), "8", "q", "q:processing",
                                "q:fence", "q:stats", "q:paused", "q:attempts", "q:crashes",
                                "q:checkpoints", "7", "id"}));
}

TEST(Operations, ALeaseIsSetForItsTimeAndAnHour) {
  CommandBuffer out;
  append_lease(out, keys(), "s", lease("apple", 9), 60s, false);
  EXPECT_THAT(commands_of(out), ElementsAre(Words{"SET", keys().lease(hash_item("apple")), "s#9",
                                                  "NX", "PX", "3660000"}));
}

TEST(Operations, ALeaseOnAFullRedisIsSetThroughAScript) {
  CommandBuffer out;
  append_lease(out, keys(), "s", lease("apple", 9), 60s, true);
  EXPECT_THAT(
      commands_of(out),
      ElementsAre(Words{"EVALSHA", std::string(scripts::write_at_maxmemory.sha1), "2", "q:fence",
                        keys().lease(hash_item("apple")), "SET", "s#9", "NX", "PX", "3660000"}));
}

TEST(Operations, ARenewalNamesEachLeaseAndItsHolder) {
  CommandBuffer out;
  const std::vector<Lease> leases = {lease("a", 1), lease("b", 2)};
  append_renew(out, keys(), "s", held(leases), 1s);
  EXPECT_THAT(arguments_of(out), ElementsAre("3601000", "s#1", "s#2"));
  EXPECT_EQ(commands_of(out)[0].at(3), keys().lease(leases[0].hash));
}

TEST(Operations, ASettlementBeginsWithTheLowestFenceTheItemsAndTheHolders) {
  EXPECT_THAT(settle_arguments({{lease("a", 7), Outcome::complete()},
                                {lease("", 5), Outcome::complete()},
                                {lease("c", 6), Outcome::complete()}}),
              ElementsAre("5", "0", "a", "", "c", "s#7", "s#5", "s#6"));
}

TEST(Operations, ACompletionTellsItsResultAndThenItsFollowUps) {
  Outcome outcome = Outcome::complete("r");
  outcome.follow_ups = {"x", ""};
  EXPECT_THAT(
      settle_arguments({{lease("a", 1), outcome}}),
      ElementsAre("1", "0", "a", "s#1", "0", "0", "0", "", "0", "1", "1", "1", "result", "r",  //
                  "1", "push", "x", "", "1", "push", "", ""));
}

TEST(Operations, AFollowUpGoesToAPlaceThatIsAQueueAndATime) {
  Outcome outcome;
  outcome.follow_ups = {FollowUp::to("p", "x"), FollowUp::to("p", "y"), "z", FollowUp::to("q", "z"),
                        FollowUp::to("p", "w")};
  outcome.follow_ups[1].delay = 5s;
  CommandBuffer out;
  const std::vector<Settlement> settlements{{lease("a", 1), outcome}};
  append_settle(out, keys(), "s", settlements, {});
  const Words words = commands_of(out)[0];
  const auto end_of_keys = words.begin() + 3 + std::stol(words.at(2));
  EXPECT_EQ(Words(end_of_keys - 4, end_of_keys), (Words{"p", "p:delayed", "p:stats", "p:seen"}));
  EXPECT_EQ(Words(end_of_keys, end_of_keys + 2), (Words{"1", "1"}));
  EXPECT_EQ(Words(end_of_keys + 8, end_of_keys + 14), (Words{"2", "0", "1", "0", "1", "5000"}));
  EXPECT_EQ(Words(end_of_keys + 14, words.end()),
            (Words{"1", "1", "x", "",     "1", "2", "y", "",  "1", "push",
                   "z", "",  "1", "push", "z", "",  "1", "1", "w", ""}));
}

TEST(Operations, AFollowUpWithAKeyTellsItsHash) {
  Outcome outcome;
  outcome.follow_ups = {FollowUp::once("x", "abc")};
  const std::string hash(
      "\x23\x09\x7d\x22\x34\x05\xd8\x22\x86\x42\xa4\x77\xbd\xa2"
      "\x55\xb3\x2a\xad\xbc\xe4\xbd\xa0\xb3\xf7\xe3\x6c\x9d\xa7");
  EXPECT_THAT(
      settle_arguments({{lease("a", 1), outcome}}),
      ElementsAre("1", "0", "a", "s#1", "0", "0", "0", "", "0", "0", "1", "push", "x", hash));
}

TEST(Operations, AResultTellsHowLongItIsKept) {
  RetryPolicy policy;
  policy.results_ttl = 7s;
  EXPECT_EQ(settle_arguments({{lease("a", 1), Outcome::complete("r")}}, policy).at(4), "7000");
}

TEST(Operations, TheHistoryIsToldOfTriesThatWereBegun) {
  RetryPolicy policy;
  policy.history = 9;
  policy.history_worker = "w";
  Outcome begun;
  begun.usage.begun = std::chrono::system_clock::time_point{1s};
  const std::vector<Settlement> both{{lease("a", 1), begun}, {lease("b", 2), Outcome::release()}};
  const Words words = settle_arguments(both, policy);
  EXPECT_EQ(words.at(7), "9");
  EXPECT_EQ(words.at(8), "1");
  EXPECT_EQ(words.at(9), record_attempts(both, "w").text);
  EXPECT_THAT(settle_arguments({{lease("a", 1), Outcome::complete()}}, policy),
              ElementsAre("1", "0", "a", "s#1"));
}

TEST(Operations, AVerbNamesThePositionOfItsItem) {
  const Words words = settle_arguments({{lease("a", 1), Outcome::complete()},
                                        {lease("b", 2), Outcome::release(7ms)},
                                        {lease("c", 3), Outcome::complete("r")}});
  EXPECT_EQ(Words(words.begin() + 8, words.end()),
            (Words{"0", "0", "0", "", "0", "1", "3", "1", "result", "r", "2", "release", "", "7"}));
}

TEST(Operations, ResultsStandInRuns) {
  const Words words = settle_arguments({{lease("a", 1), Outcome::complete("x")},
                                        {lease("b", 2), Outcome::complete("")},
                                        {lease("c", 3), Outcome::complete()},
                                        {lease("d", 4), Outcome::complete("y")}});
  EXPECT_EQ(
      Words(words.begin() + 10, words.end()),
      (Words{"0", "0", "0", "", "0", "2", "1", "2", "result", "x", "", "4", "1", "result", "y"}));
}

TEST(Operations, ARunOfResultsIsOfOneKind) {
  const Words words = settle_arguments({{lease("a", 1), Outcome::complete("x")},
                                        {lease("b", 2), Outcome::complete_json("1")},
                                        {lease("c", 3), Outcome::complete_json("2")},
                                        {lease("d", 4), Outcome::complete("y")}});
  EXPECT_EQ(Words(words.begin() + 10, words.end()),
            (Words{"0", "0", "0", "", "0", "3", "1", "1", "result", "x", "2", "2", "json", "1", "2",
                   "4", "1", "result", "y"}));
}

TEST(Operations, AFailureIsTriedAgainAfterABackoff) {
  RetryPolicy policy;
  policy.backoff_base = 1s;
  for (std::uint32_t failures : {0U, 1U}) {
    const Words words = verb_of(Outcome::fail("no"), failures, policy);
    ASSERT_THAT(words, SizeIs(4));
    EXPECT_EQ(words[1], "fail");
    const long longest = 1'000L << failures;
    EXPECT_THAT(std::stol(words[3]), AllOf(Ge(longest / 2), Le(longest)));
  }
}

TEST(Operations, TheLastFailureIsTheDeathOfTheItem) {
  RetryPolicy policy;
  policy.max_attempts = 3;
  EXPECT_EQ(verb_of(Outcome::fail("no"), 1, policy).at(1), "fail");
  EXPECT_EQ(verb_of(Outcome::fail("no"), 2, policy).at(3), "");
  EXPECT_EQ(verb_of(Outcome::fail("no"), 9, policy).at(3), "");
  EXPECT_EQ(verb_of(Outcome::fatal("no"), 0, policy).at(1), "dead");
  policy.max_attempts = 1;
  EXPECT_EQ(verb_of(Outcome::fail("no"), 0, policy).at(3), "");
}

TEST(Operations, CrashesHaveABudgetAndABackoffOfTheirOwn) {
  RetryPolicy policy;
  policy.backoff_base = 1s;
  policy.max_attempts = 1;
  policy.max_crashes = 3;
  for (std::uint32_t crashes : {0U, 1U}) {
    const Words words = verb_of(Outcome::crash({}), 9, policy, crashes);
    EXPECT_EQ(words.at(1), "crash");
    const long longest = 1'000L << crashes;
    EXPECT_THAT(std::stol(words.at(3)), AllOf(Ge(longest / 2), Le(longest)));
  }
  EXPECT_EQ(verb_of(Outcome::crash({}), 0, policy, 2).at(3), "");
  policy.max_attempts = 3;
  EXPECT_NE(verb_of(Outcome::fail("no"), 1, policy, 9).at(3), "");
}

TEST(Operations, AReleaseTakesTheDelayOfThePolicyOrItsOwn) {
  RetryPolicy policy;
  policy.release_delay = 3s;
  EXPECT_EQ(verb_of(Outcome::release(), 0, policy).at(3), "3000");
  EXPECT_EQ(verb_of(Outcome::release(0ms), 0, policy).at(3), "0");
  EXPECT_EQ(verb_of(Outcome::release(5s), 0, policy).at(3), "5000");
}

TEST(Operations, AFailureIsJsonWithoutItsFirstBrace) {
  Failure failure;
  failure.kind = FailureKind::signal;
  failure.message = "two\nlines \"quoted\" \xff";
  failure.signal = 9;
  const auto json = nlohmann::json::parse("{" + verb_of(Outcome::fail(failure)).at(2));
  EXPECT_EQ(json["kind"], "signal");
  EXPECT_EQ(json["message"], "two\nlines \"quoted\" \xef\xbf\xbd");
  EXPECT_EQ(json["signal"], 9);
  EXPECT_FALSE(json.contains("exit_code"));
  EXPECT_FALSE(json.contains("max_rss_bytes"));
  EXPECT_FALSE(json.contains("stderr_tail"));
  EXPECT_FALSE(json.contains("worker"));
}

}  // namespace
}  // namespace wq::internal
