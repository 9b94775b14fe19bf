#include "queue/operations.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <wq/error.h>

#include "base/backoff.h"
#include "base/failure_json.h"
#include "base/random.h"
#include "base/totals.h"
#include "queue/attempts.h"
#include "queue/limits.h"
#include "script/script.h"

namespace wq::internal {
namespace {

std::string failure_json(const Failure& whole) {
  const Failure failure = shortened(whole);
  nlohmann::json json = {{"kind", text(failure.kind)}, {"message", failure.message}};
  put_failure(json, failure);
  // Bytes that are not UTF-8 become replacement characters: this is for people. The script puts the
  // server's time in front, in place of the first brace.
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).substr(1);
}

// The arguments of the settle script for an item that is not simply completed.
struct Verb {
  std::size_t position;
  std::string name;
  std::string operand;
  std::string more;  // the delay in ms; of a follow-up the hash of its key; of a total the number
};

// `attempts` so far, this one included, of the `most` that the item may have.
std::string backoff_ms(std::uint32_t attempts, std::uint32_t most, const RetryPolicy& policy) {
  if (attempts >= most) return {};
  const auto delay =
      backoff_delay(attempts, policy.backoff_base, policy.backoff_max, random_fraction());
  return std::to_string(delay.count());
}

// Where the follow-ups of a call go, besides ready of their own queue: to other queues, numbered
// from 1, and to those that wait for so long.
class Places {
 public:
  explicit Places(const Keys& own) : own_(own) {}

  /// The verb that pushes there.
  std::string verb(const FollowUp& follow_up) {
    const Place place{target(follow_up.queue), follow_up.delay};
    if (place == Place{}) return "push";
    const auto [at, is_new] = numbers_.try_emplace(place, places_.size() + 1);
    if (is_new) places_.push_back(place);
    return std::to_string(at->second);
  }

  [[nodiscard]] const std::vector<Keys>& targets() const noexcept { return targets_; }
  [[nodiscard]] std::size_t size() const noexcept { return places_.size(); }
  void append(CommandBuffer& out) const {
    for (const auto& [target, wait] : places_) {
      out.arg(target);
      out.arg(wait.count());
    }
  }

 private:
  using Place = std::pair<std::size_t, std::chrono::milliseconds>;

  std::size_t target(const std::string& queue) {
    if (queue.empty() || queue == own_.queue()) return 0;
    const auto known = std::find_if(targets_.begin(), targets_.end(),
                                    [&](const Keys& each) { return each.queue() == queue; });
    if (known != targets_.end()) return static_cast<std::size_t>(known - targets_.begin()) + 1;
    targets_.emplace_back(queue);
    return targets_.size();
  }

  const Keys& own_;
  std::vector<Keys> targets_;
  std::vector<Place> places_;
  std::map<Place, std::size_t> numbers_;
};

void collect_verbs(std::size_t position, const Settlement& settlement, const RetryPolicy& policy,
                   Places& places, std::vector<Verb>& verbs) {
  const Outcome& outcome = settlement.outcome;
  if (outcome.kind != Outcome::Kind::complete && outcome.checkpoint) {
    verbs.push_back(
        {position, "keep", *outcome.checkpoint, std::to_string(settlement.lease.fence)});
  }
  switch (outcome.kind) {
    case Outcome::Kind::complete:
      for (const FollowUp& each : outcome.follow_ups) {
        verbs.push_back({position, places.verb(each), each.item,
                         each.once_key ? seen_entry(*each.once_key) : ""});
      }
      for (TotalVerb& each : reduce(outcome.totals).verbs) {
        verbs.push_back(
            {position, std::string(each.name), std::move(each.operand), std::move(each.more)});
      }
      return;
    case Outcome::Kind::fail:
      verbs.push_back({position, "fail", failure_json(outcome.failure),
                       backoff_ms(settlement.lease.failures + 1, policy.max_attempts, policy)});
      return;
    case Outcome::Kind::crash:
      verbs.push_back({position, "crash", failure_json(outcome.failure),
                       backoff_ms(settlement.lease.crashes + 1, policy.max_crashes, policy)});
      return;
    case Outcome::Kind::fatal:
      verbs.push_back({position, "dead", failure_json(outcome.failure), ""});
      return;
    case Outcome::Kind::release:
      verbs.push_back(
          {position, "release", "",
           std::to_string(outcome.release_delay.value_or(policy.release_delay).count())});
      return;
  }
}

// Consecutive settlements with a result of the same kind.
struct Run {
  std::size_t first;
  std::size_t size;
  bool is_json;
};

std::vector<Run> runs_with_result(std::span<const Settlement> settlements) {
  std::vector<Run> runs;
  for (std::size_t i = 0; i < settlements.size(); ++i) {
    const Outcome& outcome = settlements[i].outcome;
    if (outcome.kind != Outcome::Kind::complete || !outcome.result) continue;
    const bool goes_on = !runs.empty() && runs.back().first + runs.back().size == i &&
                         runs.back().is_json == outcome.result_is_json;
    if (!goes_on) runs.push_back({i, 0, outcome.result_is_json});
    ++runs.back().size;
  }
  return runs;
}

// Of `n` that were drawn, from 1 on.
std::uint64_t last_fence(Value answer, std::size_t n) {
  const std::uint64_t last = answer.count();
  if (last < n) throw ProtocolError(fmt::format("Redis drew the fence {} for {} items", last, n));
  return last;
}

Lease make_lease(std::string item, std::uint64_t fence) {
  Lease lease;
  lease.hash = hash_item(item);
  lease.item = std::move(item);
  lease.fence = fence;
  return lease;
}

// So many that one more is still a number.
constexpr std::uint64_t kMostAttempts = 1'000'000'000;

template <typename Field>
void read_attempts(Value answer, std::span<Lease> leases, Field field) {
  for (std::size_t i = 0; i < leases.size(); ++i) {
    if (!answer[i].is_nil()) {
      leases[i].*field = static_cast<std::uint32_t>(std::min(answer[i].count(), kMostAttempts));
    }
  }
}

}  // namespace

