#include "model/random/operator_model.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <span>

#include "model/random/hashes.h"

namespace wq::test::random {
namespace {

constexpr std::int64_t kMarkMs = 3'600'000;  // a purge is remembered for an hour

// What follows the `#`; nothing for the lease of a RedisWQ client.
std::optional<std::uint64_t> fence_of(std::string_view holder) {
  const std::size_t at = holder.rfind('#');
  if (at == std::string_view::npos) return std::nullopt;
  std::uint64_t fence = 0;
  std::from_chars(holder.data() + at + 1, holder.data() + holder.size(), fence);
  return fence;
}

std::string number_in(const std::map<std::string, std::int64_t>& counts, const std::string& hash) {
  const auto found = counts.find(hash);
  return found == counts.end() ? "" : std::to_string(found->second);
}

std::vector<std::pair<std::int64_t, std::string>> by_time(
    const std::map<std::string, std::int64_t>& set) {
  std::vector<std::pair<std::int64_t, std::string>> members;
  for (const auto& [item, time_ms] : set) members.emplace_back(time_ms, item);
  std::sort(members.begin(), members.end());
  return members;
}

}  // namespace

OperatorModel::Set& OperatorModel::set(ItemState state) const {
  return state == ItemState::dead ? queue_.dead_ : queue_.delayed_;
}

bool OperatorModel::take(Set& set, const std::string& item,
                         std::optional<std::int64_t> latest_ms) const {
  const auto found = set.find(item);
  if (found == set.end() || (latest_ms && found->second > *latest_ms)) return false;
  set.erase(found);
  return true;
}

bool OperatorModel::take_ready(const std::string& item) {
  auto& ready = queue_.ready_;
  const auto next = std::find(ready.rbegin(), ready.rend(), item);
  if (next == ready.rend()) return false;
  ready.erase(std::next(next).base());
  return true;
}

void OperatorModel::forget_history(const std::string& hash) {
  queue_.attempts_.erase(hash);
  queue_.crashes_.erase(hash);
  queue_.failures_.erase(hash);
  queue_.checkpoints_.erase(hash);
}

std::vector<std::int64_t> OperatorModel::retry(std::span<const std::string> items,
                                               const Which& which) {
  std::vector<std::int64_t> answers;
  for (const std::string& item : items) {
    const bool died = which.dead && take(queue_.dead_, item, which.latest_ms);
    const bool back = died || (which.delayed && take(queue_.delayed_, item, which.latest_ms));
    if (died) {
      queue_.attempts_.erase(hash_of(item));
      queue_.crashes_.erase(hash_of(item));
    }
    if (back) queue_.ready_.push_back(item);
    answers.push_back(back ? 1 : queue_.lease(item) != nullptr ? 2 : 0);
  }
  return answers;
}

std::vector<std::int64_t> OperatorModel::drop(std::span<const std::string> items, ItemState from,
                                              std::optional<std::int64_t> latest_ms) {
  std::vector<std::int64_t> answers;
  for (const std::string& item : items) {
    const bool leased = queue_.lease(item) != nullptr;
    const bool gone =
        from == ItemState::ready ? take_ready(item) : take(set(from), item, latest_ms);
    if (gone) ++queue_.stats_["dropped"];
    if (gone && !leased) forget_history(hash_of(item));
    answers.push_back(gone ? 1 : leased ? 2 : 0);
  }
  return answers;
}

std::int64_t OperatorModel::put() const {
  const auto moved = queue_.stats_.find("moved");
  return static_cast<std::int64_t>(queue_.counts().pushed) +
         (moved == queue_.stats_.end() ? 0 : moved->second);
}

OperatorModel::Dropped OperatorModel::drop_ready(std::int64_t put, std::int64_t n,
                                                 const Matches& matches) {
  auto& ready = queue_.ready_;
  const std::int64_t left =
      static_cast<std::int64_t>(ready.size()) - std::max<std::int64_t>(0, this->put() - put);
  Dropped dropped;
  for (; dropped.taken < std::min(n, left); ++dropped.taken) {
    std::string item = std::move(ready.back());
    ready.pop_back();
    if (matches(item)) {
      ++queue_.stats_["dropped"];
      dropped.items.push_back(std::move(item));
    } else {
      ++queue_.stats_["moved"];
      ready.push_front(std::move(item));
    }
  }
  return dropped;
}

std::optional<OperatorModel::Purged> OperatorModel::purge(
    const std::vector<std::string>& sessions) {
  QueueModel& q = queue_;
  const auto known = [&q](const std::string& session) { return q.replays_.contains(session); };
  if (sessions.size() != q.replays_.size() ||
      !std::all_of(sessions.begin(), sessions.end(), known)) {
    return std::nullopt;
  }
  q.forget_expired_results();
  Purged purged{std::to_string(q.fence_.value_or(0)), 0, q.results_.size(), q.counts()};
  Contents removed = q.contents();
  removed.erase(q.keys_[internal::Key::fence]);
  removed.erase(std::string(internal::kRegistryKey));
  std::erase_if(removed,
                [](const auto& each) { return each.first.starts_with(QueueModel::kOther); });
  for (const auto& each : q.leases_) removed.erase(q.keys_.lease_prefix() + each.first);
  for (const auto& each : q.replay_) {
    // The mark that an earlier purge has left.
    if (!q.replays_.contains(each.first)) removed.erase(q.keys_.replay(each.first));
  }
  purged.keys = removed.size();
  if (q.results_.empty() && q.last_result_ms_ > 0) ++purged.keys;  // an empty stream
  for (const auto& [session, seen_ms] : q.replays_) {
    QueueModel::Replay mark;
    mark.purged = true;
    mark.expires_ms = q.now_ms() + kMarkMs;
    q.replay_.insert_or_assign(session, mark);
  }
  q.ready_.clear();
  q.processing_.clear();
  q.delayed_.clear();
  q.dead_.clear();
  q.attempts_.clear();
  q.crashes_.clear();
  q.failures_.clear();
  q.results_.clear();
  q.history_.clear();
  q.last_result_ms_ = q.last_result_number_ = 0;
  q.results_expire_ms_ = -1;
  q.id_.clear();
  q.stats_.clear();
  q.producers_.clear();
  q.replays_.clear();
  q.workers_.clear();
  q.paused_ = false;
  q.seen_.clear();
  q.totals_.clear();
  q.distinct_.clear();
  q.checkpoints_.clear();
  q.foreign_pushes_ = q.settled_elsewhere_ = 0;
  return purged;
}

std::int64_t OperatorModel::purge_leases(std::span<const std::string> hashes,
                                         std::string_view last_fence) {
  const std::uint64_t last = std::stoull(std::string(last_fence));
  std::int64_t removed = 0;
  for (const std::string& hash : hashes) {
    const QueueModel::LeaseKey* const lease = queue_.lease_of(hash);
    if (lease == nullptr) continue;
    const std::optional<std::uint64_t> fence = fence_of(lease->holder);
    // One of a RedisWQ client is taken for an old one as long as nothing else was.
    if (fence ? *fence > last : queue_.begun()) continue;
    queue_.leases_.erase(hash);
    ++removed;
  }
  return removed;
}

std::vector<OperatorModel::Seen> OperatorModel::leases() const {
  std::vector<Seen> all;
  for (const auto& [hash, lease] : queue_.leases_)
    all.push_back({hash, lease.holder, lease.expires_ms});
  return all;
}

std::int64_t OperatorModel::end_strays(std::span<const Seen> leases, std::int64_t tail_ms) {
  std::int64_t ended = 0;
  for (const Seen& seen : leases) {
    const QueueModel::LeaseKey* const lease = queue_.lease_of(seen.hash);
    if (lease == nullptr || lease->holder != seen.holder || !fence_of(lease->holder)) continue;
    if (lease->expires_ms < 0 || lease->expires_ms - queue_.now_ms() > tail_ms) continue;
    queue_.leases_.erase(seen.hash);
    ++ended;
  }
  return ended;
}

OperatorModel::Record OperatorModel::record(const std::string& hash) const {
  const auto failure = queue_.failures_.find(hash);
  const auto kept = queue_.checkpoints_.find(hash);
  return {hash,
          {number_in(queue_.attempts_, hash), number_in(queue_.crashes_, hash),
           failure == queue_.failures_.end() ? "" : failure->second,
           kept == queue_.checkpoints_.end() ? "" : kept->second.stored()}};
}

std::vector<OperatorModel::Record> OperatorModel::records() const {
  std::set<std::string> hashes;
  for (const auto& each : queue_.attempts_) hashes.insert(each.first);
  for (const auto& each : queue_.crashes_) hashes.insert(each.first);
  for (const auto& each : queue_.failures_) hashes.insert(each.first);
  for (const auto& each : queue_.checkpoints_) hashes.insert(each.first);
  std::vector<Record> all;
  for (const std::string& hash : hashes) all.push_back(record(hash));
  return all;
}

std::int64_t OperatorModel::forget(std::span<const Record> records) {
  std::int64_t forgotten = 0;
  for (const Record& seen : records) {
    if (queue_.lease_of(seen.hash) != nullptr) continue;
    if (record(seen.hash).values != seen.values) continue;
    forget_history(seen.hash);
    ++forgotten;
  }
  return forgotten;
}

OperatorModel::Page OperatorModel::page(ItemState state, std::size_t n,
                                        const std::optional<Place>& after) const {
  Page page;
  if (state == ItemState::leased) {
    const auto& processing = queue_.processing_;
    const std::size_t seen = after ? std::stoul(after->first) : 0;
    for (std::size_t i = seen; i < std::min(seen + n, processing.size()); ++i) {
      page.items.push_back(processing[processing.size() - 1 - i]);
    }
    return page;
  }
  if (state == ItemState::ready) {
    const std::int64_t put = this->put();
    std::int64_t at = static_cast<std::int64_t>(queue_.ready_.size()) - 1;
    // What was put on the left since has moved the place to the right.
    if (after) {
      at = std::min<std::int64_t>(at, std::stoll(after->first) + put - std::stoll(after->second));
    }
    for (; at >= 0 && page.items.size() < n; --at) {
      page.items.push_back(queue_.ready_[static_cast<std::size_t>(at)]);
    }
    page.behind = {std::to_string(std::max<std::int64_t>(at, -1)), std::to_string(put)};
    return page;
  }
  for (const auto& [time_ms, item] : by_time(set(state))) {
    if (page.items.size() == n) break;
    if (after) {
      const std::int64_t last_ms = std::stoll(after->first);
      const auto last = set(state).find(after->second);
      const bool as_it_was = last != set(state).end() && last->second == last_ms;
      if (time_ms < last_ms || (as_it_was && time_ms == last_ms && item <= after->second)) continue;
    }
    page.items.push_back(item);
    page.behind.push_back(std::to_string(time_ms));
  }
  return page;
}

std::vector<std::optional<std::string>> OperatorModel::find(const std::string& item,
                                                            std::size_t most) const {
  bool cut = false;
  const auto stands_in = [&](const std::deque<std::string>& list) {
    const std::size_t n = most == 0 ? list.size() : std::min(most, list.size());
    const auto end = list.rbegin() + static_cast<std::ptrdiff_t>(n);
    const bool found = std::find(list.rbegin(), end, item) != end;
    cut = cut || (!found && n < list.size());
    return found ? "1" : "0";
  };
  const auto time_in = [&](const Set& set) -> std::optional<std::string> {
    const auto found = set.find(item);
    if (found == set.end()) return std::nullopt;
    return std::to_string(found->second);
  };
  std::vector<std::optional<std::string>> answer{stands_in(queue_.ready_),
                                                 stands_in(queue_.processing_),
                                                 time_in(queue_.delayed_), time_in(queue_.dead_)};
  const QueueModel::LeaseKey* const lease = queue_.lease(item);
  answer.push_back(lease == nullptr ? std::nullopt : std::optional(lease->holder));
  answer.push_back(std::to_string(queue_.lease_left_ms(item).value_or(-2)));
  const Record recorded = record(hash_of(item));
  for (const std::string& value : std::span(recorded.values).first(3)) {  // not the checkpoint
    answer.push_back(value.empty() ? std::nullopt : std::optional(value));
  }
  answer.push_back(cut ? "1" : "0");
  return answer;
}

std::int64_t OperatorModel::last_due() const {
  if (queue_.delayed_.empty()) return -1;
  const std::int64_t last_ms = by_time(queue_.delayed_).back().first;
  return std::max<std::int64_t>(0, last_ms - queue_.now_ms());
}

std::vector<std::string> OperatorModel::items(ItemState state) const {
  if (state == ItemState::ready) return {queue_.ready_.begin(), queue_.ready_.end()};
  std::vector<std::string> all;
  for (const auto& each : set(state)) all.push_back(each.first);
  return all;
}

std::vector<std::int64_t> OperatorModel::times_ms(ItemState state) const {
  std::vector<std::int64_t> all;
  if (state != ItemState::delayed && state != ItemState::dead) return all;
  for (const auto& each : set(state)) all.push_back(each.second);
  return all;
}

}  // namespace wq::test::random
