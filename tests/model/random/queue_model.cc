#include "model/random/queue_model.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "model/random/hashes.h"
#include "queue/attempts.h"
#include "queue/operations.h"

namespace wq::test::random {
namespace {

// Of a failure, as it stands in Redis behind the time.
std::string json_of(const Failure& failure) {
  nlohmann::json json = {{"kind", text(failure.kind)}, {"message", failure.message}};
  if (failure.exit_code) json["exit_code"] = *failure.exit_code;
  if (failure.signal) json["signal"] = *failure.signal;
  if (failure.max_rss_bytes) json["max_rss_bytes"] = *failure.max_rss_bytes;
  if (failure.cpu_time) json["cpu_ms"] = failure.cpu_time->count();
  if (failure.wall_time) json["wall_ms"] = failure.wall_time->count();
  if (!failure.worker.empty()) json["worker"] = failure.worker;
  if (!failure.host.empty()) json["host"] = failure.host;
  if (!failure.stdout_tail.empty()) json["stdout_tail"] = failure.stdout_tail;
  if (!failure.stderr_tail.empty()) json["stderr_tail"] = failure.stderr_tail;
  return json.dump().substr(1);
}

std::vector<std::string> sorted(std::vector<std::string> items) {
  std::sort(items.begin(), items.end());
  return items;
}

template <typename Range>
std::vector<std::string> strings(const Range& range) {
  return {range.begin(), range.end()};
}

[[noreturn]] void refuse_order(std::string_view where) {
  throw std::runtime_error(
      fmt::format("{}: Redis holds what no order of the call can leave", where));
}

}  // namespace

// Redis removes a key when its time is past, not when it has come.
bool QueueModel::is_past(std::int64_t expires_ms) const {
  return expires_ms >= 0 && expires_ms < now_ms();
}

const QueueModel::LeaseKey* QueueModel::lease(std::string_view item) const {
  return lease_of(hash_of(item));
}

const QueueModel::LeaseKey* QueueModel::lease_of(std::string_view hash) const {
  const auto found = leases_.find(hash);
  return found == leases_.end() || is_past(found->second.expires_ms) ? nullptr : &found->second;
}

std::optional<std::int64_t> QueueModel::lease_left_ms(std::string_view item) const {
  const LeaseKey* const found = lease(item);
  if (found == nullptr) return std::nullopt;
  return found->expires_ms < 0 ? -1 : found->expires_ms - now_ms();
}

std::string QueueModel::attach() {
  if (!fence_) return "none";
  fence_ = std::max(*fence_, static_cast<std::uint64_t>(now_us));
  return std::to_string(*fence_);
}

std::uint64_t QueueModel::draw_fences(std::size_t n) {
  fence_ = fence_.value_or(static_cast<std::uint64_t>(now_us)) + n;
  stats_["leased"] += static_cast<std::int64_t>(n);
  return *fence_;
}

QueueModel::Popped QueueModel::pop(std::size_t n, std::string_view queue_id) {
  Popped popped;
  if (paused_ || ready_.empty()) return popped;
  for (std::size_t i = 0; i < n && !ready_.empty(); ++i) popped.items.push_back(*move_one());
  popped.last_fence = draw_fences(popped.items.size());
  popped.has_history = has_history();
  popped.pushed = stats_["pushed"];
  if (!begun()) id_ = queue_id;
  return popped;
}

std::optional<std::string> QueueModel::move_one() {
  if (ready_.empty()) return std::nullopt;
  std::string item = std::move(ready_.back());
  ready_.pop_back();
  processing_.push_front(item);
  return item;
}

std::optional<QueueModel::Popped> QueueModel::claim(std::string_view queue_id,
                                                    const std::optional<std::string>& item) {
  if (item) {
    const auto found = std::find(processing_.begin(), processing_.end(), *item);
    if (found == processing_.end()) return std::nullopt;
    processing_.erase(found);
    if (paused_) {
      ready_.push_back(*item);
      return std::nullopt;
    }
    processing_.push_front(*item);
  }
  Popped popped;
  popped.last_fence = draw_fences(1);
  popped.has_history = has_history();
  if (!begun()) id_ = queue_id;
  return popped;
}

bool QueueModel::set_lease(std::string_view item, std::string_view holder,
                           std::chrono::milliseconds ttl) {
  if (lease(item) != nullptr) return false;
  const std::int64_t expires_ms = now_ms() + (ttl + internal::kLeaseTail).count();
  leases_.insert_or_assign(hash_of(item), LeaseKey{std::string(holder), expires_ms});
  return true;
}

std::pair<std::uint32_t, std::uint32_t> QueueModel::history(std::string_view item) const {
  const std::string hash = hash_of(item);
  const auto count = [&hash](const std::map<std::string, std::int64_t>& counts) {
    const auto found = counts.find(hash);
    return found == counts.end() ? 0U : static_cast<std::uint32_t>(found->second);
  };
  return {count(attempts_), count(crashes_)};
}

std::vector<bool> QueueModel::renew(std::span<const Lease> leases, std::string_view session,
                                    std::chrono::milliseconds ttl) {
  std::vector<bool> renewed;
  for (const Lease& each : leases) {
    const LeaseKey* const found = lease(each.item);
    const bool ours =
        found != nullptr && found->holder == internal::holder(session, each.fence, each.alone);
    if (ours) {
      leases_.at(hash_of(each.item)).expires_ms = now_ms() + (ttl + internal::kLeaseTail).count();
    }
    renewed.push_back(ours);
  }
  return renewed;
}

std::vector<bool> QueueModel::checkpoint(std::span<const Checkpoint> checkpoints,
                                         std::string_view session, std::chrono::milliseconds ttl) {
  std::vector<bool> renewed;
  if (!begun()) return std::vector<bool>(checkpoints.size(), false);
  for (const auto& [mine, number, text] : checkpoints) {
    renewed.push_back(renew({&mine, 1}, session, ttl).front());
    if (!renewed.back()) continue;
    Kept& kept = checkpoints_[hash_of(mine.item)];
    if (kept.fence != mine.fence || kept.number < number) kept = {mine.fence, number, text};
  }
  return renewed;
}

std::string QueueModel::Kept::stored() const {
  return fmt::format("{} {} {}", fence, number, text);
}

std::string QueueModel::checkpoint_of(std::string_view item) const {
  const auto kept = checkpoints_.find(hash_of(item));
  return kept == checkpoints_.end() ? std::string() : kept->second.text;
}

bool QueueModel::isolate(const Lease& mine, std::string_view session) {
  const LeaseKey* const found = lease(mine.item);
  if (found == nullptr) return false;
  const std::string marked = internal::holder(session, mine.fence, true);
  if (found->holder == marked) return true;
  if (found->holder != internal::holder(session, mine.fence, false)) return false;
  const std::int64_t left_ms = *lease_left_ms(mine.item);
  // It ended, and its key is there for the tail: why is not known.
  if (left_ms >= 0 && left_ms <= internal::kLeaseTail.count()) return false;
  leases_.at(hash_of(mine.item)).holder = marked;
  return true;
}

bool QueueModel::remove_rightmost(const std::string& item) {
  const auto found = std::find(processing_.rbegin(), processing_.rend(), item);
  if (found == processing_.rend()) return false;
  processing_.erase(std::next(found).base());
  return true;
}

void QueueModel::add_to_set(Set& set, const std::string& item, std::int64_t score) {
  if (!set.insert_or_assign(item, score).second) ++stats_["merged"];
}

std::vector<bool> QueueModel::settle(std::span<const Settled> settlements, std::string_view session,
                                     const RetryPolicy& policy) {
  unsure_ = {};
  forget_expired_results();
  // The leases first: an item of another worker is lost, and so is a repeated item.
  std::vector<bool> accepted;
  for (const Settled& each : settlements) {
    const Lease& mine = each.settlement->lease;
    const LeaseKey* const found = lease(mine.item);
    const bool ours =
        found != nullptr && found->holder == internal::holder(session, mine.fence, mine.alone);
    if (ours) leases_.erase(hash_of(mine.item));
    accepted.push_back(ours);
  }
  for (std::size_t i = 0; i < settlements.size(); ++i) {
    accepted[i] = accepted[i] && remove_rightmost(settlements[i].settlement->lease.item);
  }
  unsure_.processing = processing_.size() > 1;
  for (std::size_t i = 0; i < settlements.size(); ++i) {
    if (accepted[i]) apply(settlements[i], policy);
  }
  unsure_.ready = unsure_.added_left > 1 || unsure_.added_right > 1;
  unsure_.results = unsure_.added_results > 1;
  record(settlements, accepted, policy);
  return accepted;
}

void QueueModel::record(std::span<const Settled> settlements, const std::vector<bool>& accepted,
                        const RetryPolicy& policy) {
  std::vector<Settlement> all;
  std::vector<std::size_t> lost;
  std::int64_t begun = 0;
  for (std::size_t i = 0; i < settlements.size(); ++i) {
    all.push_back(*settlements[i].settlement);
    begun += all.back().outcome.usage.begun ? 1 : 0;
    if (!accepted[i]) lost.push_back(i + 1);
  }
  if (policy.history == 0 || begun == 0 || lost.size() == all.size()) return;
  const auto accepted_ones = begun - static_cast<std::int64_t>(lost.size());
  const std::int64_t last = stats_["tries"] += std::max<std::int64_t>(1, accepted_ones);
  history_.erase(history_.begin(),
                 history_.lower_bound(last - static_cast<std::int64_t>(policy.history) + 1));
  history_[last] = {"tries", internal::record_attempts(all, policy.history_worker).text, "lost",
                    fmt::format("{}", fmt::join(lost, ","))};
}

void QueueModel::apply(const Settled& settled, const RetryPolicy& policy) {
  const Settlement& settlement = *settled.settlement;
  const Outcome& outcome = settlement.outcome;
  const std::string& item = settlement.lease.item;
  const std::string hash = hash_of(item);
  bool dies = false;
  if (outcome.checkpoint && outcome.kind != Outcome::Kind::complete) {
    constexpr std::uint64_t kLast = (std::uint64_t{1} << 53U) - 1;
    checkpoints_[hash] = {settlement.lease.fence, kLast, *outcome.checkpoint};
  }
  switch (outcome.kind) {
    case Outcome::Kind::complete:
      complete(settlement, policy.results_ttl);
      return;
    case Outcome::Kind::release:
      ++stats_["released"];
      break;
    case Outcome::Kind::fatal:
      note_failure(hash, json_of(outcome.failure));
      dies = true;
      break;
    case Outcome::Kind::fail:
      note_failure(hash, json_of(outcome.failure));
      ++attempts_[hash];
      ++stats_["failed"];
      dies = settlement.lease.failures + 1 >= policy.max_attempts;
      break;
    case Outcome::Kind::crash:
      note_failure(hash, json_of(outcome.failure));
      ++crashes_[hash];
      ++stats_["crashed"];
      dies = settlement.lease.crashes + 1 >= policy.max_crashes;
      break;
  }
  if (dies) {
    add_to_set(dead_, item, now_ms());
    ++stats_["dead"];
  } else if (settled.delay.count() == 0) {
    ready_.push_back(item);
    ++unsure_.added_right;
  } else {
    add_to_set(delayed_, item, now_ms() + settled.delay.count());
  }
}

void QueueModel::complete(const Settlement& settlement, std::chrono::milliseconds results_ttl) {
  const std::string hash = hash_of(settlement.lease.item);
  const Outcome& outcome = settlement.outcome;
  if (outcome.result) {
    add_result({settlement.lease.item, outcome.result_is_json ? "json" : "result", *outcome.result},
               results_ttl);
  }
  for (const FollowUp& each : outcome.follow_ups) follow_up(each);
  for (const Total& each : outcome.totals) add_total(each);
  ++stats_["completed"];
  attempts_.erase(hash);
  crashes_.erase(hash);
  failures_.erase(hash);
  checkpoints_.erase(hash);
}

void QueueModel::follow_up(const FollowUp& next) {
  const bool goes_away = !next.queue.empty();
  auto& seen = goes_away ? other_.seen : seen_;
  auto& stats = goes_away ? other_.stats : stats_;
  if (next.once_key && !seen.insert(raw_hash(*next.once_key)).second) return;
  if (goes_away && other_.id.empty()) other_.id = fmt::format("{}-{}", id_, now_ms());
  if (goes_away) other_.comes_after.try_emplace("after:" + keys_.queue(), id_);
  ++stats["pushed"];
  if (next.delay.count() > 0) {
    auto& delayed = goes_away ? other_.delayed : delayed_;
    --stats["moved"];
    if (!delayed.insert_or_assign(next.item, now_ms() + next.delay.count()).second) {
      ++stats["merged"];
    }
  } else if (goes_away) {
    other_.ready.push_front(next.item);
  } else {
    ready_.push_front(next.item);
    ++unsure_.added_left;
  }
}

void QueueModel::add_total(const Total& total) {
  const double number = std::stod(total.number);
  switch (total.how) {
    case Reduction::count:
      return add_whole("n" + total.key, 1);
    case Reduction::sum: {
      const auto whole = static_cast<std::int64_t>(std::stold(total.number));
      const auto fraction = std::llround((number - static_cast<double>(whole)) * 1e9);
      add_whole("s" + total.key, whole);
      if (fraction != 0) add_whole("f" + total.key, fraction);
      return;
    }
    case Reduction::min:
    case Reduction::max: {
      const bool least = total.how == Reduction::min;
      std::string& held = totals_[(least ? "<" : ">") + total.key];
      if (held.empty() || (least ? number < std::stod(held) : number > std::stod(held))) {
        held = fmt::format("{}", number);
      }
      return;
    }
    case Reduction::distinct:
      distinct_.insert(total.key);
      return;
  }
}

void QueueModel::add_whole(const std::string& field, std::int64_t number) {
  constexpr std::int64_t kCarried = 1'000'000'000'000'000;
  const auto held = totals_.find(field);
  std::int64_t sum = held == totals_.end() ? 0 : std::stoll(held->second);
  if (__builtin_add_overflow(sum, number, &sum)) {
    sum = std::stoll(held->second);
    add_whole("c" + field.substr(1), sum / kCarried);
    sum = sum % kCarried + number;
  }
  totals_[field] = std::to_string(sum);
}

void QueueModel::note_failure(const std::string& hash, std::string_view json_without_brace) {
  failures_[hash] = fmt::format("{{\"at_ms\":{},{}", now_ms(), json_without_brace);
}

void QueueModel::add_result(Entry entry, std::chrono::milliseconds ttl) {
  if (ttl.count() > 0 && unsure_.added_results == 0) {
    const auto old = [&](const StoredResult& each) { return each.ms < now_ms() - ttl.count(); };
    const auto end = results_.begin() + static_cast<std::ptrdiff_t>(
                                            std::min(results_.size(), FrozenRedis::kMostTrimmed));
    results_.erase(results_.begin(), std::find_if_not(results_.begin(), end, old));
  }
  results_expire_ms_ = ttl.count() > 0 ? now_ms() + ttl.count() : -1;
  ++unsure_.added_results;
  if (now_ms() > last_result_ms_) {
    last_result_ms_ = now_ms();
    last_result_number_ = 0;
  } else {
    ++last_result_number_;  // Redis does not let the numbers of a stream go back
  }
  results_.push_back({last_result_ms_, last_result_number_, std::move(entry)});
}

void QueueModel::trim_results() {
  forget_expired_results();
  results_.clear();
}

void QueueModel::forget_expired_results() {
  if (!is_past(results_expire_ms_)) return;
  results_.clear();
  last_result_ms_ = last_result_number_ = 0;
  results_expire_ms_ = -1;
}

// Which items remain is promised, and how often each; their order is not.
void QueueModel::adopt_processing(std::vector<std::string> items) {
  if (sorted(items) != sorted(strings(processing_))) refuse_order("processing");
  processing_.assign(items.begin(), items.end());
}

void QueueModel::adopt_ready(std::vector<std::string> items) {
  const std::vector<std::string> ours = strings(ready_);
  if (items.size() != ours.size()) refuse_order("ready");
  const auto left = static_cast<std::ptrdiff_t>(unsure_.added_left);
  const auto right = static_cast<std::ptrdiff_t>(unsure_.added_right);
  const auto same = [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
    return sorted({items.begin() + begin, items.begin() + end}) ==
           sorted({ours.begin() + begin, ours.begin() + end});
  };
  const auto size = static_cast<std::ptrdiff_t>(ours.size());
  const bool middle = std::equal(ours.begin() + left, ours.end() - right, items.begin() + left);
  if (!same(0, left) || !middle || !same(size - right, size)) refuse_order("ready");
  ready_.assign(items.begin(), items.end());
}

void QueueModel::adopt_results(std::vector<Entry> last) {
  std::vector<Entry> ours;
  const auto begin = results_.end() - static_cast<std::ptrdiff_t>(last.size());
  for (auto each = begin; each != results_.end(); ++each) ours.push_back(each->entry);
  std::vector<Entry> theirs = last;
  std::sort(ours.begin(), ours.end());
  std::sort(theirs.begin(), theirs.end());
  if (ours != theirs) refuse_order("results");
  for (std::size_t i = 0; i < last.size(); ++i) {
    begin[static_cast<std::ptrdiff_t>(i)].entry = std::move(last[i]);
  }
}

void QueueModel::push_past_us(const std::string& item, bool on_the_left) {
  ++foreign_pushes_;
  on_the_left ? ready_.push_front(item) : ready_.push_back(item);
}

void QueueModel::remove_from_processing(const std::string& item) {
  settled_elsewhere_ += static_cast<std::int64_t>(std::erase(processing_, item));
}

void QueueModel::drop_processing() {
  settled_elsewhere_ += static_cast<std::int64_t>(processing_.size());
  processing_.clear();
}

void QueueModel::drop_lease(std::string_view item) { leases_.erase(hash_of(item)); }

void QueueModel::set_foreign_lease(std::string_view item, std::string_view holder,
                                   std::int64_t ttl_ms) {
  leases_.insert_or_assign(hash_of(item), LeaseKey{std::string(holder), now_ms() + ttl_ms});
}

void QueueModel::set_expiry(std::string_view item, std::optional<std::int64_t> ttl_ms) {
  if (lease(item) == nullptr) return;
  leases_.at(hash_of(item)).expires_ms = ttl_ms ? now_ms() + *ttl_ms : -1;
}

void QueueModel::set_terms(std::int64_t lease_ms, std::int64_t max_crashes) {
  stats_["lease_ms"] = lease_ms;
  stats_["max_crashes"] = max_crashes;
}

std::optional<std::int64_t> QueueModel::term(const std::string& name) const {
  const auto found = stats_.find(name);
  return found == stats_.end() ? std::nullopt : std::optional(found->second);
}

void QueueModel::set_worker(const std::string& session, const std::string& entry) {
  workers_[session] = entry;
}

}  // namespace wq::test::random
