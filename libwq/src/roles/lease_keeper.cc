#include "roles/lease_keeper.h"

#include <algorithm>
#include <utility>

#include "script/script.h"

namespace wq::internal {

RedisOptions for_keeper(RedisOptions redis, std::chrono::milliseconds lease) {
  constexpr std::chrono::milliseconds kShortest{100};
  const auto longest = std::max(lease / 4, kShortest);
  redis.client_name += "-keeper";
  redis.connect_timeout = std::min(redis.connect_timeout, longest);
  redis.command_timeout = std::min(redis.command_timeout, longest);
  redis.log = nullptr;  // the main connection has said it
  return redis;
}

LeaseKeeper::LeaseKeeper(Link& link, const Keys& keys, std::string session,
                         std::chrono::milliseconds ttl, OnLost on_lost)
    : link_(link),
      keys_(keys),
      session_(std::move(session)),
      ttl_(ttl),
      on_lost_(std::move(on_lost)) {}

void LeaseKeeper::add(std::span<const Lease> leases, TimePoint asked_at) {
  const std::lock_guard lock(mutex_);
  for (const Lease& lease : leases)
    entries_.insert_or_assign(lease.fence, Entry{lease.hash, asked_at, asked_at});
}

void LeaseKeeper::remove(std::span<const Settlement> settlements) {
  const std::lock_guard lock(mutex_);
  for (const Settlement& each : settlements) entries_.erase(each.lease.fence);
}

std::size_t LeaseKeeper::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

std::chrono::milliseconds LeaseKeeper::oldest(TimePoint now) const {
  const std::lock_guard lock(mutex_);
  TimePoint since = now;
  for (const auto& [fence, entry] : entries_) since = std::min(since, entry.since);
  return std::chrono::duration_cast<std::chrono::milliseconds>(now - since);
}

void LeaseKeeper::renew(TimePoint now) {
  const std::vector<Held> leases = due(now);
  Pipeline call;
  for (std::span<const Held> rest = leases; !rest.empty();) {
    const std::span<const Held> chunk = rest.first(std::min(rest.size(), Queue::kMaxBatch));
    rest = rest.subspan(chunk.size());
    call.clear();
    append_renew(call, keys_, session_, chunk, ttl_);
    const TimePoint asked_at = BootClock::now();
    std::vector<std::uint64_t> lost;
    const Reply reply = run_script(link_.connection(), scripts::renew, call);
    for (const std::size_t i : read_positions(reply.value(), chunk.size()))
      lost.push_back(chunk[i].fence);
    confirm(chunk, asked_at);
    renewals_ += chunk.size() - lost.size();
    lose(lost);
  }
}

void LeaseKeeper::expire(TimePoint now) {
  std::vector<std::uint64_t> ended;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [fence, entry] : entries_) {
      if (entry.asked_at + ttl_ <= now) ended.push_back(fence);
    }
  }
  lose(ended);
}

std::vector<Held> LeaseKeeper::due(TimePoint now) const {
  std::vector<Held> leases;
  const std::lock_guard lock(mutex_);
  for (const auto& [fence, entry] : entries_) {
    if (entry.asked_at + ttl_ / 3 <= now) leases.push_back({entry.hash, fence});
  }
  return leases;
}

void LeaseKeeper::confirm(std::span<const Held> renewed, TimePoint asked_at) {
  const std::lock_guard lock(mutex_);
  for (const Held& each : renewed) {
    const auto entry = entries_.find(each.fence);
    if (entry != entries_.end()) entry->second.asked_at = asked_at;
  }
}

void LeaseKeeper::lose(const std::vector<std::uint64_t>& fences) {
  std::vector<std::uint64_t> lost;
  {
    const std::lock_guard lock(mutex_);
    for (const std::uint64_t fence : fences) {
      if (entries_.erase(fence) > 0) lost.push_back(fence);
    }
  }
  if (!lost.empty()) on_lost_(lost);
}

}  // namespace wq::internal
