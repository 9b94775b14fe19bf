#include "maintenance/reclaim_pass.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <wq/error.h>

#include "maintenance/heartbeat.h"
#include "queue/pop_size.h"
#include "queue/server_check.h"
#include "script/script.h"

namespace wq::internal {
namespace {

using std::chrono::milliseconds;

// An item without a lease must be seen so in that many passes in a row.
constexpr int kUnleasedPasses = 3;
// What is remembered from pass to pass is bounded (some 60 MB); more than that waits for its turn.
constexpr std::size_t kMostUnleased = 1'000'000;
constexpr std::size_t kMostForeign = 100'000;
constexpr int kPromoteAtOnce = 100;
constexpr milliseconds kDefaultHold{30'000};
constexpr milliseconds kSilentSession = std::chrono::hours{24};
// How long the entry of a worker that is gone is kept for people to see.
constexpr milliseconds kWorkersEvery = std::chrono::minutes{1};

void append_lease_keys(CommandBuffer& out, const Keys& keys,
                       const std::vector<std::string>& items) {
  for (const std::string& item : items) out.arg(keys.lease_prefix(), text(hash_item(item)));
}

// Enough of a hash to tell a million items apart: two that are equal here (one case in some ten
// million) share their waiting period.
std::uint64_t short_hash(std::string_view hash) {
  std::uint64_t number = 0;
  std::from_chars(hash.data(), hash.data() + 2 * sizeof number, number, 16);
  return number;
}

}  // namespace

ReclaimPass::ReclaimPass(std::string queue, RedisOptions redis, ReclaimerOptions options,
                         std::stop_token stop)
    : keys_(std::move(queue)),
      options_(options),
      link_(std::move(redis), std::move(stop), [this](Connection& connection) {
        static_cast<void>(check_server(connection, keys_));
        mender_.ask(connection);  // who calls has told the time
      }) {}

ReclaimReport ReclaimPass::run(TimePoint now) {
  return link_.run([this, now](Connection& redis) { return look(redis, now); });
}

milliseconds ReclaimPass::courtesy() const noexcept {
  return options_.lease.value_or(queue_lease_) / 3;
}

bool ReclaimPass::pending() const noexcept {
  return overdue_ || !unleased_.empty() ||
         std::any_of(holds_.begin(), holds_.end(),
                     [](const auto& each) { return each.second.expired; });
}

ReclaimReport ReclaimPass::look(Connection& redis, TimePoint now) {
  notice_connection(redis, now);
  ReclaimReport report;
  ++passes_;
  overdue_ = false;
  promote(redis, report);
  scan_processing(redis, now, report);
  std::erase_if(unleased_, [this](const auto& each) { return each.second.last_pass != passes_; });
  sweep_producers(redis, now, report);
  return report;
}

void ReclaimPass::notice_connection(Connection& redis, TimePoint now) {
  if (generation_ == link_.generation()) return;
  if (reading_) chunk_.failed();  // the connection may have broken under the weight of the answer
  generation_ = link_.generation();
  connected_at_ = now;
  queue_lease_ = read_lease(redis);
  unleased_.clear();
  holds_.clear();
  holds_to_drop_.clear();
}

// What the workers of the queue have said.
milliseconds ReclaimPass::read_lease(Connection& redis) const {
  CommandBuffer ask;
  ask.command({"HGET", keys_[Key::stats], kLeaseField});
  const Reply reply = redis.call(ask);
  if (reply.value().is_nil()) return kUsualLease;
  return std::clamp(milliseconds{reply.value().integer()}, milliseconds{0}, kLongestLease);
}

void ReclaimPass::promote(Connection& redis, ReclaimReport& report) {
  CommandBuffer call;
  begin_call(call, scripts::promote, keys_, 0, 2);
  call.arg(kPromoteAtOnce);
  call.arg(kLongestDelay.count());
  std::uint64_t moved = 0;
  do {
    const Reply reply = run_script(redis, scripts::promote, call);
    moved = reply.value()[0].count();
    report.promoted += moved;
  } while (moved == kPromoteAtOnce);
}

// From the right, where the oldest stand: positions counted from there stay right while items are
// added on the left. Where others take items away meanwhile, some are passed over until the next
// pass.
void ReclaimPass::scan_processing(Connection& redis, TimePoint now, ReclaimReport& report) {
  for (std::size_t seen = 0;;) {
    const std::size_t chunk = chunk_.items();
    CommandBuffer read;
    read.command({"LRANGE", keys_[Key::processing],
                  std::to_string(-static_cast<std::int64_t>(seen + chunk)),
                  std::to_string(-static_cast<std::int64_t>(seen) - 1)});
    std::vector<std::string> items;
    std::size_t bytes = 0;
    {
      reading_ = true;
      const Reply reply = redis.call(read);
      reading_ = false;
      for (std::size_t i = 0; i < reply.value().size(); ++i) {
        items.emplace_back(reply.value()[i].text());
        bytes += items.back().size();
      }
    }
    if (items.empty()) return;
    chunk_.read(items.size(), bytes);
    const std::uint64_t before = report.reclaimed + report.died + report.returned;
    look_at(redis, items, now, report);
    if (items.size() < chunk) return;
    // What was handed back does not stand there any more.
    seen += items.size() - (report.reclaimed + report.died + report.returned - before);
  }
}

void ReclaimPass::look_at(Connection& redis, const std::vector<std::string>& items, TimePoint now,
                          ReclaimReport& report) {
  std::vector<std::string> hashes;
  CommandBuffer ask;
  for (const std::string& item : items) {
    hashes.emplace_back(text(hash_item(item)));
    ask.command({"PTTL", keys_.lease_prefix() + hashes.back()});
  }
  redis.send(ask);
  std::vector<std::string> ran_out;
  std::vector<std::string> stranded;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::int64_t left_ms = redis.receive().checked().value().integer();
    if (left_ms == -2) {
      const milliseconds grace = unleased_grace(items[i].size());
      if (is_stranded(short_hash(hashes[i]), grace, now)) stranded.push_back(items[i]);
    } else if (left_ms <= kLeaseTail.count() || left_ms > (kLongestLease + kLeaseTail).count()) {
      ran_out.push_back(items[i]);
    }
  }
  if (!ran_out.empty()) reclaim(redis, ran_out, now, report);
  if (!stranded.empty()) requeue(redis, stranded, report);
}

// The script decides for itself which of the leases ran out; those of RedisWQ clients never seem
// to be longer than the tail and are only counted.
void ReclaimPass::reclaim(Connection& redis, const std::vector<std::string>& items, TimePoint now,
                          ReclaimReport& report) {
  // So soon after we came, living workers that lost Redis as well may not have renewed yet: with no
  // tail, no lease has run out.
  const bool early = now - connected_at_ < courtesy();
  CommandBuffer call;
  begin_call(call, scripts::reclaim, keys_, items.size(), 3 + items.size());
  append_lease_keys(call, keys_, items);
  call.arg(early ? -1 : kLeaseTail.count());
  call.arg((kLongestLease + kLeaseTail).count());
  if (options_.max_crashes) {
    call.arg(*options_.max_crashes);
  } else {
    call.arg("");
  }
  for (const std::string& item : items) call.arg(item);
  const Reply reply = run_script(redis, scripts::reclaim, call);
  report.reclaimed += reply.value()[0].count();
  report.died += reply.value()[1].count();
  const std::vector<std::size_t> foreign = read_positions(reply.value()[2], items.size());
  overdue_ = overdue_ || (early && foreign.size() < items.size());
  std::uint64_t fresh = 0;
  for (const std::size_t i : foreign) {
    if (foreign_.size() >= kMostForeign) break;
    fresh += foreign_.emplace(text(hash_item(items[i]))).second ? 1 : 0;
  }
  if (fresh > 0) count_foreign(redis, fresh, report);
}

void ReclaimPass::count_foreign(Connection& redis, std::uint64_t fresh, ReclaimReport& report) {
  report.foreign += fresh;
  CommandBuffer count;
  begin_call(count, scripts::write_at_maxmemory, keys_, 1, 3);
  count.arg(keys_[Key::stats]);
  count.arg("HINCRBY");
  count.arg("foreign");
  count.arg(fresh);
  run_script(redis, scripts::write_at_maxmemory, count);
}

bool ReclaimPass::is_stranded(std::uint64_t hash, milliseconds grace, TimePoint now) {
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

void ReclaimPass::requeue(Connection& redis, const std::vector<std::string>& items,
                          ReclaimReport& report) {
  CommandBuffer call;
  begin_call(call, scripts::requeue, keys_, items.size(), items.size());
  append_lease_keys(call, keys_, items);
  for (const std::string& item : items) call.arg(item);
  report.returned += run_script(redis, scripts::requeue, call).value().count();
  for (const std::string& item : items) unleased_.erase(short_hash(text(hash_item(item))));
}

void ReclaimPass::sweep_producers(Connection& redis, TimePoint now, ReclaimReport& report) {
  CommandBuffer call;
  begin_call(call, scripts::sweep, keys_, 0, 2 + holds_to_drop_.size());
  call.arg(kLongestHold.count());
  call.arg(kSilentSession.count());
  for (const std::string& word : holds_to_drop_) call.arg(word);
  holds_to_drop_.clear();
  const Reply reply = run_script(redis, scripts::sweep, call);
  report.holds += reply.value()[1].count();
  const std::int64_t now_ms = reply.value()[0].integer();
  const Value silent = reply.value()[3];
  for (auto& [session, hold] : holds_) hold.still_there = false;
  watch_holds(redis, reply.value()[2], true, now);
  watch_holds(redis, reply.value()[4], false, now);
  std::erase_if(holds_, [](const auto& each) { return !each.second.still_there; });
  for (std::size_t i = 0; i < silent.size(); ++i) {
    CommandBuffer close;
    begin_call(close, scripts::close, keys_, 1, 2);
    close.arg(keys_.replay(silent[i].text()));
    close.arg(silent[i].text());
    close.arg(now_ms - kSilentSession.count());
    run_script(redis, scripts::close, close);
  }
  sweep_workers(redis, now_ms);
}

milliseconds ReclaimPass::length_of_hold(Connection& redis, const std::string& session) const {
  CommandBuffer ask;
  ask.command({"HGET", keys_.replay(session), "hold_ms"});
  const Reply length = redis.call(ask);
  return length.value().is_nil() ? kDefaultHold : milliseconds{length.value().integer()};
}

// A hold that has expired counts until no sign of life of its producer was seen for the whole
// length of it: Redis may have been away for longer than that, and its producer with it.
void ReclaimPass::watch_holds(Connection& redis, const Value& holds, bool expired, TimePoint now) {
  for (std::size_t i = 0; i + 1 < holds.size(); i += 2) {
    const std::string session(holds[i].text());
    const std::string expiry(holds[i + 1].text());
    Hold& hold = holds_[session];
    if (hold.expiry != expiry) hold = {.expiry = expiry, .last_sign = now};
    hold.still_there = true;
    hold.expired = expired;
    if (!expired) continue;
    if (!hold.length) hold.length = length_of_hold(redis, session);
    if (now - hold.last_sign >= *hold.length) {
      holds_to_drop_.push_back(session);
      holds_to_drop_.push_back(expiry);
    }
  }
}

void ReclaimPass::sweep_workers(Connection& redis, std::int64_t server_ms) {
  if (server_ms - workers_swept_ms_ < kWorkersEvery.count()) return;
  workers_swept_ms_ = server_ms;
  CommandBuffer ask;
  ask.command({"HGETALL", keys_[Key::workers]});
  const Reply entries = redis.call(ask);
  CommandBuffer remove;
  for (std::size_t i = 0; i + 1 < entries.value().size(); i += 2) {
    const bool alive = is_alive(entries.value()[i + 1].text(), server_ms);
    if (!alive) remove.command({"HDEL", keys_[Key::workers], entries.value()[i].text()});
  }
  if (remove.size() > 0) redis.call(remove);
}

}  // namespace wq::internal
