#include "fault/verdict.h"

#include <algorithm>
#include <iterator>
#include <set>

#include <fmt/format.h>

#include <wq/queue.h>

#include "base/keys.h"
#include "queue/operations.h"
#include "script/script.h"

namespace wq::fault {
namespace {

using internal::Key;

constexpr std::size_t kMostShown = 5;

bool is_poison(const std::string& item) { return item.ends_with(kPoison); }

Counts counts_of(test::RedisClient& redis) {
  const internal::Keys keys(kQueue);
  internal::CommandBuffer call;
  internal::append_call(call, internal::scripts::counts, keys, {});
  return internal::read_counts(
      internal::run_script(redis.connection(), internal::scripts::counts, call).value());
}

std::map<std::string, std::vector<std::string>> results_in(test::RedisClient& redis) {
  const internal::Keys keys(kQueue);
  std::map<std::string, std::vector<std::string>> found;
  const internal::Reply reply = redis.call({"XRANGE", keys[Key::results], "-", "+"});
  const internal::Value entries = reply.value();
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const internal::Value fields = entries[i][1];
    found[std::string(fields[1].text())].emplace_back(fields[3].text());
  }
  return found;
}

void tell(std::vector<std::string>& violations, const std::string& what,
          const std::vector<std::string>& items) {
  if (items.empty()) return;
  std::string text = fmt::format("{} items {}:", items.size(), what);
  for (std::size_t i = 0; i < std::min(items.size(), kMostShown); ++i) text += " " + items[i];
  violations.push_back(text);
}

// Every completion adds 1 under its result, in the step that stores the result.
void judge_totals(test::RedisClient& redis,
                  const std::map<std::string, std::vector<std::string>>& results,
                  std::vector<std::string>& violations) {
  const internal::Keys keys(kQueue);
  std::map<std::string, std::string> expected;
  for (const auto& [item, texts] : results) {
    expected["sdone " + item] = std::to_string(texts.size());
  }
  std::vector<std::string> differ;
  const internal::Reply reply = redis.call({"HGETALL", keys[Key::totals]});
  for (std::size_t i = 0; i + 1 < reply.value().size(); i += 2) {
    const std::string field(reply.value()[i].text());
    const auto found = expected.extract(field);
    if (found.empty() || found.mapped() != reply.value()[i + 1].text()) differ.push_back(field);
  }
  for (const auto& [field, number] : expected) differ.push_back(field);
  tell(violations, "have another total than results", differ);
}

// Every completion pushes its result to the next queue, in the step that stores the result.
void judge_follow_ups(test::RedisClient& redis,
                      const std::map<std::string, std::vector<std::string>>& results,
                      std::vector<std::string>& violations) {
  const internal::Keys keys(kNextQueue);
  std::vector<std::string> expected;
  for (const auto& [item, texts] : results)
    expected.insert(expected.end(), texts.begin(), texts.end());
  std::vector<std::string> there = redis.list({"LRANGE", keys[Key::ready], "0", "-1"});
  std::sort(expected.begin(), expected.end());
  std::sort(there.begin(), there.end());
  std::vector<std::string> differ;
  std::set_symmetric_difference(expected.begin(), expected.end(), there.begin(), there.end(),
                                std::back_inserter(differ));
  tell(violations, "have more or fewer follow-ups than results", differ);
  const std::string pushed = redis.text({"HGET", keys[Key::stats], "pushed"}).value_or("0");
  if (pushed != std::to_string(there.size())) {
    violations.push_back(
        fmt::format("{} follow-ups are there, and {} are counted", there.size(), pushed));
  }
}

void judge_results(test::RedisClient& redis, const Plan& plan,
                   const std::map<std::string, int>& by_python,
                   std::vector<std::string>& violations) {
  auto results = results_in(redis);
  judge_totals(redis, results, violations);
  judge_follow_ups(redis, results, violations);
  std::vector<std::string> lost;
  std::vector<std::string> twice;
  std::vector<std::string> wrong;
  std::vector<std::string> strange;
  for (const std::string& item : plan.items) {
    if (is_poison(item)) continue;
    const auto found = results.extract(item);
    if (found.empty()) {
      if (!by_python.contains(item)) lost.push_back(item);
      continue;
    }
    // In a mix, what a RedisWQ client held may be done again by somebody else.
    if (found.mapped().size() > 1 && !plan.python) twice.push_back(item);
    if (found.mapped().front() != "done " + item) wrong.push_back(item);
  }
  for (const auto& [item, texts] : results) strange.push_back(item);
  tell(violations, "without a result", lost);
  tell(violations, "with several results", twice);
  tell(violations, "with a wrong result", wrong);
  tell(violations, "that nobody pushed have results", strange);
}

// Those that kill their workers are dead, and no others.
void judge_dead(test::RedisClient& redis, const Plan& plan, std::vector<std::string>& violations) {
  const internal::Keys keys(kQueue);
  std::vector<std::string> dead = redis.list({"ZRANGE", keys[Key::dead], "0", "-1"});
  std::vector<std::string> alive;
  for (const std::string& item : plan.items) {
    if (is_poison(item) && std::erase(dead, item) == 0) alive.push_back(item);
  }
  tell(violations, "that should be dead are not", alive);
  tell(violations, "are dead without a cause", dead);
}

void judge_counts(test::RedisClient& redis, const Plan& plan,
                  std::vector<std::string>& violations) {
  const Counts counts = counts_of(redis);
  if (!counts.drained()) violations.emplace_back("the queue is not drained");
  if (plan.python) return;
  if (counts.completed + counts.dead != plan.items.size() || counts.pushed != plan.items.size()) {
    violations.push_back(fmt::format("{} items: {} counted as pushed, {} as completed",
                                     plan.items.size(), counts.pushed, counts.completed));
  }
}

void judge_keys(test::RedisClient& redis, const Plan& plan, const Traces& traces,
                std::vector<std::string>& violations) {
  const internal::Keys keys(kQueue);
  const internal::Keys next(kNextQueue);
  // The reclaimer's office ends by itself after seconds when its holder is killed.
  std::set<std::string> expected{
      keys[Key::stats], keys[Key::fence],  keys[Key::results],
      keys[Key::seen],  keys[Key::totals], keys[Key::reclaimer],
      next[Key::ready], next[Key::stats],  std::string(internal::kRegistryKey)};
  // A RedisWQ client that completes an item knows nothing of what others wrote about it.
  const bool dead = std::any_of(plan.items.begin(), plan.items.end(), is_poison);
  if (dead) expected.insert(keys[Key::dead]);
  if (plan.python || dead)
    expected.insert(
        {keys[Key::attempts], keys[Key::crashes], keys[Key::failures], keys[Key::checkpoints]});
  std::vector<std::string> left;
  for (const std::string& key : redis.list({"KEYS", "*"})) {
    // What a dead producer might have asked for again is kept for a day.
    const bool of_producer = traces.producer_died &&
                             key.starts_with(std::string(kQueue) + ":replay") &&
                             !key.ends_with(":pushing");
    // The lease that it sets stays when it dies, for as long as it was set.
    const bool of_python = plan.python && key.starts_with(keys.lease_prefix());
    // A lease that came so late that its item was done, which goes by its expiry
    // (docs/protocol.md).
    const bool of_late = traces.late_command && key.starts_with(keys.lease_prefix()) &&
                         redis.integer({"PTTL", key}) > 0;
    if (!expected.contains(key) && !of_producer && !of_python && !of_late) left.push_back(key);
  }
  // Whatever was killed, lost or restored: a queue that exists is registered.
  for (const internal::Keys* each : {&keys, &next}) {
    if (redis.exists((*each)[Key::stats]) &&
        !redis.text({"ZSCORE", internal::kRegistryKey, each->queue()})) {
      violations.push_back(fmt::format("queue {} is not registered", each->queue()));
    }
  }
  if (left.empty()) return;
  std::string text = fmt::format("{} keys were left:", left.size());
  for (std::size_t i = 0; i < std::min(left.size(), kMostShown); ++i) {
    text += " " + left[i];
    // Whose it is, and when it was set, as its life tells.
    if (left[i].starts_with(keys.lease_prefix())) {
      text += fmt::format(" = {}, {} ms before its end", redis.text({"GET", left[i]}).value_or(""),
                          redis.integer({"PTTL", left[i]}));
    }
  }
  violations.push_back(text);
}

}  // namespace

std::vector<std::string> judge_queue(test::RedisClient& redis, const Plan& plan,
                                     const Traces& traces,
                                     const std::map<std::string, int>& by_python) {
  std::vector<std::string> violations;
  judge_results(redis, plan, by_python, violations);
  judge_dead(redis, plan, violations);
  judge_counts(redis, plan, violations);
  judge_keys(redis, plan, traces, violations);
  return violations;
}

bool is_drained(test::RedisClient& redis) { return counts_of(redis).drained(); }

}  // namespace wq::fault