std::string holder(std::string_view session, std::uint64_t fence, bool alone) {
  return fmt::format(FMT_STRING("{}#{}{}"), session, fence, alone ? "!" : "");
}

void append_attach(CommandBuffer& out, const Keys& keys) {
  begin_call(out, scripts::attach, keys, 0, scripts::attach.keys.size());
  for (const Key key : scripts::attach.keys) {
    out.arg(kKeyKinds[static_cast<std::size_t>(key)].type);
  }
}

RefusedError key_in_the_way(std::string_view key, std::string_view type, std::string_view needed) {
  return RefusedError(
      fmt::format("WRONGTYPE the key '{}' has the wrong type: it is a {} and the queue needs a {}; "
                  "choose another queue name or remove the key",
                  key, type, needed));
}

void read_attach(Value answer) {
  if (answer.is_array()) {
    throw key_in_the_way(answer[0].text(), answer[1].text(), answer[2].text());
  }
}

void append_pop(CommandBuffer& out, const Keys& keys, std::size_t n, std::string_view queue_id) {
  append_call(out, scripts::pop, keys, {}, n, queue_id);
}

Popped read_pop(Value answer) {
  Popped popped;
  if (answer.size() == 0) return popped;
  const Value items = answer[2];
  const std::size_t n = items.size();
  const std::uint64_t last = last_fence(answer[0], n);
  popped.has_history = answer[1].integer() > 0;
  if (answer.size() > 3 && !answer[3].is_nil()) popped.pushed = answer[3].count();
  popped.items.reserve(n);
  for (std::size_t i = 0; i < n; ++i) {
    popped.items.push_back(make_lease(std::string(items[i].text()), last - n + 1 + i));
  }
  return popped;
}

void append_claim(CommandBuffer& out, const Keys& keys, std::string_view queue_id,
                  std::optional<std::string_view> item) {
  begin_call(out, scripts::claim, keys, 0, item ? 2 : 1);
  out.arg(queue_id);
  if (item) out.arg(*item);
}

Popped read_claim(Value answer, std::string item) {
  Popped popped;
  if (answer.size() == 0) return popped;
  popped.items.push_back(make_lease(std::move(item), last_fence(answer[0], 1)));
  popped.has_history = answer[1].integer() > 0;
  return popped;
}

void append_write(CommandBuffer& out, const Keys& keys, bool at_maxmemory, std::string_view command,
                  std::string_view key, std::initializer_list<std::string_view> words) {
  if (at_maxmemory) {
    append_call(out, scripts::write_at_maxmemory, keys, {key}, command, words);
    return;
  }
  out.begin(2 + words.size());
  out.arg(command);
  out.arg(key);
  for (const std::string_view word : words) out.arg(word);
}

void append_lease(CommandBuffer& out, const Keys& keys, std::string_view session,
                  const Lease& lease, std::chrono::milliseconds ttl, bool write_at_maxmemory) {
  append_write(out, keys, write_at_maxmemory, "SET", keys.lease(lease.hash),
               {holder(session, lease.fence, false), "NX", "PX",
                std::to_string((ttl + kLeaseTail).count())});
}

