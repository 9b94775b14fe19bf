#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/printable.h"
#include "model/random/hashes.h"
#include "model/random/random_run.h"

namespace wq::test::random {
namespace {

using internal::CommandBuffer;
using internal::Key;
using internal::printable;
using internal::Reply;
using std::chrono::milliseconds;

constexpr std::string_view kRedisWq = "8a1e0b2c-0000-4000-8000-session-of-redis-wq";

void append_leases(CommandBuffer& call, const internal::Keys& keys,
                   const std::vector<std::string>& items) {
  for (const std::string& item : items) call.arg(keys.lease_prefix(), hash_of(item));
}

}  // namespace

void RandomRun::reclaim() { reclaim_items(items_to_look_at()); }

void RandomRun::reclaim_items(const std::vector<std::string>& items) {
  const std::int64_t tail_ms = one_in(4) ? -1 : kTailMs;
  std::optional<std::uint32_t> budget;
  if (one_in(2)) budget = static_cast<std::uint32_t>(between(1, 3));
  const std::string budget_text = budget ? std::to_string(*budget) : "";
  note(fmt::format("reclaim {}, tail {} ms, {} crashes", text_of(items), tail_ms,
                   budget ? budget_text : "the workers'"));
  CommandBuffer call;
  internal::begin_call(call, internal::scripts::reclaim, keys_, items.size(), 3 + items.size());
  append_leases(call, keys_, items);
  call.arg(tail_ms);
  call.arg(kLongestKeyMs);
  call.arg(budget_text);
  for (const std::string& item : items) call.arg(item);
  const Reply reply = redis_.run(internal::scripts::reclaim, call);
  QueueModel::Reclaimed got{reply.value()[0].integer(), reply.value()[1].integer(), {}};
  for (std::size_t i = 0; i < reply.value()[2].size(); ++i) {
    got.foreign.push_back(static_cast<std::size_t>(reply.value()[2][i].integer()) - 1);
  }
  const QueueModel::Reclaimed expected = model_.reclaim(items, tail_ms, kLongestKeyMs, budget);
  const auto text = [](const QueueModel::Reclaimed& each) {
    return fmt::format("{} {} {}", each.back, each.died, each.foreign);
  };
  expect("reclaim", text(got), text(expected));
}

void RandomRun::requeue() {
  const std::vector<std::string> items = items_to_look_at();
  note("requeue " + text_of(items));
  CommandBuffer call;
  internal::begin_call(call, internal::scripts::requeue, keys_, items.size(), items.size());
  append_leases(call, keys_, items);
  for (const std::string& item : items) call.arg(item);
  const Reply reply = redis_.run(internal::scripts::requeue, call);
  expect("requeue", std::to_string(reply.value().integer()), std::to_string(model_.requeue(items)));
}

void RandomRun::promote() {
  const std::size_t at_most = 1 + below(4);
  const std::int64_t longest_ms = one_in(3) ? 500 : internal::kLongestDelay.count();
  note(fmt::format("promote {}, at most {} ms away", at_most, longest_ms));
  CommandBuffer call;
  internal::begin_call(call, internal::scripts::promote, keys_, 0, 2);
  call.arg(at_most);
  call.arg(longest_ms);
  const Reply reply = redis_.run(internal::scripts::promote, call);
  const QueueModel::Promoted expected = model_.promote(at_most, longest_ms);
  expect("promote", fmt::format("{} {}", reply.value()[0].integer(), reply.value()[1].integer()),
         fmt::format("{} {}", expected.moved, expected.next_ms));
}

void RandomRun::sweep() {
  // Holds to drop: as they are, and as they were.
  std::vector<std::string> drop;
  const Reply holds = redis_.command({"ZRANGE", keys_[Key::producers], "0", "-1", "WITHSCORES"});
  if (holds.value().size() > 0 && one_in(3)) {
    drop = texts(holds.value());
    drop.resize(2);
    if (one_in(2)) drop[1] = std::to_string(std::stoll(drop[1]) - 1);
  }
  const std::int64_t longest_ms = one_in(4) ? 5'000 : internal::kLongestHold.count();
  const std::int64_t silence_ms = one_in(4) ? 10'000 : kDayMs;
  note(fmt::format("sweep, dropping {}", text_of(drop)));
  CommandBuffer call;
  internal::begin_call(call, internal::scripts::sweep, keys_, 0, 2 + drop.size());
  call.arg(longest_ms);
  call.arg(silence_ms);
  for (const std::string& word : drop) call.arg(word);
  const Reply reply = redis_.run(internal::scripts::sweep, call);
  const QueueModel::Swept expected = model_.sweep(drop, longest_ms, silence_ms);
  expect("sweep",
         fmt::format("{} {} {} {} {}", reply.value()[0].integer(), reply.value()[1].integer(),
                     texts(reply.value()[2]), texts(reply.value()[3]), texts(reply.value()[4])),
         fmt::format("{} {} {} {} {}", model_.now_ms(), expected.dropped, expected.expired,
                     expected.silent, expected.held));
}

// The reclaimer of the library, as workers run it.
void RandomRun::pass() {
  boot_ += milliseconds{between(0, 2'000)};
  note("a pass of the reclaimer");
  const auto text = [](const ReclaimReport& report) {
    return fmt::format("{} reclaimed, {} died, {} returned, {} promoted, {} holds, {} foreign",
                       report.reclaimed, report.died, report.returned, report.promoted,
                       report.holds, report.foreign);
  };
  const ReclaimReport got = pass_->run(boot_);
  expect("pass", text(got), text(pass_model_.run(boot_)));
}

void RandomRun::reconnect_pass() {
  note("the reclaimer loses its connection");
  pass_->link().drop();
  pass_model_.forget_connection();
}

void RandomRun::push_past_us() {
  if (!wants_items()) return;
  const std::string item = random_item();
  const bool left = one_in(2);
  note("push past us " + printable(item));
  redis_.command({left ? "LPUSH" : "RPUSH", keys_[Key::ready], item});
  model_.push_past_us(item, left);
}

void RandomRun::redis_wq_pop() {
  if (model_.ready().empty()) return;
  note("RedisWQ leases");
  const Reply moved = redis_.command({"RPOPLPUSH", keys_[Key::ready], keys_[Key::processing]});
  const std::string item(moved.value().text());
  expect("RedisWQ's pop", item, model_.move_one().value());
  if (one_in(5)) return;  // it dies
  const std::int64_t ttl_s = between(1, 60);
  redis_.command(
      {"SETEX", keys_.lease(hash_item(item)), std::to_string(ttl_s), std::string(kRedisWq)});
  model_.set_foreign_lease(item, kRedisWq, ttl_s * 1'000);
  held_by_redis_wq_.push_back(item);
}

void RandomRun::redis_wq_settle() {
  if (held_by_redis_wq_.empty()) return;
  const std::string item = held_by_redis_wq_.back();
  held_by_redis_wq_.pop_back();
  note("RedisWQ completes " + printable(item));
  redis_.command({"LREM", keys_[Key::processing], "0", item});
  model_.remove_from_processing(item);
  if (one_in(4)) return;  // it dies
  redis_.command({"DEL", keys_.lease(hash_item(item))});
  model_.drop_lease(item);
}

void RandomRun::evict_lease() {
  const std::optional<std::string> item = random_leased_item();
  if (!item) return;
  note("evict the lease of " + printable(*item));
  redis_.command({"DEL", keys_.lease(hash_item(*item))});
  model_.drop_lease(*item);
}

void RandomRun::remove_by_hand() {
  if (one_in(8)) {
    note("delete processing by hand");
    redis_.command({"DEL", keys_[Key::processing]});
    model_.drop_processing();
    return;
  }
  const std::optional<std::string> item = random_leased_item();
  if (!item) return;
  note(fmt::format("remove {} from processing by hand", printable(*item)));
  redis_.command({"LREM", keys_[Key::processing], "0", *item});
  model_.remove_from_processing(*item);
}

void RandomRun::spoil_expiry() {
  std::optional<std::string> item;
  for (int i = 0; i < 8 && !(item && model_.lease_left_ms(*item)); ++i) item = random_leased_item();
  if (!item) return;
  const std::string key = keys_.lease(hash_item(*item));
  note("spoil the expiry of the lease of " + printable(*item));
  if (one_in(2)) {
    redis_.command({"PERSIST", key});
    model_.set_expiry(*item, std::nullopt);
  } else {
    redis_.command({"PEXPIRE", key, std::to_string(10 * kLongestKeyMs)});
    model_.set_expiry(*item, 10 * kLongestKeyMs);
  }
  if (one_in(3)) return isolate_item(*item);
  if (one_in(2)) return reclaim_items({*item});
  std::vector<OperatorModel::Seen> leases = operator_.leases();
  std::erase_if(leases, [&](const auto& each) { return each.hash != hash_of(*item); });
  if (!leases.empty()) end_leases(leases);
}

void RandomRun::heartbeat() {
  const std::string session = one_in(4) ? random_name() : random_worker().session;
  const std::int64_t seen_ms = model_.now_ms() - between(0, 2) * 400'000;
  constexpr const char* kWho[] = {R"("label":"box \"1\"",)", R"("label":7,)",
                                  R"("label":7,"host":"h",)", R"("label":"a","host":"b",)"};
  const std::string entry =
      one_in(5) ? "not JSON"
                : fmt::format(R"({{{}"seen_ms":{}}})", kWho[below(std::size(kWho))], seen_ms);
  note("sign of life of " + session);
  redis_.command({"HSET", keys_[Key::workers], session, entry});
  model_.set_worker(session, entry);
}

// As workers do, of which the last decides. There are older ones that do not.
void RandomRun::tell_terms() {
  if (!model_.begun() || seed_ % 3 == 1) return;
  constexpr std::int64_t kLeasesMs[] = {1'000, 9'000, 86'400'000};
  const std::int64_t lease_ms = kLeasesMs[below(std::size(kLeasesMs))];
  const std::int64_t max_crashes = between(1, 4);
  note(fmt::format("a worker has leases of {} ms and {} crashes", lease_ms, max_crashes));
  redis_.command({"HSET", keys_[Key::stats], internal::kLeaseField, std::to_string(lease_ms),
                  internal::kMaxCrashesField, std::to_string(max_crashes)});
  model_.set_terms(lease_ms, max_crashes);
}

void RandomRun::pass_time() {
  constexpr std::int64_t kSpansMs[] = {20, 20, 300, 300, 300, 1'000, 3'000, 10'000, 70'000};
  std::int64_t span_ms = between(0, kSpansMs[below(std::size(kSpansMs))]);
  if (one_in(60)) span_ms = between(kTailMs, kDayMs + kTailMs);
  note(fmt::format("{} ms pass", span_ms));
  advance(span_ms);
}

// To the millisecond at which something happens, to the one before or the one after.
void RandomRun::wait_for_a_moment() {
  std::vector<std::int64_t> moments = model_.moments_ms();
  if (moments.empty()) return;
  std::sort(moments.begin(), moments.end());
  // The near ones, or time would fly.
  const std::int64_t moment_ms = moments[below(std::min<std::size_t>(moments.size(), 3))];
  const std::int64_t span_ms = moment_ms - model_.now_ms() + between(-1, 1);
  if (span_ms <= 0 || (span_ms > 600'000 && !one_in(20))) return;
  note(fmt::format("{} ms pass, until something happens", span_ms));
  advance(span_ms);
  constexpr void (RandomRun::*kLooks[])() = {&RandomRun::promote, &RandomRun::reclaim,
                                             &RandomRun::pass, &RandomRun::requeue};
  (this->*kLooks[below(std::size(kLooks))])();
}

// Until nothing is left, or nearly; then producers find a queue that is drained.
void RandomRun::drain() {
  draining_ = true;
  note("drain");
  pass();                         // gives a lease that never ends an end
  advance(kDayMs + 2 * kTailMs);  // no lease lives that long
  for (int i = 0; i < 100 && !model_.is_empty(); ++i) {
    pause();
    pop_some(random_worker(), 40);
    lease();
    settle();
    pass();
    advance(between(0, 3'000));
  }
  // Holds that have expired are given up when they were seen so for their whole length.
  for (const std::int64_t length_ms : {0, 61'000, 0}) {
    advance(length_ms);
    pass();
  }
  counts();
  draining_ = false;
  for (int i = 0; i < 6; ++i) {
    open();
    open_session(random_producer(), one_in(2));  // sent again
    touch();
    push_again();
  }
}

void RandomRun::advance(std::int64_t span_ms) {
  model_.now_us += span_ms * 1'000;
  redis_.set_time_us(model_.now_us);
  boot_ += milliseconds{span_ms};
}

void RandomRun::trim_results() {
  note("trim the results");
  redis_.command({"XTRIM", keys_[Key::results], "MAXLEN", "0"});
  model_.trim_results();
}

// What has expired until now may or may not be gone for good; so it is looked at before.
void RandomRun::turn_clock_back() {
  if (!one_in(4)) return;
  const std::int64_t span_ms = between(1, 2 * kTailMs);
  note(fmt::format("the server's clock goes back by {} ms", span_ms));
  for (const std::string& key : model_.mortal_keys()) redis_.command({"EXISTS", key});
  model_.forget_expired();
  model_.now_us -= span_ms * 1'000;
}

}  // namespace wq::test::random
