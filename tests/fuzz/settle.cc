// Settlements of any kind and with any bytes: what goes out is what a script is to read.

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/totals.h"
#include "fuzz/fuzz.h"
#include "fuzz/resp.h"
#include "queue/attempts.h"
#include "queue/operations.h"

namespace wq::fuzz {
namespace {

constexpr std::string_view kSession = "0123456789abcdef";
constexpr std::size_t kMost = 20;
// In front of the keys: EVALSHA, the script, the number of keys.
constexpr std::size_t kHead = 3;

Failure any_failure(Bytes& bytes) {
  Failure failure;
  constexpr auto kKinds = static_cast<std::size_t>(FailureKind::other) + 1;
  failure.kind = static_cast<FailureKind>(bytes.word().size() % kKinds);
  failure.message = bytes.word();
  failure.stderr_tail = bytes.word();
  const std::uint8_t known = bytes.byte();
  if ((known & 1U) != 0) failure.exit_code = static_cast<int>(bytes.byte());
  if ((known & 2U) != 0) failure.signal = static_cast<int>(bytes.byte());
  if ((known & 4U) != 0) failure.max_rss_bytes = bytes.number();
  if ((known & 8U) != 0) failure.cpu_time = std::chrono::milliseconds{bytes.byte()};
  if ((known & 32U) != 0) failure.stdout_tail = failure.stderr_tail;
  if ((known & 16U) != 0) failure.wall_time = std::chrono::milliseconds{bytes.byte()};
  return failure;
}

Outcome any_outcome(Bytes& bytes) {
  switch (bytes.byte() % 7U) {
    case 0:
      return Outcome::fail(any_failure(bytes));
    case 1:
      return Outcome::fatal(any_failure(bytes));
    case 2:
      return Outcome::release();
    case 3:
      return Outcome::release(std::chrono::milliseconds{bytes.byte()});
    case 4: {
      Outcome outcome = Outcome::complete(bytes.word());
      outcome.follow_ups = {bytes.word(), bytes.word()};
      outcome.result_is_json = outcome.follow_ups[0].item.size() % 2 != 0;
      if (outcome.follow_ups[1].item.size() % 2 != 0) outcome.follow_ups[1].once_key = "key";
      if (outcome.follow_ups[1].item.size() % 3 != 0) outcome.follow_ups[1].queue = "other";
      outcome.follow_ups[1].delay =
          std::chrono::milliseconds{outcome.follow_ups[0].item.size() % 5};
      return outcome;
    }
    case 5: {
      Outcome outcome = Outcome::complete();
      const auto how = static_cast<Reduction>(bytes.byte() % 5U);
      outcome.totals = {{how, bytes.word(), bytes.word()}, {how, bytes.word(), bytes.word()}};
      return outcome;
    }
    default:
      return Outcome::crash(any_failure(bytes));
  }
}

std::vector<Settlement> any_settlements(Bytes& bytes) {
  std::vector<Settlement> settlements;
  while (!bytes.rest().empty() && settlements.size() < kMost) {
    Settlement next;
    next.outcome = any_outcome(bytes);
    next.lease.fence = bytes.byte() + 1U;
    const std::uint8_t attempts = bytes.byte();
    next.lease.failures = attempts % 4U;
    next.lease.crashes = attempts / 4U % 4U;
    if (attempts % 2 != 0) next.outcome.usage.begun = std::chrono::system_clock::time_point{};
    next.lease.item = bytes.word();
    next.lease.hash = hash_item(next.lease.item);
    settlements.push_back(std::move(next));
  }
  return settlements;
}

void check_failure(const std::string& operand, const Failure& failure) {
  const auto json = nlohmann::json::parse("{\"at_ms\":1," + operand);
  require(json.at("kind").is_string() && json.at("message").is_string(),
          "a failure says what and why");
  require(json.contains("exit_code") == failure.exit_code.has_value(), "an exit code is told");
  require(json.contains("signal") == failure.signal.has_value(), "a signal is told");
  require(json.contains("cpu_ms") == failure.cpu_time.has_value(), "the time it used is told");
  require(json.contains("wall_ms") == failure.wall_time.has_value(), "the time it took is told");
  require(json.contains("stdout_tail") == !failure.stdout_tail.empty(), "stdout is told");
  require(json.contains("stderr_tail") == !failure.stderr_tail.empty(), "stderr is told");
}

/// The verbs of one settlement, each the name and two operands.
using Verbs = std::vector<std::array<std::string, 3>>;

/// The number of a queue, and a time in ms, by the verb that pushes there.
using Places = std::map<std::string, std::pair<std::string, std::string>>;

void check_verbs(const Settlement& settlement, const Verbs& verbs, const Places& places,
                 const RetryPolicy& policy) {
  const Outcome& outcome = settlement.outcome;
  if (outcome.kind == Outcome::Kind::complete) {
    const auto totals = internal::reduce(outcome.totals).verbs;
    std::size_t pushes = 0;
    for (const FollowUp& each : outcome.follow_ups) {
      const auto place = places.at(verbs.at(pushes)[0]);
      require(place.first == (each.queue.empty() ? "0" : "1"), "a follow-up goes to its queue");
      require(place.second == std::to_string(each.delay.count()), "and waits as long as it says");
      require(verbs[pushes][1] == each.item, "follow-ups are pushed as they are");
      require(verbs[pushes++][2] == (each.once_key ? internal::seen_entry(*each.once_key) : ""),
              "and once, if they have a key");
    }
    require(verbs.size() == pushes + totals.size(), "a completion tells all it has");
    for (std::size_t i = 0; i < totals.size(); ++i) {
      require(verbs[pushes + i][0] == totals[i].name && verbs[pushes + i][1] == totals[i].operand &&
                  verbs[pushes + i][2] == totals[i].more,
              "totals are told behind the follow-ups");
    }
    return;
  }
  require(verbs.size() == 1, "anything else is one verb");
  const auto& [name, operand, delay_ms] = verbs[0];
  if (outcome.kind == Outcome::Kind::release) {
    require(name == "release" && std::stoll(delay_ms) >= 0, "a release waits for a time");
    return;
  }
  const bool fatal = outcome.kind == Outcome::Kind::fatal;
  const bool crash = outcome.kind == Outcome::Kind::crash;
  const bool last = fatal || (crash ? settlement.lease.crashes + 1 >= policy.max_crashes
                                    : settlement.lease.failures + 1 >= policy.max_attempts);
  require(name == (fatal ? "dead" : crash ? "crash" : "fail"), "a failure is told as what it was");
  require(delay_ms.empty() == last, "the last failure is a death");
  if (!last) {
    require(std::stoll(delay_ms) >= 0 && std::stoll(delay_ms) <= policy.backoff_max.count(),
            "a backoff is in its range");
  }
  check_failure(operand, outcome.failure);
}

/// The name of its field and the result.
using ToldResult = std::pair<std::string, std::string>;

/// Reads so many runs of results that begin at `at`, and moves behind them.
std::map<std::size_t, ToldResult> read_results(const std::vector<std::string>& words,
                                               std::size_t runs, std::size_t& at) {
  std::map<std::size_t, ToldResult> results;
  for (; runs > 0; --runs) {
    const std::size_t first = std::stoul(words.at(at++));
    const std::size_t size = std::stoul(words.at(at++));
    const std::string& field = words.at(at++);
    for (std::size_t i = 0; i < size; ++i) {
      results.emplace(first - 1 + i, ToldResult{field, words.at(at++)});
    }
  }
  return results;
}

void check_attempts(const std::vector<Settlement>& settlements, const std::string& text) {
  const std::vector<Attempt> attempts = internal::read_recorded(text, "");
  auto next = attempts.begin();
  for (const auto& [lease, outcome] : settlements) {
    if (!outcome.usage.begun) continue;
    require(next != attempts.end() && next->sha224 == wq::text(lease.hash),
            "each attempt is recorded");
    require(next->outcome == outcome.kind && next->fence == lease.fence, "as what it was");
    require(!next->whole || next->item == lease.item, "a whole item is the item");
    ++next;
  }
  require(next == attempts.end(), "and no other");
}

void look(const std::vector<Settlement>& settlements) {
  const internal::Keys keys("q");
  RetryPolicy policy;
  policy.history = 9;
  policy.history_worker = "w";
  internal::CommandBuffer pipeline;
  internal::append_settle(pipeline, keys, kSession, settlements, policy);
  require(pipeline.size() == 1, "a batch is one command");
  std::string_view bytes = pipeline.bytes();
  const auto call = read_reply(bytes);
  if (!call) return;  // some word looks like a huge one
  require(bytes.empty(), "the command ends where it says");
  std::vector<std::string> words;
  for (std::size_t i = 0; i < call->value().size(); ++i) {
    words.emplace_back(call->value()[i].text());
  }

  const std::size_t n = settlements.size();
  const std::size_t keys_end = kHead + std::stoul(words.at(2));
  const std::size_t targets = std::stoul(words.at(keys_end + 1));
  const std::size_t leases_begin = keys_end - n - 4 * targets;
  std::size_t verbs_begin = keys_end + 2 + 2 * n;
  std::map<std::size_t, ToldResult> results;
  Places places{{"push", {"0", "0"}}};
  if (words.size() > verbs_begin) {
    require(words[verbs_begin++] == std::to_string(policy.results_ttl.count()), "the time to live");
    require(words.at(verbs_begin) == std::to_string(policy.history), "the length of the history");
    const internal::RecordedAttempts attempts = internal::record_attempts(settlements, "w");
    require(words.at(verbs_begin + 1) == std::to_string(attempts.begun), "how many were begun");
    check_attempts(settlements, words.at(verbs_begin + 2));
    verbs_begin += 3;
    const std::size_t count = std::stoul(words.at(verbs_begin));
    const std::size_t runs = std::stoul(words.at(verbs_begin + 1));
    verbs_begin += 2;
    for (std::size_t i = 1; i <= count; ++i, verbs_begin += 2) {
      places[std::to_string(i)] = {words.at(verbs_begin), words.at(verbs_begin + 1)};
    }
    results = read_results(words, runs, verbs_begin);
  }
  require(words.size() >= verbs_begin && (words.size() - verbs_begin) % 4 == 0,
          "verbs are four words each");
  std::vector<Verbs> verbs(n);
  for (std::size_t i = verbs_begin; i < words.size(); i += 4) {
    verbs.at(std::stoul(words[i]) - 1).push_back({words[i + 1], words[i + 2], words[i + 3]});
  }
  std::uint64_t lowest = settlements[0].lease.fence;
  for (std::size_t i = 0; i < n; ++i) {
    const Lease& lease = settlements[i].lease;
    lowest = std::min(lowest, lease.fence);
    require(words[leases_begin + i] == keys.lease(lease.hash), "each lease is named");
    require(words[keys_end + 2 + i] == lease.item, "each item is named as it is");
    require(words[keys_end + 2 + n + i] == internal::holder(kSession, lease.fence, lease.alone),
            "each holder is named");
    const Outcome& outcome = settlements[i].outcome;
    const bool has_result = outcome.kind == Outcome::Kind::complete && outcome.result;
    require(results.contains(i) == has_result, "each result is told, and no other");
    require(!has_result || results[i] == ToldResult{outcome.result_is_json ? "json" : "result",
                                                    *outcome.result},
            "each result is told as what it is");
    check_verbs(settlements[i], verbs[i], places, policy);
  }
  require(words[keys_end] == std::to_string(lowest), "the lowest fence stands in front");
}

}  // namespace
}  // namespace wq::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  wq::fuzz::Bytes bytes(data, size);
  const auto settlements = wq::fuzz::any_settlements(bytes);
  if (!settlements.empty()) wq::fuzz::look(settlements);
  return 0;
}
