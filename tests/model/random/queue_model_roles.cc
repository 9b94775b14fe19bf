#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "model/random/hashes.h"
#include "model/random/queue_model.h"

// What reclaimers and producers do.

namespace wq::test::random {
namespace {

constexpr std::int64_t kUsualBudget = 3;

// The members of a sorted set with scores up to a limit, by score and then by bytes.
std::vector<std::pair<std::string, std::int64_t>> up_to(
    const std::map<std::string, std::int64_t>& set, std::int64_t limit) {
  std::vector<std::pair<std::string, std::int64_t>> members;
  for (const auto& each : set) {
    if (each.second <= limit) members.emplace_back(each);
  }
  std::stable_sort(members.begin(), members.end(),
                   [](const auto& a, const auto& b) { return a.second < b.second; });
  return members;
}

// What the holder's entry says of it.
std::string who_and_where(const std::string& holder,
                          const std::map<std::string, std::string>& workers) {
  const auto entry = workers.find(holder.substr(0, holder.find('#')));
  if (entry == workers.end()) return "";
  const auto json = nlohmann::json::parse(entry->second, nullptr, false);
  if (!json.is_object()) return "";
  std::string members;
  for (const auto& [field, name] : {std::pair("worker", "label"), std::pair("host", "host")}) {
    const auto said = json.find(name);
    if (said != json.end() && said->is_string()) {
      members += fmt::format(R"(,"{}":{})", field, said->dump());
    }
  }
  return members;
}

}  // namespace

// A crash that may have another cause counts up to the last but one, and once at least. True if it
// is the last.
bool QueueModel::charge(const std::string& hash, std::int64_t budget, bool alone) {
  std::int64_t& crashes = crashes_[hash];
  if (alone) return ++crashes >= budget;
  if (crashes == 0 || crashes < budget - 1) ++crashes;
  return false;
}

QueueModel::Reclaimed QueueModel::reclaim(std::span<const std::string> items, std::int64_t tail_ms,
                                          std::int64_t longest_ms,
                                          std::optional<std::uint32_t> budget) {
  const std::int64_t last = budget ? *budget : term("max_crashes").value_or(kUsualBudget);
  std::vector<std::optional<std::string>> holders;
  for (const std::string& item : items) {
    const LeaseKey* const found = lease(item);
    holders.push_back(found == nullptr ? std::nullopt : std::optional(found->holder));
  }
  Reclaimed reclaimed;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!holders[i]) continue;
    const std::string& item = items[i];
    const std::string hash = hash_of(item);
    if (holders[i]->find('#') == std::string::npos) {
      reclaimed.foreign.push_back(i);
      continue;
    }
    const std::optional<std::int64_t> left_ms = lease_left_ms(item);
    if (!left_ms) continue;  // the list names it twice
    if (*left_ms < 0 || *left_ms > longest_ms) {
      leases_.at(hash).expires_ms = now_ms() + longest_ms;
      continue;
    }
    if (*left_ms > tail_ms) continue;
    leases_.erase(hash);
    if (!remove_rightmost(item)) continue;
    const bool alone = holders[i]->ends_with('!');
    note_failure(hash, fmt::format(R"("kind":"crash","message":"{}","holder":"{}"{}}})",
                                   alone ? "the lease ran out, and its worker held nothing else"
                                         : "the lease ran out",
                                   *holders[i], who_and_where(*holders[i], workers_)));
    ++stats_["crashed"];
    if (charge(hash, last, alone)) {
      add_to_set(dead_, item, now_ms());
      ++stats_["dead"];
      ++reclaimed.died;
    } else {
      ready_.push_back(item);
      ++reclaimed.back;
    }
  }
  return reclaimed;
}

std::int64_t QueueModel::requeue(std::span<const std::string> items) {
  std::int64_t back = 0;
  for (const std::string& item : items) {
    if (lease(item) != nullptr || !remove_rightmost(item)) continue;
    ready_.push_front(item);
    ++stats_["returned"];
    ++stats_["moved"];
    ++back;
  }
  return back;
}

QueueModel::Promoted QueueModel::promote(std::size_t at_most, std::int64_t longest_ms) {
  Promoted promoted;
  for (const auto& [item, due_ms] : up_to(delayed_, now_ms())) {
    if (static_cast<std::size_t>(promoted.moved) == at_most) break;
    delayed_.erase(item);
    ready_.push_back(item);
    ++promoted.moved;
  }
  std::size_t cut = 0;
  for (const auto& [item, due_ms] : up_to(delayed_, INT64_MAX)) {
    if (due_ms <= now_ms() + longest_ms || cut == at_most) continue;
    delayed_[item] = now_ms() + longest_ms;
    ++cut;
  }
  const auto waiting = up_to(delayed_, INT64_MAX);
  if (!waiting.empty()) {
    promoted.next_ms = std::max<std::int64_t>(0, waiting.front().second - now_ms());
  }
  return promoted;
}

QueueModel::Swept QueueModel::sweep(std::span<const std::string> drop, std::int64_t longest_ms,
                                    std::int64_t silence_ms) {
  Swept swept;
  for (std::size_t i = 0; i + 1 < drop.size(); i += 2) {
    const auto found = producers_.find(drop[i]);
    if (found == producers_.end() || std::to_string(found->second) != drop[i + 1]) continue;
    producers_.erase(found);
    ++swept.dropped;
  }
  for (auto& [session, expiry_ms] : producers_) {
    expiry_ms = std::min(expiry_ms, now_ms() + longest_ms);
  }
  for (const auto& [session, expiry_ms] : up_to(producers_, now_ms())) {
    swept.expired.push_back(session);
    swept.expired.push_back(std::to_string(expiry_ms));
  }
  for (const auto& [session, expiry_ms] : up_to(producers_, now_ms() + longest_ms)) {
    if (expiry_ms <= now_ms()) continue;
    swept.held.push_back(session);
    swept.held.push_back(std::to_string(expiry_ms));
  }
  for (const auto& [session, seen_ms] : up_to(replays_, now_ms() - silence_ms)) {
    swept.silent.push_back(session);
  }
  return swept;
}

