#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <wq/admin.h>
#include <wq/clock.h>
#include <wq/error.h>
#include <wq/reclaimer.h>

#include "admin/admin_connection.h"
#include "admin/history.h"
#include "admin/look.h"
#include "admin/walk.h"
#include "base/wait.h"
#include "maintenance/heartbeat.h"
#include "maintenance/reclaim_pass.h"
#include "queue/operations.h"
#include "script/script.h"

namespace wq {
namespace internal {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kExamples = 5;
// An inconsistency must be seen in each of these reads; the last read is at least the grace period
// after the first.
constexpr int kLooks = 3;
constexpr milliseconds kBetweenLooks = kUnleasedGrace / (kLooks - 1) + milliseconds{50};
constexpr milliseconds kBetweenPasses{500};
constexpr int kPasses = 14;
// A walk over processing passes over some items while others are settled, hardly the same in so
// many walks.
constexpr int kWalks = 4;
// So many items of which something is recorded are held against the queue in one run.
constexpr std::size_t kMostHistories = 1'000'000;

// Suspects by the hash of an item or by session, with their display text or the value read.
using Suspects = std::map<std::string, std::string>;

// One look at processing and the leases.
struct LeaseLook {
  Suspects unleased;  // item by hash
  Suspects endless;   // item by hash
  Suspects stray;     // holder by hash
  bool foreign = false;
};

// Keeps what is in both with the same text.
void intersect(Suspects& suspects, const Suspects& others) {
  std::erase_if(suspects, [&](const auto& each) {
    const auto other = others.find(each.first);
    return other == others.end() || other->second != each.second;
  });
}

std::uint64_t gone(const Suspects& before, const Suspects& after) {
  return static_cast<std::uint64_t>(std::count_if(
      before.begin(), before.end(), [&](const auto& each) { return !after.contains(each.first); }));
}

void take_off(std::span<const std::string> items, std::set<std::string>& hashes) {
  for (const std::string& item : items) hashes.erase(std::string(text(hash_item(item))));
}

class Verifier {
 public:
  Verifier(AdminConnection& session, bool repair)
      : session_(session),
        link_(repair ? session.link_to_change() : session.link()),
        keys_(session.keys()) {}

  VerifyReport run(bool repair) {
    check_counts();
    if (repair) forget_lost();
    const LeaseLook leases = steady_leases();
    const Suspects workers = dead_workers();
    const Suspects holds = expired_holds();
    const Suspects election = endless_election();
    const auto histories = stale_histories();

    const bool for_the_reclaimer =
        !leases.unleased.empty() || !leases.endless.empty() || !workers.empty() || !holds.empty();
    if (repair && for_the_reclaimer) reclaim();
    if (repair && !election.empty()) end_election();
    const LeaseLook after = repair && for_the_reclaimer ? look_at_leases() : leases;

    using Kind = Inconsistency::Kind;
    add(Kind::unleased, leases.unleased, true, gone(leases.unleased, after.unleased));
    add(Kind::endless_lease, leases.endless, true, gone(leases.endless, after.endless));
    add(Kind::stray_lease, leases.stray, false, repair ? end_strays(leases.stray) : 0);
    add(Kind::dead_worker, workers, false, repair ? gone(workers, dead_workers()) : 0);
    add(Kind::expired_hold, holds, false, repair ? gone(holds, expired_holds()) : 0);
    add(Kind::endless_election, election, false, repair ? gone(election, endless_election()) : 0);
    Suspects stale;
    for (const auto& [hash, values] : histories) stale.emplace(hash, "");
    add(Kind::stale_history, stale, false, repair ? forget(link_, keys_, histories) : 0);
    return std::move(report_);
  }

 private:
  void add(Inconsistency::Kind kind, const Suspects& suspects, bool show_second,
           std::uint64_t mended) {
    if (suspects.empty()) return;
    Inconsistency& inconsistency = report_.inconsistencies.emplace_back();
    inconsistency.kind = kind;
    inconsistency.count = suspects.size();
    inconsistency.mended = mended;
    for (const auto& [first, second] : suspects) {
      if (inconsistency.examples.size() == kExamples) break;
      inconsistency.examples.push_back(show_second ? second : first);
    }
  }

  void check_counts() {
    report_.counts = link_.run([&](Connection& redis) {
      return read_counts(run_script(redis, scripts::counts, keys_, {}).value());
    });
    const Counts& now = report_.counts;
    const std::uint64_t have = now.ready + now.processing + now.delayed + now.dead + now.completed +
                               now.dropped + now.merged;
    report_.foreign_pushes = have > now.pushed ? have - now.pushed : 0;
    report_.unaccounted = have < now.pushed ? now.pushed - have : 0;
  }

