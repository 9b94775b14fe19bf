#include "maintenance/reclaim_items.h"

#include <charconv>
#include <string_view>

#include "queue/operations.h"
#include "queue/pop_size.h"
#include "script/script.h"

namespace wq::internal {
namespace {

using std::chrono::milliseconds;

// An item without a lease must be seen so in that many passes in a row.
constexpr int kUnleasedPasses = 3;
// The memory between passes is bounded (some 60 MB); further items wait for a later pass.
constexpr std::size_t kMostUnleased = 1'000'000;
constexpr std::size_t kMostForeign = 100'000;

// Enough of a hash to tell a million items apart: two that are equal here (one case in some ten
// million) share their waiting period.
std::uint64_t short_hash(std::string_view hash) {
  std::uint64_t number = 0;
  std::from_chars(hash.data(), hash.data() + 2 * sizeof number, number, 16);
  return number;
}

void count_foreign(Pass& pass, std::uint64_t fresh) {
  pass.report.foreign += fresh;
  run_script(pass.redis, scripts::write_at_maxmemory, pass.keys, {pass.keys[Key::stats]}, "HINCRBY",
             "foreign", fresh);
}

std::uint64_t handed_back(const ReclaimReport& report) {
  return report.reclaimed + report.died + report.returned;
}

}  // namespace

ReclaimItems::ReclaimItems(std::optional<std::uint32_t> max_crashes) : max_crashes_(max_crashes) {}

void ReclaimItems::reconnected() {
  if (reading_) chunk_.failed();  // the connection may have broken under the weight of the answer
  unleased_.clear();
}

// From the right, where the oldest items are: positions counted from there stay valid while items
// are added on the left. If others remove items meanwhile, some items wait for the next pass.
void ReclaimItems::run(Pass& pass) {
  ++passes_;
  overdue_ = false;
  for (std::size_t seen = 0;;) {
    const std::size_t chunk = chunk_.items();
    const std::vector<std::string> items = read_chunk(pass, seen);
    if (items.empty()) break;
    const std::uint64_t before = handed_back(pass.report);
    look_at(pass, items);
    if (items.size() < chunk) break;
    // Returned items are no longer in processing.
    seen += items.size() - (handed_back(pass.report) - before);
  }
  std::erase_if(unleased_, [this](const auto& each) { return each.second.last_pass != passes_; });
}

std::vector<std::string> ReclaimItems::read_chunk(const Pass& pass, std::size_t from_right) {
  reading_ = true;
  const Reply reply =
      pass.redis.call({"LRANGE", pass.keys[Key::processing],
                       std::to_string(-static_cast<std::int64_t>(from_right + chunk_.items())),
                       std::to_string(-static_cast<std::int64_t>(from_right) - 1)});
  reading_ = false;
  std::vector<std::string> items = reply.value().texts();
  std::size_t bytes = 0;
  for (const std::string& item : items) bytes += item.size();
  if (!items.empty()) chunk_.read(items.size(), bytes);
  return items;
}

void ReclaimItems::look_at(Pass& pass, const std::vector<std::string>& items) {
  std::vector<std::string> hashes;
  CommandBuffer ask;
  for (const std::string& item : items) {
    hashes.emplace_back(text(hash_item(item)));
    ask.command({"PTTL", pass.keys.lease_prefix() + hashes.back()});
  }
  pass.redis.send(ask);
  std::vector<std::string> ran_out;
  std::vector<std::string> stranded;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::int64_t left_ms = pass.redis.receive().checked().value().integer();
    if (left_ms == -2) {
      const milliseconds grace = unleased_grace(items[i].size());
      if (is_stranded(short_hash(hashes[i]), grace, pass.now)) stranded.push_back(items[i]);
    } else if (left_ms <= kLeaseTail.count() || left_ms > (kLongestLease + kLeaseTail).count()) {
      ran_out.push_back(items[i]);
    }
  }
  if (!ran_out.empty()) reclaim(pass, ran_out);
  if (!stranded.empty()) requeue(pass, stranded);
}

void ReclaimItems::reclaim(Pass& pass, const std::vector<std::string>& items) {
  // With no tail no lease has run out.
  const std::int64_t tail_ms = pass.early ? -1 : kLeaseTail.count();
  const Reply reply =
      run_script(pass.redis, scripts::reclaim, pass.keys, lease_keys(pass.keys, items), tail_ms,
                 (kLongestLease + kLeaseTail).count(),
                 max_crashes_ ? std::to_string(*max_crashes_) : "", items);
  pass.report.reclaimed += reply.value()[0].count();
  pass.report.died += reply.value()[1].count();
  const std::vector<std::size_t> foreign = read_positions(reply.value()[2], items.size());
  overdue_ = overdue_ || (pass.early && foreign.size() < items.size());
  std::uint64_t fresh = 0;
  for (const std::size_t i : foreign) {
    if (foreign_.size() >= kMostForeign) break;
    fresh += foreign_.emplace(text(hash_item(items[i]))).second ? 1 : 0;
  }
  if (fresh > 0) count_foreign(pass, fresh);
}

bool ReclaimItems::is_stranded(std::uint64_t hash, milliseconds grace, TimePoint now) {
  auto found = unleased_.find(hash);
  if (found == unleased_.end()) {
    if (unleased_.size() >= kMostUnleased) return false;
    found = unleased_.emplace(hash, Unleased{now, 0, 0}).first;
  }
  Unleased& unleased = found->second;
  if (unleased.last_pass != passes_) {  // else an equal item in the same pass
    unleased.last_pass = passes_;
    ++unleased.passes;
  }
  return unleased.passes >= kUnleasedPasses && now - unleased.first_seen >= grace;
}

void ReclaimItems::requeue(Pass& pass, const std::vector<std::string>& items) {
  pass.report.returned +=
      run_script(pass.redis, scripts::requeue, pass.keys, lease_keys(pass.keys, items), items)
          .value()
          .count();
  for (const std::string& item : items) unleased_.erase(short_hash(text(hash_item(item))));
}

}  // namespace wq::internal
