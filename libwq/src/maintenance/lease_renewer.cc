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

void LeaseRenewer::remove(std::span<const Settlement> settlements) {
  const std::lock_guard lock(mutex_);
  for (const Settlement& each : settlements) entries_.erase(each.lease.fence);
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