  // Whoever repairs knows of them, from this report.
  void forget_lost() {
    const std::uint64_t lost = std::min(report_.counts.lost, report_.unaccounted);
    if (lost == 0) return;
    forgotten_ = link_.run([&](Connection& redis) {
      return run_script(redis, scripts::forget_lost, keys_, {}, lost).value().count();
    });
  }

  LeaseLook steady_leases() {
    LeaseLook steady = look_at_leases();
    report_.provable = report_.counts.foreign == 0 && !steady.foreign;
    if (report_.unaccounted > 0 && report_.provable) {
      Inconsistency& missing = report_.inconsistencies.emplace_back();
      missing.kind = Inconsistency::Kind::missing;
      missing.count = report_.unaccounted;
      missing.mended = forgotten_;
    }
    const auto nothing = [&steady] {
      return steady.unleased.empty() && steady.endless.empty() && steady.stray.empty();
    };
    for (int look = 1; look < kLooks && !nothing(); ++look) {
      wait(kBetweenLooks);
      const LeaseLook again = look_at_leases();
      intersect(steady.unleased, again.unleased);
      intersect(steady.endless, again.endless);
      intersect(steady.stray, again.stray);
    }
    return steady;
  }

  LeaseLook look_at_leases() {
    LeaseLook look;
    // Leases first: the item of an earlier lease is in processing at least as long as the lease
    // exists.
    std::set<std::string> alone;
    for_keys(link_, keys_.lease_prefix(), [&](std::span<const std::string> found) {
      for (const std::string& lease : found)
        alone.insert(lease.substr(keys_.lease_prefix().size()));
    });
    for_chunks(link_, keys_[Key::processing], From::right,
               [&](std::span<const std::string> items) { look_at_items(items, alone, look); });
    look.stray = holders(alone);
    for (int walk = 1; walk < kWalks && !look.stray.empty(); ++walk) {
      for_chunks(link_, keys_[Key::processing], From::right,
                 [&](std::span<const std::string> items) { take_off(items, alone); });
      look.stray = holders(alone);
    }
    return look;
  }

  // Of those leases that are held; takes off the others.
  Suspects holders(std::set<std::string>& leases) {
    Suspects held;
    in_chunks(leases, [&](const auto& chunk) {
      CommandBuffer ask;
      ask.begin(1 + chunk.size());
      ask.arg("MGET");
      for (const auto& hash : chunk) ask.arg(keys_.lease_prefix(), *hash);
      link_.run([&](Connection& redis) {
        const Reply answer = redis.call(ask);
        for (std::size_t i = 0; i < chunk.size(); ++i) {
          const Value holder = answer.value()[i];
          if (!holder.is_nil()) held[*chunk[i]] = holder.text();
        }
        return true;
      });
    });
    std::erase_if(leases, [&](const std::string& hash) { return !held.contains(hash); });
    return held;
  }

  void look_at_items(std::span<const std::string> items, std::set<std::string>& alone,
                     LeaseLook& look) {
    link_.run([&](Connection& redis) {
      CommandBuffer ask;
      std::vector<std::string> these;
      for (const std::string& item : items) {
        these.emplace_back(text(hash_item(item)));
        ask.command({"MGET", keys_.lease_prefix() + these.back()});
        ask.command({"PTTL", keys_.lease_prefix() + these.back()});
      }
      redis.send(ask);
      for (std::size_t i = 0; i < items.size(); ++i) {
        const Reply answer = redis.receive();
        const std::int64_t left_ms = redis.receive().checked().value().integer();
        const Value holder = answer.checked().value()[0];
        const bool ours = !holder.is_nil() && holder.text().find('#') != std::string_view::npos;
        look.foreign = look.foreign || (!holder.is_nil() && !ours);
        if (left_ms == -2) look.unleased[these[i]] = items[i];
        if (ours && (left_ms == -1 || left_ms > (kLongestLease + kLeaseTail).count())) {
          look.endless[these[i]] = items[i];
        }
        alone.erase(these[i]);
      }
      return true;
    });
  }

  Suspects dead_workers() {
    return link_.run([&](Connection& redis) {
      const std::int64_t now_ms = server_ms(redis);
      const Reply reply = redis.call({"HGETALL", keys_[Key::workers]});
      const Value entries = reply.value();
      Suspects dead;
      for (std::size_t i = 0; i + 1 < entries.size(); i += 2) {
        if (!is_alive(entries[i + 1].text(), now_ms)) dead.emplace(entries[i].text(), "");
      }
      return dead;
    });
  }

  Suspects expired_holds() {
    return link_.run([&](Connection& redis) {
      const std::string now_ms = std::to_string(server_ms(redis));
      const Reply reply = redis.call({"ZRANGEBYSCORE", keys_[Key::producers], "-inf", now_ms});
      Suspects expired;
      for (std::string& session : reply.value().texts()) expired.emplace(std::move(session), "");
      return expired;
    });
  }

