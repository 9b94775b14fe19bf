#include "model/random/pass_model.h"

#include <algorithm>
#include <chrono>

#include <nlohmann/json.hpp>

#include "queue/operations.h"

namespace wq::test::random {
namespace {

using std::chrono::milliseconds;

constexpr std::int64_t kDefaultHoldMs = 30'000;
constexpr std::int64_t kDeadWorkerMs = 600'000;
constexpr std::int64_t kWorkersEveryMs = 60'000;
constexpr std::size_t kPromoteAtOnce = 100;
constexpr std::int64_t kUsualLeaseMs = 60'000;
constexpr std::size_t kPieceBytes = 1'048'576;
constexpr std::size_t kMostItems = 1'000;
constexpr std::size_t kGraceBytesPerSecond = 524'288;

// A large item takes its time to arrive.
milliseconds grace_of(const std::string& item) {
  return milliseconds{5'000 + item.size() * 1'000 / kGraceBytesPerSecond};
}

std::uint64_t total(const ReclaimReport& report) {
  return report.reclaimed + report.died + report.returned;
}

}  // namespace

ReclaimReport PassModel::run(TimePoint now) {
  if (!connected_) {
    connected_ = true;
    connected_at_ = now;
    said_lease_ms_.reset();
    unleased_.clear();
    holds_.clear();
    to_drop_.clear();
  }
  if (!said_lease_ms_) said_lease_ms_ = queue_.term("lease_ms");
  lease_ = options_.lease.value_or(milliseconds{said_lease_ms_.value_or(kUsualLeaseMs)});
  ReclaimReport report;
  ++passes_;
  while (true) {
    const auto moved = static_cast<std::uint64_t>(
        queue_.promote(kPromoteAtOnce, internal::kLongestDelay.count()).moved);
    report.promoted += moved;
    if (moved < kPromoteAtOnce) break;
  }
  scan(now, report);
  std::erase_if(unleased_, [this](const auto& each) { return each.second.last_pass != passes_; });
  sweep(now, report);
  return report;
}

void PassModel::scan(TimePoint now, ReclaimReport& report) {
  // An equal item in a later piece of the list is seen after the earlier one was handed back.
  for (std::size_t seen = 0; seen < queue_.processing().size();) {
    const std::size_t piece = piece_;
    const auto& processing = queue_.processing();
    const std::size_t end = processing.size() - seen;
    const std::size_t begin = end - std::min(end, piece);
    const std::vector<std::string> items(processing.begin() + static_cast<std::ptrdiff_t>(begin),
                                         processing.begin() + static_cast<std::ptrdiff_t>(end));
    std::size_t bytes = 0;
    for (const std::string& item : items) bytes += item.size();
    piece_ = std::clamp<std::size_t>(kPieceBytes / (bytes / items.size() + 1), 1, kMostItems);
    const std::uint64_t before = total(report);
    look_at(items, now, report);
    if (items.size() < piece) return;
    seen += items.size() - (total(report) - before);
  }
}

void PassModel::look_at(const std::vector<std::string>& items, TimePoint now,
                        ReclaimReport& report) {
  std::vector<std::string> ran_out;
  std::vector<std::string> stranded;
  for (const std::string& item : items) {
    const std::optional<std::int64_t> left_ms = queue_.lease_left_ms(item);
    if (!left_ms) {
      if (is_stranded(item, now)) stranded.push_back(item);
    } else if (*left_ms <= kTailMs || *left_ms > kLongestKeyMs) {
      ran_out.push_back(item);
    }
  }
  if (!ran_out.empty()) {
    const bool early = now - connected_at_ < lease_ / 3;
    const QueueModel::Reclaimed reclaimed =
        queue_.reclaim(ran_out, early ? -1 : kTailMs, kLongestKeyMs, options_.max_crashes);
    report.reclaimed += static_cast<std::uint64_t>(reclaimed.back);
    report.died += static_cast<std::uint64_t>(reclaimed.died);
    std::uint64_t fresh = 0;
    for (const std::size_t i : reclaimed.foreign) fresh += foreign_.insert(ran_out[i]).second;
    report.foreign += fresh;
    queue_.count_foreign(static_cast<std::int64_t>(fresh));
  }
  report.returned += static_cast<std::uint64_t>(queue_.requeue(stranded));
  for (const std::string& item : stranded) unleased_.erase(item);
}

bool PassModel::is_stranded(const std::string& item, TimePoint now) {
  Unleased& unleased = unleased_.try_emplace(item, Unleased{now, 0, 0}).first->second;
  if (unleased.last_pass != passes_) {
    unleased.last_pass = passes_;
    ++unleased.passes;
  }
  return unleased.passes >= 3 && now - unleased.first_seen >= grace_of(item);
}

void PassModel::sweep(TimePoint now, ReclaimReport& report) {
  const QueueModel::Swept swept = queue_.sweep(to_drop_, internal::kLongestHold.count(), kDayMs);
  to_drop_.clear();
  report.holds += static_cast<std::uint64_t>(swept.dropped);
  for (auto& [session, hold] : holds_) hold.still_there = false;
  watch_holds(swept.expired, true, now);
  watch_holds(swept.held, false, now);
  std::erase_if(holds_, [](const auto& each) { return !each.second.still_there; });
  for (const std::string& session : swept.silent) {
    queue_.close(session, queue_.now_ms() - kDayMs);
  }
  sweep_workers();
}

void PassModel::watch_holds(const std::vector<std::string>& holds, bool expired, TimePoint now) {
  for (std::size_t i = 0; i + 1 < holds.size(); i += 2) {
    Hold& hold = holds_[holds[i]];
    if (hold.expiry != holds[i + 1]) {
      hold.expiry = holds[i + 1];
      hold.last_sign = now;
      hold.length_ms.reset();
    }
    hold.still_there = true;
    if (!expired) continue;
    if (!hold.length_ms) {
      hold.length_ms = queue_.hold_length_ms(holds[i]).value_or(kDefaultHoldMs);
    }
    if (now - hold.last_sign >= milliseconds{*hold.length_ms}) {
      to_drop_.push_back(holds[i]);
      to_drop_.push_back(holds[i + 1]);
    }
  }
}

void PassModel::sweep_workers() {
  const std::int64_t now_ms = queue_.now_ms();
  if (now_ms - workers_swept_ms_ < kWorkersEveryMs) return;
  workers_swept_ms_ = now_ms;
  const std::map<std::string, std::string> entries = queue_.workers();
  for (const auto& [session, text] : entries) {
    const auto entry = nlohmann::json::parse(text, nullptr, false);
    const bool alive = entry.is_object() && entry.contains("seen_ms") &&
                       entry["seen_ms"].is_number_integer() &&
                       now_ms - entry["seen_ms"].get<std::int64_t>() < kDeadWorkerMs;
    if (!alive) queue_.remove_worker(session);
  }
}

}  // namespace wq::test::random