void append_history(CommandBuffer& out, const Keys& keys, std::span<const Lease> leases) {
  for (const Key key : {Key::attempts, Key::crashes, Key::checkpoints}) {
    out.begin(2 + leases.size());
    out.arg("HMGET");
    out.arg(keys[key]);
    for (const Lease& lease : leases) out.arg(text(lease.hash));
  }
}

void read_failures(Value answer, std::span<Lease> leases) {
  read_attempts(answer, leases, &Lease::failures);
}

void read_crashes(Value answer, std::span<Lease> leases) {
  read_attempts(answer, leases, &Lease::crashes);
}

void read_checkpoints(Value answer, std::span<Lease> leases) {
  for (std::size_t i = 0; i < leases.size(); ++i) {
    if (answer[i].is_nil()) continue;
    std::string_view kept = answer[i].text();
    for (int words = 0; words < 2; ++words) {  // the fence, and the number
      kept.remove_prefix(std::min(kept.find(' '), kept.size() - 1) + 1);
    }
    leases[i].checkpoint = kept;
  }
}

std::vector<std::size_t> read_positions(Value answer, std::size_t n) {
  std::vector<std::size_t> positions;
  for (std::size_t i = 0; i < answer.size(); ++i) {
    const std::uint64_t position = answer[i].count();
    if (position == 0 || position > n) {
      throw ProtocolError(fmt::format("Redis answered for item {} of {}", position, n));
    }
    positions.push_back(static_cast<std::size_t>(position) - 1);
  }
  return positions;
}

void append_settle(CommandBuffer& out, const Keys& keys, std::string_view session,
                   std::span<const Settlement> settlements, const RetryPolicy& policy) {
  std::vector<Verb> verbs;
  Places places(keys);
  std::uint64_t lowest_fence = settlements.front().lease.fence;
  for (std::size_t i = 0; i < settlements.size(); ++i) {
    lowest_fence = std::min(lowest_fence, settlements[i].lease.fence);
    collect_verbs(i + 1, settlements[i], policy, places, verbs);
  }
  const std::vector<Run> runs = runs_with_result(settlements);
  const std::size_t n = settlements.size();
  RecordedAttempts attempts;
  if (policy.history > 0) attempts = record_attempts(settlements, policy.history_worker);
  std::size_t words = 2 + 2 * n;
  const bool bare = verbs.empty() && runs.empty() && attempts.begun == 0;
  if (!bare) words += 6 + 2 * places.size() + 4 * verbs.size();
  for (const Run& run : runs) words += 3 + run.size;
  begin_call(out, scripts::settle, keys, n + 4 * places.targets().size(), words);
  for (const Settlement& each : settlements) {
    out.arg(keys.lease_prefix(), text(each.lease.hash));
  }
  for (const Keys& target : places.targets()) {
    for (const Key key : {Key::ready, Key::delayed, Key::stats, Key::seen}) out.arg(target[key]);
  }
  out.arg(lowest_fence);
  out.arg(places.targets().size());
  for (const Settlement& each : settlements) out.arg(each.lease.item);
  for (const Settlement& each : settlements)
    out.arg(holder(session, each.lease.fence, each.lease.alone));
  if (bare) return;
  out.arg(policy.results_ttl.count());
  out.arg(policy.history);
  out.arg(attempts.begun);
  out.arg(attempts.text);
  out.arg(places.size());
  out.arg(runs.size());
  places.append(out);
  for (const Run& run : runs) {
    out.arg(run.first + 1);
    out.arg(run.size);
    out.arg(run.is_json ? kJsonField : kResultField);
    for (const Settlement& each : settlements.subspan(run.first, run.size)) {
      out.arg(*each.outcome.result);
    }
  }
  for (const Verb& verb : verbs) {
    out.arg(verb.position);
    out.arg(verb.name);
    out.arg(verb.operand);
    out.arg(verb.more);
  }
}

void append_renew(CommandBuffer& out, const Keys& keys, std::string_view session,
                  std::span<const Held> leases, std::chrono::milliseconds ttl) {
  begin_call(out, scripts::renew, keys, leases.size(), 1 + leases.size());
  for (const Held& lease : leases) out.arg(keys.lease_prefix(), text(lease.hash));
  out.arg((ttl + kLeaseTail).count());
  for (const Held& lease : leases) out.arg(holder(session, lease.fence, lease.alone));
}

