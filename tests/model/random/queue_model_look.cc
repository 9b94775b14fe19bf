#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "model/random/queue_model.h"
#include "queue/operations.h"

// What can be seen of the model, and compared with Redis.

namespace wq::test::random {
namespace {

using internal::Key;

std::map<std::string, std::string> numbers(const std::map<std::string, std::int64_t>& counts) {
  std::map<std::string, std::string> pairs;
  for (const auto& [name, number] : counts) pairs.emplace(name, std::to_string(number));
  return pairs;
}

std::vector<std::string> strings(const std::deque<std::string>& items) {
  return {items.begin(), items.end()};
}

}  // namespace

Counts QueueModel::counts() const {
  const auto stat = [this](const char* name) {
    const auto found = stats_.find(name);
    return found == stats_.end() ? 0U : static_cast<std::uint64_t>(found->second);
  };
  Counts counts;
  counts.id = id_;
  counts.ready = ready_.size();
  counts.processing = processing_.size();
  counts.delayed = delayed_.size();
  counts.dead = dead_.size();
  counts.producers = producers_.size();
  counts.paused = paused_;
  counts.pushed = stat("pushed");
  counts.leased = stat("leased");
  counts.completed = stat("completed");
  counts.failed = stat("failed");
  counts.crashed = stat("crashed");
  counts.returned = stat("returned");
  counts.released = stat("released");
  counts.died = stat("dead");
  counts.dropped = stat("dropped");
  counts.merged = stat("merged");
  counts.foreign = stat("foreign");
  counts.lost = stat("lost");
  counts.recovered = stat("recovered");
  return counts;
}

bool QueueModel::is_empty() const {
  return ready_.empty() && processing_.empty() && delayed_.empty();
}

bool QueueModel::is_drained() const {
  return begun() && is_empty() && producers_.empty() && !paused_;
}

std::vector<std::int64_t> QueueModel::moments_ms() const {
  std::vector<std::int64_t> moments;
  for (const Set* set : {&delayed_, &producers_}) {
    for (const auto& each : *set) moments.push_back(each.second);
  }
  for (const auto& [hash, lease] : leases_) {
    moments.push_back(lease.expires_ms);
    moments.push_back(lease.expires_ms - internal::kLeaseTail.count());
  }
  for (const auto& each : replay_) moments.push_back(each.second.expires_ms);
  moments.push_back(results_expire_ms_);
  std::erase_if(moments, [this](std::int64_t moment) { return moment <= now_ms(); });
  return moments;
}

std::vector<std::string> QueueModel::mortal_keys() const {
  std::vector<std::string> keys{keys_[Key::results]};
  for (const auto& [hash, lease] : leases_) keys.push_back(keys_.lease_prefix() + hash);
  for (const auto& [session, replay] : replay_) keys.push_back(keys_.replay(session));
  return keys;
}

void QueueModel::forget_expired() {
  const auto past = [this](const auto& each) { return is_past(each.second.expires_ms); };
  std::erase_if(leases_, past);
  std::erase_if(replay_, past);
  forget_expired_results();
}

void QueueModel::check_conservation() const {
  const Counts now = counts();
  const auto in = static_cast<std::int64_t>(now.pushed) + foreign_pushes_;
  const auto there =
      static_cast<std::int64_t>(now.ready + now.processing + now.delayed + now.dead +
                                now.completed + now.dropped + now.merged + now.lost) +
      settled_elsewhere_;
  if (in != there) {
    throw std::logic_error(fmt::format("{} items were pushed and {} are accounted for", in, there));
  }
}

std::string QueueModel::history_text() const {
  std::map<std::string, std::string> history;
  for (const auto& [last, fields] : history_) {
    history.emplace(fmt::format("{}-0", last), render_list(fields));
  }
  return history.empty() ? std::string() : render_hash(history, -1);
}

Contents QueueModel::other_contents() const {
  const internal::Keys other{kOther};
  std::map<std::string, std::string> stats = numbers(other_.stats);
  std::erase_if(stats, [](const auto& each) { return each.second == "0"; });
  stats.insert(other_.comes_after.begin(), other_.comes_after.end());
  if (!other_.id.empty()) stats.emplace("id", other_.id);
  Contents all{{other[Key::ready], render_list(strings(other_.ready))},
               {other[Key::delayed], render_pairs(numbers(other_.delayed))},
               {other[Key::seen], render_list({other_.seen.begin(), other_.seen.end()})},
               {other[Key::stats], render_pairs(stats)}};
  std::erase_if(all, [](const auto& each) { return each.second.empty(); });
  return all;
}

Contents QueueModel::contents() const {
  Contents all;
  const auto add = [&all](const std::string& key, std::string text) {
    if (!text.empty()) all.emplace(key, std::move(text));
  };
  add(std::string(internal::kRegistryKey), render_pairs(numbers(registry_)));
  add(keys_[Key::ready], render_list(strings(ready_)));
  add(keys_[Key::processing], render_list(strings(processing_)));
  add(keys_[Key::delayed], render_pairs(numbers(delayed_)));
  add(keys_[Key::dead], render_pairs(numbers(dead_)));
  add(keys_[Key::attempts], render_pairs(numbers(attempts_)));
  add(keys_[Key::crashes], render_pairs(numbers(crashes_)));
  add(keys_[Key::failures], render_pairs(failures_));
  std::map<std::string, std::string> stats = numbers(stats_);
  std::erase_if(stats, [](const auto& each) { return each.second == "0"; });
  if (begun()) stats.emplace("id", id_);
  add(keys_[Key::stats], render_pairs(stats));
  if (fence_) add(keys_[Key::fence], render_string(std::to_string(*fence_), -1));
  add(keys_[Key::producers], render_pairs(numbers(producers_)));
  add(keys_[Key::replays], render_pairs(numbers(replays_)));
  add(keys_[Key::workers], render_pairs(workers_));
  if (paused_) add(keys_[Key::paused], render_string("1", -1));
  add(keys_[Key::seen], render_list({seen_.begin(), seen_.end()}));
  add(keys_[Key::totals], render_pairs(totals_));
  std::map<std::string, std::string> checkpoints;
  for (const auto& [hash, kept] : checkpoints_) {
    checkpoints.emplace(hash, kept.stored());
  }
  add(keys_[Key::checkpoints], render_pairs(checkpoints));
  if (!distinct_.empty()) {
    add(keys_[Key::distinct], render_string(fmt::format("{} different", distinct_.size()), -1));
  }
  const auto left_ms = [this](std::int64_t expires_ms) {
    return expires_ms < 0 ? -1 : expires_ms - now_ms();
  };
  std::map<std::string, std::string> results;
  for (const StoredResult& each : results_) {
    results.emplace(fmt::format("{}-{}", each.ms, each.number),
                    render_list({"item", each.entry.item, each.entry.field, each.entry.result}));
  }
  if (!results.empty() && !is_past(results_expire_ms_)) {
    add(keys_[Key::results], render_hash(results, left_ms(results_expire_ms_)));
  }
  add(keys_[Key::history], history_text());
  all.merge(other_contents());
  for (const auto& [session, replay] : replay_) {
    if (is_past(replay.expires_ms)) continue;
    std::map<std::string, std::string> fields;
    if (replay.floor) fields.emplace("floor", std::to_string(*replay.floor));
    if (replay.added) fields.emplace("added", std::to_string(*replay.added));
    if (replay.purged) fields.emplace("purged", "1");
    if (replay.hold_ms) fields.emplace("hold_ms", std::to_string(*replay.hold_ms));
    if (replay.who) fields.emplace("who", *replay.who);
    for (const auto& [number, added] : replay.answers) {
      fields.emplace(std::to_string(number), std::to_string(added));
    }
    add(keys_.replay(session), render_hash(fields, left_ms(replay.expires_ms)));
  }
  for (const auto& [hash, lease] : leases_) {
    if (is_past(lease.expires_ms)) continue;
    add(keys_.lease_prefix() + hash, render_string(lease.holder, left_ms(lease.expires_ms)));
  }
  return all;
}

}  // namespace wq::test::random