  Suspects endless_election() {
    return link_.run([&](Connection& redis) {
      const auto [who, left] =
          redis.ask({{"GET", keys_[Key::reclaimer]}, {"PTTL", keys_[Key::reclaimer]}});
      Suspects endless;
      if (left.checked().value().integer() == -1 && !who.checked().value().is_nil()) {
        endless.emplace(who.value().text(), "");
      }
      return endless;
    });
  }

  std::set<std::string> recorded_hashes() {
    std::set<std::string> hashes;
    for (const Key key : kHistoryKeys) {
      for_fields(link_, keys_[key], [&](std::span<const std::string> fields) {
        hashes.insert(fields.begin(), fields.end());
        return hashes.size() < kMostHistories;
      });
    }
    return hashes;
  }

  // An item that stays in the queue is only missed if it comes out of processing meanwhile, or if
  // others are removed from ready: items move from the delayed and the dead to ready and from there
  // to processing, in this order.
  void take_off_what_is_there(std::set<std::string>& hashes) {
    const auto look = [&](std::span<const std::string> items) { take_off(items, hashes); };
    if (hashes.empty()) return;
    for_members(link_, keys_[Key::delayed], "*", look);
    for_members(link_, keys_[Key::dead], "*", look);
    if (!hashes.empty()) for_chunks(link_, keys_[Key::ready], From::left, look);
    for (int walk = 0; walk < kWalks && !hashes.empty(); ++walk) {
      for_chunks(link_, keys_[Key::processing], From::right, look);
    }
  }

  // The counters of items that leave processing without a new record, and of items that are
  // removed, moved within ready, or pushed with a delay.
  std::array<std::string, 4> comings_back() {
    return link_.run([&](Connection& redis) {
      const Reply reply =
          redis.call({"HMGET", keys_[Key::stats], "released", "returned", "dropped", "moved"});
      std::array<std::string, 4> counters;
      for (std::size_t i = 0; i < counters.size(); ++i) {
        const Value value = reply.value()[i];
        if (!value.is_nil()) counters.at(i) = value.text();
      }
      return counters;
    });
  }

  // A record that is equal before and after a read is stale if the read did not find its item and
  // no item returned to the queue during it.
  Histories stale_histories() {
    std::set<std::string> hashes = recorded_hashes();
    take_off_what_is_there(hashes);
    const Histories before = read_histories(link_, keys_, hashes);
    for (int look = 1; look < kLooks && !hashes.empty(); ++look) {
      const auto come_back = comings_back();
      take_off_what_is_there(hashes);
      if (comings_back() != come_back) continue;
      Histories now = read_histories(link_, keys_, hashes);
      std::erase_if(now, [&](const auto& each) {
        const auto same = before.find(each.first);
        return same == before.end() || same->second != each.second;
      });
      return now;
    }
    return {};  // items return all the time: a returned item looks like a removed one
  }

  // A read after a shortened wait would prove nothing.
  void wait(milliseconds time) {
    wait_for(time, session_.stop());
    if (session_.stop().stop_requested()) throw ConnectionError("stopped while verifying");
  }

  // The reclaimer's own waiting periods apply. Leases that have run out are left to the workers'.
  void reclaim() {
    ReclaimPass pass(keys_.queue(), link_.options(), {}, session_.stop());
    for (int i = 0; i < kPasses; ++i) {
      static_cast<void>(pass.run(BootClock::now()));
      if (!pass.pending()) return;
      wait(kBetweenPasses);
    }
  }

  std::uint64_t end_strays(const Suspects& strays) {
    std::uint64_t ended = 0;
    in_chunks(strays, [&](const auto& chunk) {
      CommandBuffer call;
      begin_call(call, scripts::end_strays, keys_, chunk.size(), 1 + chunk.size());
      for (const auto& each : chunk) call.arg(keys_.lease_prefix(), each->first);
      call.arg(kLeaseTail.count());
      for (const auto& each : chunk) call.arg(each->second);
      ended += link_.run([&](Connection& redis) {
        return static_cast<std::uint64_t>(
            run_script(redis, scripts::end_strays, call).value().integer());
      });
    });
    return ended;
  }

  void end_election() {
    link_.run([&](Connection& redis) {
      return redis.call(
          {"PEXPIRE", keys_[Key::reclaimer], std::to_string(Heartbeat::kTenure.count())});
    });
  }

  AdminConnection& session_;
  ReconnectingConnection& link_;
  const Keys& keys_;
  std::uint64_t forgotten_ = 0;  // of those that are counted as lost
  VerifyReport report_;
};

}  // namespace
}  // namespace internal

VerifyReport Admin::verify() { return internal::Verifier(*session_, false).run(false); }
VerifyReport Admin::repair() { return internal::Verifier(*session_, true).run(true); }

}  // namespace wq