const QueueModel::Replay* QueueModel::replay(const std::string& session) const {
  const auto found = replay_.find(session);
  return found == replay_.end() || is_past(found->second.expires_ms) ? nullptr : &found->second;
}

void QueueModel::show_sign_of_life(const std::string& session, std::int64_t hold_ms) {
  replays_[session] = now_ms();
  producers_[session] = now_ms() + hold_ms;
}

std::string QueueModel::open(const std::string& session, std::int64_t hold_ms, bool unless_drained,
                             const std::optional<std::string>& who) {
  const std::size_t others = producers_.size() - producers_.count(session);
  if (unless_drained && begun() && is_empty() && others == 0) return "drained";
  const bool exists = replay(session) != nullptr;
  if (!exists) replay_.erase(session);
  if (exists || !replays_.contains(session)) {
    Replay& replay = replay_[session];
    if (!replay.floor) replay.floor = 0;
    replay.hold_ms = hold_ms;
    if (who) replay.who = who;
    replay.expires_ms = -1;
  }
  show_sign_of_life(session, hold_ms);
  return "ok";
}

std::string QueueModel::push(const Push& push) {
  if (this->replay(push.session) == nullptr) return "nosession";
  Replay& replay = replay_.at(push.session);
  if (replay.purged) return "purged";
  const auto answer = replay.answers.find(push.number);
  if (answer != replay.answers.end()) return std::to_string(answer->second);
  if (push.number <= *replay.floor) return "stale";
  if (push.after > *replay.floor && !replay.answers.contains(push.after)) return "behind";
  if (producers_.empty() && begun() && is_empty()) return "holdlost";

  std::int64_t added = 0;
  for (const Push::Item& each : push.items) {
    if (each.once_key && !seen_.insert(raw_hash(*each.once_key)).second) continue;
    ++added;
    if (each.delay_ms == 0) {
      ready_.push_front(each.item);
    } else {
      add_to_set(delayed_, each.item, now_ms() + each.delay_ms);
      --stats_["moved"];  // it was not put on the left of ready
      stats_["merged"];   // is counted from now on
    }
  }
  if (!begun()) id_ = push.queue_id;
  stats_["pushed"] += added;
  if (push.again) {
    forget_lost(added);
    stats_["recovered"] += added;
  }
  replay.added = replay.added.value_or(0) + added;
  replay.answers[push.number] = added;
  std::erase_if(replay.answers, [&](const auto& each) { return each.first <= push.answered; });
  replay.floor = std::max(*replay.floor, push.answered);
  show_sign_of_life(push.session, push.hold_ms);
  return std::to_string(added);
}

std::string QueueModel::touch(const std::string& session, std::int64_t hold_ms,
                              std::int64_t answered) {
  const Replay* const known = replay(session);
  if (known != nullptr && known->purged) return "purged";
  const bool executed = known != nullptr && known->floor &&
                        (answered <= *known->floor || known->answers.contains(answered));
  if (!executed) return "behind";
  if (producers_.empty() && begun() && is_empty()) return "holdlost";
  show_sign_of_life(session, hold_ms);
  return "ok";
}

std::string QueueModel::replayed(const std::string& session) const {
  const Replay* const known = replay(session);
  if (known == nullptr || !known->floor) return replays_.contains(session) ? "" : "gone";
  std::int64_t last = *known->floor;
  if (!known->answers.empty()) last = std::max(last, known->answers.rbegin()->first);
  return std::to_string(last) + " " + std::to_string(known->added.value_or(0));
}

// What is lost counts as pushed, but was not put on the left of ready.
std::int64_t QueueModel::lose(const std::string& id, std::int64_t pushed, std::int64_t lost) {
  if (!id.empty() && id != id_) return 0;
  const std::int64_t more = std::max(pushed - stats_["pushed"], lost - stats_["lost"]);
  if (more <= 0) return 0;
  stats_["pushed"] += more;
  stats_["moved"] -= more;
  stats_["lost"] += more;
  return more;
}

std::int64_t QueueModel::forget_lost(std::int64_t most) {
  const std::int64_t n = std::min(most, stats_["lost"]);
  stats_["lost"] -= n;
  stats_["pushed"] -= n;
  stats_["moved"] += n;
  return n;
}

std::int64_t QueueModel::forget_queues(const std::vector<Registry::value_type>& seen) {
  std::int64_t forgotten = 0;
  for (const auto& [name, ms] : seen) {
    const auto found = registry_.find(name);
    if (found == registry_.end() || found->second != ms) continue;
    registry_.erase(found);
    ++forgotten;
  }
  return forgotten;
}

std::int64_t QueueModel::close(const std::string& session,
                               std::optional<std::int64_t> seen_until_ms) {
  const auto seen = replays_.find(session);
  if (seen_until_ms && seen != replays_.end() && seen->second > *seen_until_ms) return 0;
  producers_.erase(session);
  replay_.erase(session);
  return static_cast<std::int64_t>(replays_.erase(session));
}

std::optional<std::int64_t> QueueModel::hold_length_ms(const std::string& session) const {
  const Replay* const found = replay(session);
  return found == nullptr ? std::nullopt : found->hold_ms;
}

}  // namespace wq::test::random
