#include <algorithm>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include <wq/admin.h>

#include "admin/admin_connection.h"
#include "admin/look.h"
#include "admin/records.h"
#include "admin/walk.h"
#include "queue/operations.h"
#include "queue/registry.h"
#include "queue/waiting.h"
#include "script/script.h"

namespace wq {
namespace internal {
namespace {

constexpr std::size_t kLeasesAtOnce = 500;
constexpr std::size_t kItemsAtOnce = 100;  // they may be large

// True if the queue may be removed.
using MayGo = std::function<bool(Connection&)>;

enum class Removal { refused, disturbed, done };

// Leases in force, except those of `dead`.
std::uint64_t count_leased(Connection& redis, const Keys& keys, const std::set<std::string>& dead) {
  std::uint64_t leased = 0;
  std::string place;
  do {
    const ItemPage page = list_items(redis, keys, ItemState::leased, place, kItemsAtOnce);
    for (const ItemInfo& item : page.items) {
      const bool in_force = !item.holder.empty() && item.left > std::chrono::milliseconds::zero();
      if (in_force && !dead.contains(item.holder)) ++leased;
    }
    place = page.next;
  } while (!place.empty());
  return leased;
}

InUse look_who_is_there(Connection& redis, const Keys& keys) {
  InUse in_use;
  std::set<std::string> dead;
  for (const WorkerInfo& worker : read_workers(redis, keys)) {
    if (worker.overdue()) {
      dead.insert(worker.session);
    } else {
      ++in_use.workers;
    }
  }
  // Expired holds do not count: without a reclaimer they stay in the set.
  in_use.producers =
      redis.call({"ZCOUNT", keys[Key::producers], std::to_string(server_ms(redis)), "+inf"})
          .value()
          .count();
  in_use.leased = count_leased(redis, keys, dead);
  return in_use;
}

// One attempt, disturbed if a producer's session began or ended during it. After a lost reply the
// counts are those of an empty queue, since the interrupted purge has already removed the keys.
Removal remove_all(Connection& redis, const Keys& keys, const MayGo& may_go, PurgeReport& report,
                   std::string& fence) {
  const Reply listed = redis.call({"ZRANGE", keys[Key::replays], "0", "-1"});
  // In between, so that a producer that begins after this look disturbs the removal.
  if (!may_go(redis)) return Removal::refused;
  const std::vector<std::string> sessions = listed.value().texts();
  std::vector<std::string> replays;
  for (const std::string& session : sessions) replays.push_back(keys.replay(session));
  const Reply reply = run_script(redis, scripts::purge, keys, replays, sessions);
  const Value answer = reply.value();
  if (answer.size() == 0) return Removal::disturbed;
  report.keys = answer[1].count();
  report.results = answer[2].count();
  report.counts = read_counts(answer[3]);
  fence = answer[0].text();
  return Removal::done;
}

void remove_leases(ReconnectingConnection& link, const Keys& keys,
                   std::span<const std::string> leases, const std::string& fence,
                   PurgeReport& report) {
  while (!leases.empty()) {
    const auto chunk = leases.first(std::min(leases.size(), kLeasesAtOnce));
    leases = leases.subspan(chunk.size());
    report.leases += link.run([&](Connection& redis) {
      return run_script(redis, scripts::purge_leases, keys, chunk, fence).value().count();
    });
  }
}

std::optional<PurgeReport> purge_if(ReconnectingConnection& link, const Keys& keys,
                                    const MayGo& may_go) {
  PurgeReport report;
  const auto registered = link.run([&](Connection& redis) { return find_registered(redis, keys); });
  // With their heartbeats the workers that rest are out of sight.
  const Reply workers = link.run([&](Connection& redis) {
    redis.send({{"HGETALL", keys[Key::workers]}});
    return redis.receive();
  });
  std::string fence;
  Removal removal = Removal::disturbed;
  while (removal == Removal::disturbed) {
    removal =
        link.run([&](Connection& redis) { return remove_all(redis, keys, may_go, report, fence); });
  }
  if (removal == Removal::refused) return std::nullopt;
  for_keys(link, keys.lease_prefix(), [&](std::span<const std::string> found) {
    remove_leases(link, keys, found, fence, report);
  });
  report.keys += report.leases;
  link.run([&](Connection& redis) {
    if (!workers.value().is_error()) end_waits(redis, waits_of_others(workers.value(), ""));
    return true;
  });
  if (registered) {  // else a producer that begins the queue anew has registered it since
    link.run([&](Connection& redis) {
      forget_queues(redis, std::span(&*registered, 1));
      return true;
    });
  }
  return report;
}

}  // namespace
}  // namespace internal

PurgeReport Admin::purge() {
  const auto always = [](internal::Connection&) { return true; };
  return internal::purge_if(session_->link_to_change(), session_->keys(), always).value();
}

std::optional<PurgeReport> Admin::purge_unless_in_use(InUse& in_use) {
  return internal::purge_if(session_->link_to_change(), session_->keys(),
                            [&](internal::Connection& redis) {
                              in_use = internal::look_who_is_there(redis, session_->keys());
                              return in_use.none();
                            });
}

}  // namespace wq
