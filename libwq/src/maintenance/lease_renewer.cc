#include "maintenance/lease_renewer.h"

#include <algorithm>
#include <utility>

#include "script/script.h"

namespace wq::internal {

RedisOptions for_keeper(RedisOptions redis, std::chrono::milliseconds lease) {
  constexpr std::chrono::milliseconds kShortestTimeout{100};
  const auto longest = std::max(lease / 4, kShortestTimeout);
  redis.client_name += "-renewer";
  redis.connect_timeout = std::min(redis.connect_timeout, longest);
  redis.command_timeout = std::min(redis.command_timeout, longest);
  redis.log = no_log;  // the main connection logs it
  return redis;
}

LeaseRenewer::LeaseRenewer(ReconnectingConnection& link, const Keys& keys, std::string session,
                           std::chrono::milliseconds ttl, OnLost on_lost)
    : link_(link),
      keys_(keys),
      session_(std::move(session)),
      ttl_(ttl),
      on_lost_(std::move(on_lost)) {}

void LeaseRenewer::add(std::span<const Lease> leases, TimePoint asked_at) {
  const std::lock_guard lock(mutex_);
  for (const Lease& lease : leases)
    entries_.insert_or_assign(lease.fence, Entry{lease.hash, asked_at, asked_at, lease.alone});
}

void LeaseRenewer::remove(std::span<Settlement> settlements) {
  const std::lock_guard lock(mutex_);
  for (Settlement& each : settlements) {
    const auto entry = entries_.extract(each.lease.fence);
    if (entry.empty() || each.outcome.kind == Outcome::Kind::complete) continue;
    if (!each.outcome.checkpoint) each.outcome.checkpoint = std::move(entry.mapped().checkpoint);
  }
}

void LeaseRenewer::checkpoint(std::uint64_t fence, std::string text) {
  const std::lock_guard lock(mutex_);
  const auto entry = entries_.find(fence);
  if (entry == entries_.end()) return;
  entry->second.checkpoint = std::move(text);
  ++entry->second.checkpoints;
}

bool LeaseRenewer::isolate(std::uint64_t fence, const std::function<bool()>& mark) {
  decltype(entries_)::node_type entry;
  {
    const std::lock_guard lock(mutex_);
    entry = entries_.extract(fence);
  }
  if (entry.empty() || !mark()) return false;
  entry.mapped().alone = true;
  const std::lock_guard lock(mutex_);
  entries_.insert(std::move(entry));
  return true;
}

std::size_t LeaseRenewer::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

std::chrono::milliseconds LeaseRenewer::oldest(TimePoint now) const {
  const std::lock_guard lock(mutex_);
  TimePoint since = now;
  for (const auto& [fence, entry] : entries_) since = std::min(since, entry.since);
  return std::chrono::duration_cast<std::chrono::milliseconds>(now - since);
}

void LeaseRenewer::renew(TimePoint now) {
  const std::vector<Held> leases = asked_until(now - ttl_ / 3);
  CommandBuffer call;
  for (std::span<const Held> rest = leases; !rest.empty();) {
    const std::span<const Held> chunk = rest.first(std::min(rest.size(), Queue::kMaxBatch));
    rest = rest.subspan(chunk.size());
    call.clear();
    append_renew(call, keys_, session_, chunk, ttl_);
    const TimePoint asked_at = BootClock::now();
    std::vector<Held> lost;
    const Reply reply = run_script(link_.connection(), scripts::renew, call);
    for (const std::size_t i : read_positions(reply.value(), chunk.size()))
      lost.push_back(chunk[i]);
    confirm(chunk, asked_at);
    renewals_ += chunk.size() - lost.size();
    lose(lost);
  }
}

// Each of them may be large, so few go at once: the connection is given up when an answer takes
// long.
void LeaseRenewer::send_checkpoints() {
  constexpr std::size_t kCheckpointsAtOnce = 64 * 1024 / kLongestCheckpoint;
  const std::vector<Checkpoint> checkpoints = unsent_checkpoints();
  CommandBuffer call;
  for (std::span<const Checkpoint> rest = checkpoints; !rest.empty();) {
    const std::span<const Checkpoint> chunk = rest.first(std::min(rest.size(), kCheckpointsAtOnce));
    rest = rest.subspan(chunk.size());
    call.clear();
    append_checkpoints(call, keys_, session_, chunk, ttl_);
    const TimePoint asked_at = BootClock::now();
    const Reply reply = run_script(link_.connection(), scripts::checkpoint, call);
    std::vector<bool> is_lost(chunk.size(), false);
    for (const std::size_t i : read_positions(reply.value(), chunk.size())) is_lost[i] = true;
    std::vector<Held> lost;
    std::vector<Held> renewed;
    for (std::size_t i = 0; i < chunk.size(); ++i) {
      (is_lost[i] ? lost : renewed).push_back(chunk[i].lease);
      if (!is_lost[i]) note_sent(chunk[i]);
    }
    confirm(renewed, asked_at);
    renewals_ += renewed.size();
    lose(lost);
  }
}

void LeaseRenewer::note_sent(const Checkpoint& sent) {
  const std::lock_guard lock(mutex_);
  const auto entry = entries_.find(sent.lease.fence);
  if (entry == entries_.end() || entry->second.checkpoints != sent.number) return;  // a later one
  entry->second.checkpoint.reset();
}

// One that is being isolated has no lease of a known holder for a moment: it is not among them.
std::vector<Checkpoint> LeaseRenewer::unsent_checkpoints() const {
  std::vector<Checkpoint> checkpoints;
  const std::lock_guard lock(mutex_);
  for (const auto& [fence, entry] : entries_) {
    if (!entry.checkpoint) continue;
    checkpoints.push_back({{entry.hash, fence, entry.alone}, entry.checkpoints, *entry.checkpoint});
  }
  return checkpoints;
}

void LeaseRenewer::expire(TimePoint now) { lose(asked_until(now - ttl_)); }

std::vector<Held> LeaseRenewer::asked_until(TimePoint time) const {
  std::vector<Held> leases;
  const std::lock_guard lock(mutex_);
  for (const auto& [fence, entry] : entries_) {
    if (entry.asked_at <= time) leases.push_back({entry.hash, fence, entry.alone});
  }
  return leases;
}

void LeaseRenewer::confirm(std::span<const Held> renewed, TimePoint asked_at) {
  const std::lock_guard lock(mutex_);
  for (const Held& each : renewed) {
    const auto entry = entries_.find(each.fence);
    // One that was isolated since was not renewed: without the mark it was refused.
    const bool same = entry != entries_.end() && entry->second.alone == each.alone;
    if (same) entry->second.asked_at = asked_at;
  }
}

void LeaseRenewer::lose(std::span<const Held> lost) {
  std::vector<std::uint64_t> fences;
  {
    const std::lock_guard lock(mutex_);
    for (const Held& each : lost) {
      const auto entry = entries_.find(each.fence);
      // One that was isolated since the question is another lease to Redis.
      if (entry == entries_.end() || entry->second.alone != each.alone) continue;
      entries_.erase(entry);
      fences.push_back(each.fence);
    }
  }
  if (!fences.empty()) on_lost_(fences);
}

}  // namespace wq::internal