void append_checkpoints(CommandBuffer& out, const Keys& keys, std::string_view session,
                        std::span<const Checkpoint> checkpoints, std::chrono::milliseconds ttl) {
  begin_call(out, scripts::checkpoint, keys, checkpoints.size(), 1 + 3 * checkpoints.size());
  for (const Checkpoint& each : checkpoints) out.arg(keys.lease_prefix(), text(each.lease.hash));
  out.arg((ttl + kLeaseTail).count());
  for (const Checkpoint& each : checkpoints) {
    out.arg(holder(session, each.lease.fence, each.lease.alone));
  }
  for (const Checkpoint& each : checkpoints) out.arg(each.number);
  for (const Checkpoint& each : checkpoints) out.arg(each.text);
}

std::vector<Held> held(std::span<const Lease> leases) {
  std::vector<Held> result;
  result.reserve(leases.size());
  for (const Lease& lease : leases) result.push_back({lease.hash, lease.fence, lease.alone});
  return result;
}

void append_mark(CommandBuffer& out, const Keys& keys, std::string_view session,
                 std::uint64_t mark) {
  append_write(out, keys, true, "SET", keys.settled(session),
               {std::to_string(mark), "PX", std::to_string(kMarkLife.count())});
}

void append_isolate(CommandBuffer& out, const Keys& keys, std::string_view session,
                    const Lease& lease) {
  append_call(out, scripts::isolate, keys, {keys.lease(lease.hash)}, kLeaseTail.count(),
              holder(session, lease.fence, false));
}

void append_terms(CommandBuffer& out, const Keys& keys, std::chrono::milliseconds lease,
                  std::uint32_t max_crashes) {
  append_call(out, scripts::write_at_maxmemory, keys, {keys[Key::stats]}, "HSET", kLeaseField,
              lease.count(), kMaxCrashesField, max_crashes);
}

void append_stage(CommandBuffer& out, const Keys& keys, const EarlierStage& stage, bool anew) {
  append_call(out, scripts::write_at_maxmemory, keys, {keys[Key::stats]},
              stage.id.empty() && !anew ? "HSETNX" : "HSET", std::string(kAfterField) + stage.queue,
              stage.id);
}

void append_counts(CommandBuffer& out, std::span<const Keys> queues) {
  const auto& kinds = scripts::counts.keys;
  begin_call(out, scripts::counts, queues.front(), (queues.size() - 1) * kinds.size(), 0);
  for (const Keys& each : queues.subspan(1)) {
    for (const Key key : kinds) out.arg(each[key]);
  }
}

Counts read_counts(Value answer, std::size_t queue) {
  const std::size_t first = queue * scripts::counts.keys.size();
  Counts counts;
  counts.ready = answer[first].count();
  counts.processing = answer[first + 1].count();
  counts.delayed = answer[first + 2].count();
  counts.dead = answer[first + 3].count();
  counts.producers = answer[first + 4].count();
  counts.paused = answer[first + 5].integer() != 0;
  struct Field {
    std::string_view name;
    std::uint64_t Counts::*value;
  };
  static constexpr Field kFields[] = {
      {"pushed", &Counts::pushed},       {"leased", &Counts::leased},
      {"completed", &Counts::completed}, {"failed", &Counts::failed},
      {"crashed", &Counts::crashed},     {"returned", &Counts::returned},
      {"released", &Counts::released},   {"dead", &Counts::died},
      {"dropped", &Counts::dropped},     {"merged", &Counts::merged},
      {"foreign", &Counts::foreign},     {"lost", &Counts::lost},
      {"recovered", &Counts::recovered},
  };
  const Value stats = answer[first + 6];
  for (std::size_t i = 0; i + 1 < stats.size(); i += 2) {
    const std::string_view name = stats[i].text();
    if (name == "id") {
      counts.id = stats[i + 1].text();
      continue;
    }
    if (name.starts_with(kAfterField)) {
      counts.after.push_back(
          {std::string(name.substr(kAfterField.size())), std::string(stats[i + 1].text())});
      continue;
    }
    const auto* field = std::find_if(std::begin(kFields), std::end(kFields),
                                     [name](const Field& each) { return each.name == name; });
    if (field != std::end(kFields)) counts.*(field->value) = stats[i + 1].count();
  }
  return counts;
}

std::vector<std::string> lease_keys(const Keys& keys, std::span<const std::string> items) {
  std::vector<std::string> leases;
  leases.reserve(items.size());
  for (const std::string& item : items) leases.push_back(keys.lease(hash_item(item)));
  return leases;
}

}  // namespace wq::internal
