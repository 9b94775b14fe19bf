#include "worker/group_intake.h"

#include <algorithm>
#include <exception>
#include <utility>

#include <fmt/format.h>
#include <fnmatch.h>

#include <wq/error.h>

#include "base/printable.h"
#include "base/random.h"
#include "base/say.h"
#include "queue/operations.h"
#include "queue/registry.h"
#include "queue/server_check.h"
#include "script/script.h"
#include "worker/sums.h"

namespace wq::internal {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// A look at all queues costs Redis no more than a hundredth of its time.
constexpr int kPausePerPoll = 100;
// After a look that found items: more may come soon, and a user may wait for the answer.
constexpr milliseconds kShortestPollPause{20};
constexpr milliseconds kLongestIdlePause{500};
// However long a look took: Redis may have stood still meanwhile.
constexpr milliseconds kLongestPause{2'000};
// The server's clock may have gone back, and names were removed.
constexpr std::chrono::minutes kWholeRegistry{1};
// Names that were registered while the registry was read.
constexpr std::int64_t kOverlapMs = 1'000;
constexpr std::chrono::minutes kRefusedPause{1};
constexpr milliseconds kFirstRestOfQueue{50};
constexpr milliseconds kLongestRestOfQueue{1'000};
// More items of one queue at a time cost the others time, fewer cost throughput. So many are only
// wanted at once if they take a few milliseconds.
constexpr std::size_t kMostOfTurn = 100;
// Redis serves other clients in between.
constexpr std::size_t kCountsAtOnce = 100;

// So that what took so long takes a small part of the time.
nanoseconds pause_after(nanoseconds took, nanoseconds at_least = nanoseconds::zero()) {
  return std::clamp<nanoseconds>(kPausePerPoll * took, at_least, kLongestPause);
}

RedisOptions with_suffix(RedisOptions redis, std::string_view suffix) {
  redis.client_name += suffix;
  return redis;
}

bool matches(const std::string& pattern, const std::string& name) {
  return ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
}

}  // namespace

GroupIntake::GroupIntake(const QueueGroup& group, const SourceContext& context, OnLost on_lost,
                         Sources& sources, OnPlace on_place)
    : pattern_(group.pattern),
      context_(context),
      on_lost_(std::move(on_lost)),
      sources_(sources),
      on_place_(std::move(on_place)),
      ids_(random_bits()),
      lease_link_(context.redis, context.abandon,
                  [this](Connection& connection) { check_lease_link(connection); }),
      scout_(with_suffix(context.redis, "-scout"), context.abandon,
             [](Connection& connection) {
               check_server(connection);
               load_scripts(connection,
                            {&scripts::attach, &scripts::write_at_maxmemory, &scripts::counts});
             }),
      shared_(lease_link_, scout_, PopSize::from_one_item()),
      names_(std::make_shared<std::vector<std::string>>()),
      reclaimer_(pattern_, context.redis, context.options.lease, context.session,
                 context.options.log, [this] {
                   const std::lock_guard lock(mutex_);
                   return names_;
                 }) {}

void GroupIntake::check_lease_link(Connection& connection) {
  const ServerReport server = check_server(connection);
  if (server.cluster) {
    throw RefusedError(
        "ERR a worker of a group of queues (--queues) needs a Redis that is not a node of a "
        "cluster; name the queues (--queue)");
  }
  for (const auto& each : sources_) each->check_sizes(connection);
  if (server.evicts() && !std::exchange(warned_, true)) {
    warn_of_eviction(context_.options.log, server);
  }
}

// A wrong server is known at once, and its append-only file is in order before the first write.
void GroupIntake::begin() {
  lease_link_.run([this](Connection& /*redis*/) {
    shared_.connection();
    return true;
  });
}

// ---- which queues there are, and which have items ----

void GroupIntake::poll(TimePoint now) {
  if (now < next_poll_) return;
  const std::size_t had = turns_.size();
  const TimePoint begin = scout_.run([this, now](Connection& redis) {
    const TimePoint tried_at = BootClock::now();
    read_registry_again(redis, now >= whole_registry_at_);
    read_ready(redis);
    return tried_at;
  });
  const TimePoint end = BootClock::now();
  poll_pause_ = turns_.size() > had
                    ? kShortestPollPause
                    : std::clamp(2 * poll_pause_, kShortestPollPause, kLongestIdlePause);
  next_poll_ = end + pause_after(end - begin, poll_pause_);
}

void GroupIntake::read_registry_again(Connection& redis, bool whole) {
  const RegistryLook look = read_registry(redis, whole ? 0 : registry_ms_ - kOverlapMs);
  if (whole) {
    for (auto& [name, member] : members_) member.registered = false;
  }
  bool changed = note_registered(look);
  if (whole) {
    changed = forget_members() || changed;
    whole_registry_at_ = BootClock::now() + kWholeRegistry;
  }
  registry_ms_ = look.server_ms;
  if (changed) publish_names();
}

bool GroupIntake::note_registered(const RegistryLook& look) {
  bool changed = false;
  for (const Registered& each : look.queues) {
    if (!matches(pattern_, each.queue)) continue;
    const auto [at, added] = members_.try_emplace(each.queue, each.queue);
    at->second.registered_ms = each.registered_ms;
    at->second.registered = true;
    changed = changed || added;
  }
  return changed;
}

// Those that are in the registry no more, unless something is under way.
bool GroupIntake::forget_members() {
  const std::size_t had = members_.size();
  for (auto each = members_.begin(); each != members_.end();) {
    Member& member = each->second;
    const bool busy = member.place && !sources_[*member.place].idle();
    if (member.registered || member.has_turn || busy) {
      ++each;
      continue;
    }
    if (member.place) places_[*member.place] = nullptr;
    if (open_ == &member) open_ = nullptr;
    maybe_more_.erase(&member);
    notice_.reset();  // it may be of this one
    each = members_.erase(each);
  }
  return members_.size() < had;
}

void GroupIntake::publish_names() {
  auto names = std::make_shared<std::vector<std::string>>();
  for (const auto& [name, member] : members_) names->push_back(name);
  const std::lock_guard lock(mutex_);
  names_ = std::move(names);
}

void GroupIntake::read_ready(Connection& redis) {
  const TimePoint now = BootClock::now();
  std::vector<Member*> asked;
  CommandBuffer lengths;
  for (auto& [name, member] : members_) {
    if (member.has_turn || now < member.ask_after) continue;
    lengths.command({"LLEN", member.keys[Key::ready]});
    asked.push_back(&member);
  }
  if (asked.empty()) return;
  redis.send(lengths);
  for (Member* each : asked) note_ready(*each, redis.receive());
}

void GroupIntake::note_ready(Member& member, const Reply& length) {
  if (length.value().is_error()) {
    const ReplyError error{std::string(length.value().text())};
    if (error.transient()) throw error;
    refuse(member, error.what());
    return;
  }
  member.ready = length.value().count();
  maybe_more_.erase(&member);
  if (member.ready > 0) take_turn_later(member);
}

// What Redis refuses of one queue is no fault of the others.
void GroupIntake::refuse(Member& member, std::string_view why) {
  member.ready = 0;
  member.ask_after = BootClock::now() + kRefusedPause;
  if (std::exchange(member.warned, true)) return;
  say(context_.options.log, LogLevel::warning,
      fmt::format("queue {} is passed over: {}", printable(member.keys.queue()), why));
}

void GroupIntake::take_turn_later(Member& member) {
  if (!std::exchange(member.has_turn, true)) turns_.push_back(&member);
}

void GroupIntake::take_turn_next(Member& member) {
  member.has_turn = true;
  turns_.push_front(&member);
}

// ---- who is asked ----

void GroupIntake::divide(std::size_t want, std::size_t ahead, TimePoint now,
                         std::vector<std::size_t>& shares) {
  wants_ = want > 0;
  if (wants_) poll(now);
  turn_ = std::max(context_.options.batch, std::clamp(ahead, std::size_t{1}, kMostOfTurn));
  Chosen chosen = choose(bearable(want), now);
  attach(chosen);
  for (const auto& [member, items] : chosen) {
    if (!member->place) member->place = give_place(*member, chosen);
  }
  shares.assign(sources_.size(), 0);
  for (const auto& [member, items] : chosen) shares[*member->place] = items;
}

// What all requests ask for together must arrive in time to be leased.
std::size_t GroupIntake::bearable(std::size_t want) const {
  if (under_way_ > 0 && shared_.pop_size().one_at_a_time(want)) return 0;
  const std::size_t all = shared_.pop_size().items(under_way_ + want);
  return all - std::min(all, under_way_);
}

// A turn that is longer than what is wanted goes on in the next division.
GroupIntake::Chosen GroupIntake::choose(std::size_t want, TimePoint now) {
  Chosen chosen;
  std::vector<Member*> busy;
  if (turns_.empty()) ask_those_with_maybe_more();
  while (want > 0 && !turns_.empty()) {
    Member& member = *turns_.front();
    turns_.pop_front();
    member.has_turn = false;
    const std::size_t left = std::exchange(left_of_turn_, 0);
    if (member.ready == 0 || now < member.ask_after) continue;  // a poll brings it back
    if (member.place && sources_[*member.place].outstanding() >= kRequestsInFlight) {
      busy.push_back(&member);
      continue;
    }
    const std::size_t turn = left > 0 ? left : turn_;
    const std::size_t items = std::min({want, turn, member.ready});
    chosen[&member] += items;
    member.ready -= items;
    want -= items;
    under_way_ += items;
    if (member.ready == 0) continue;
    if (items < turn) {
      left_of_turn_ = turn - items;
      take_turn_next(member);
    } else {
      take_turn_later(member);
    }
  }
  if (!busy.empty()) left_of_turn_ = 0;  // another one is the first
  for (; !busy.empty(); busy.pop_back()) take_turn_next(*busy.back());
  return chosen;
}

// A queue that had as many items as it was asked for may have got more since. Asking is quicker
// than to wait for the next poll, but costs the others a call while they have items.
void GroupIntake::ask_those_with_maybe_more() {
  for (Member* each : maybe_more_) {
    if (each->has_turn) continue;
    each->ready = std::max(each->ready, std::size_t{1});
    take_turn_later(*each);
  }
  maybe_more_.clear();
}

// Over the connection that has nothing under way, all of them at once.
void GroupIntake::attach(Chosen& chosen) {
  std::vector<Member*> fresh;
  CommandBuffer calls;
  const auto policy = context_.options.retry;
  for (const auto& [member, items] : chosen) {
    if (member->attached == lease_link_.generation()) continue;
    fresh.push_back(member);
    append_attach(calls, member->keys);
    append_terms(calls, member->keys, context_.options.lease, policy.max_crashes);
  }
  if (fresh.empty()) return;
  scout_.run([&](Connection& redis) {
    redis.send(calls);
    for (Member* each : fresh) read_attached(redis, *each);
    return true;
  });
  std::erase_if(chosen, [this](const auto& each) {
    if (each.first->attached == lease_link_.generation()) return false;
    under_way_ -= each.second;
    return true;
  });
}

void GroupIntake::read_attached(Connection& redis, Member& member) {
  const Reply attached = redis.receive();
  const Reply terms = redis.receive();
  try {
    read_attach(attached.checked().value());
    terms.checked();
    member.attached = lease_link_.generation();
    member.warned = false;
  } catch (const ReplyError& error) {
    if (error.transient()) throw;
    refuse(member, error.what());
  }
}

QueueIndex GroupIntake::give_place(Member& member, const Chosen& chosen) {
  const std::optional<QueueIndex> idle = idle_place(chosen);
  const QueueIndex place = idle.value_or(sources_.size());
  if (member.id.empty()) member.id = fmt::format("{:016x}", ids_());
  auto source = std::make_shared<QueueSource>(
      member.keys, context_,
      [this, place](std::span<const std::uint64_t> fences) { on_lost_(place, fences); }, shared_,
      member.id, member.attached);
  on_place_(place, member.keys.queue());
  if (idle) {
    if (places_[place] != nullptr) places_[place]->place.reset();
    sources_.replace(place, std::move(source));
    places_[place] = &member;
  } else {
    sources_.add(std::move(source));
    places_.push_back(&member);
  }
  return place;
}

std::optional<QueueIndex> GroupIntake::idle_place(const Chosen& chosen) {
  for (std::size_t looked_at = 0; looked_at < places_.size(); ++looked_at) {
    const QueueIndex place = next_place_++ % places_.size();
    if (!sources_[place].idle()) continue;
    if (places_[place] == nullptr || !chosen.contains(places_[place])) return place;
  }
  return std::nullopt;
}

void GroupIntake::not_asked(QueueIndex queue, std::size_t items) {
  Member& member = *places_[queue];
  member.ready += items;
  under_way_ -= items;
  take_turn_later(member);
}

void GroupIntake::answered(QueueIndex queue, std::size_t asked, std::size_t popped) {
  Member& member = *places_[queue];
  under_way_ -= asked;
  if (popped > 0) member.dry_wait = milliseconds::zero();
  if (popped >= asked) {
    if (member.ready == 0) maybe_more_.insert(&member);
    return;
  }
  member.ready = 0;
  if (popped > 0) return;
  // Another worker was first, or the queue is paused.
  member.dry_wait = std::clamp(2 * member.dry_wait, kFirstRestOfQueue, kLongestRestOfQueue);
  member.ask_after = BootClock::now() + member.dry_wait;
}

TimePoint GroupIntake::asks_again(TimePoint /*now*/) const {
  return wants_ ? next_poll_ : TimePoint::max();
}

std::optional<TimePoint> GroupIntake::wait_for_item(const ItemWait& /*wait*/) {
  return std::min(next_poll_, BootClock::now() + kLongestWaitForItem);
}

// ---- whether they are drained ----

bool GroupIntake::may_get_more(QueueIndex queue) {
  if (places_[queue] == nullptr || sources_[queue].idle()) return false;
  Member& member = *places_[queue];
  if (member.ready > 0) return true;
  static_cast<void>(is_open(member));
  return member.counts.ready > 0 || member.counts.producers > 0;
}

bool GroupIntake::is_open(Member& member) {
  CommandBuffer call;
  append_call(call, scripts::counts, member.keys, {});
  scout_.run([&](Connection& redis) {
    redis.send(call);
    note_counts(member, redis.receive());
    return true;
  });
  return !member.counts.empty();
}

void GroupIntake::note_counts(Member& member, const Reply& answer) {
  member.shows_counts = !answer.value().is_error();
  if (member.shows_counts) {
    Counts counts = read_counts(answer.value());
    if (counts.id.empty()) member.id.clear();  // the next run of the queue gets another one
    if (counts.id != member.counts.id) member.attached = 0;  // and our terms
    member.counts = std::move(counts);
    return;
  }
  const ReplyError error{std::string(answer.value().text())};
  if (error.transient()) throw error;
  member.counts = {};
  refuse(member, error.what());
}

// The queue that was not drained at the last look most often still is not.
Intake::Look GroupIntake::look() {
  Look look;
  scout_.run([](Connection& /*redis*/) { return true; });
  looked_with_ = scout_.generation();
  if (open_ != nullptr) look.drained = !is_open(*open_);
  if (look.drained) {
    open_ = nullptr;
    look.drained = read_counts_of_all(false, [this](Member& member) {
      if (member.counts.empty()) return true;
      open_ = &member;
      return false;
    });
  }
  begun_ = begun_ || std::any_of(members_.begin(), members_.end(),
                                 [](const auto& each) { return !each.second.counts.id.empty(); });
  look.begun = begun_;
  return look;
}

bool GroupIntake::nothing_has_moved() {
  std::map<std::string, Counts> before;
  for (const auto& [name, member] : members_) before.emplace(name, member.counts);
  return read_counts_of_all(true, [&](Member& member) {
    const auto known = before.find(member.keys.queue());
    const Counts was = known == before.end() ? Counts{} : known->second;
    return member.counts.empty() && member.counts.id == was.id && !has_moved(was, member.counts);
  });
}

// Until `visit` returns false: then false. `whole`: the registry is read as a whole.
bool GroupIntake::read_counts_of_all(bool whole, const Visit& visit) {
  scout_.run([this, whole](Connection& redis) {
    read_registry_again(redis, whole);
    return true;
  });
  std::vector<Member*> all;
  for (auto& [name, member] : members_) all.push_back(&member);
  std::vector<Member*> gone;
  for (std::size_t begin = 0; begin < all.size(); begin += kCountsAtOnce) {
    const auto chunk =
        std::span(all).subspan(begin).first(std::min(kCountsAtOnce, all.size() - begin));
    CommandBuffer calls;
    for (const Member* each : chunk) append_call(calls, scripts::counts, each->keys, {});
    scout_.run([&](Connection& redis) {
      redis.send(calls);
      for (Member* each : chunk) note_counts(*each, redis.receive());
      return true;
    });
    for (Member* each : chunk) {
      if (!visit(*each)) return false;
      if (each->shows_counts && each->counts.id.empty() && each->counts.empty()) {
        gone.push_back(each);
      }
    }
  }
  forget_what_is_gone(gone, registry_ms_);
  publish_counts();
  return true;
}

void GroupIntake::forget_what_is_gone(std::span<Member* const> gone, std::int64_t server_ms) {
  std::vector<Registered> old;
  for (const Member* each : gone) {
    if (server_ms - each->registered_ms > kForgetAfter.count()) {
      old.push_back({each->keys.queue(), each->registered_ms});
    }
  }
  if (old.empty()) return;
  scout_.run([&](Connection& redis) {
    forget_queues(redis, old);
    return true;
  });
}

void GroupIntake::read_counts_at_end() {
  static_cast<void>(read_counts_of_all(false, [](const Member& /*any*/) { return true; }));
}

void GroupIntake::refused(QueueIndex queue, const std::string& why) {
  refuse(*places_[queue], why);
}

void GroupIntake::drained() noexcept {
  try {
    CommandBuffer remove;
    for (const auto& [name, member] : members_) {
      if (!member.counts.id.empty()) remove.command({"DEL", member.keys[Key::workers]});
    }
    if (remove.size() > 0) scout_.connection().call(remove);
  } catch (const std::exception&) {  // then they are there for people to see
  }
}

// ---- what it tells ----

// A server that has it has what the scout has seen of all queues.
std::optional<std::vector<std::string>> GroupIntake::mark_look(std::uint64_t mark) {
  const auto begun = std::find_if(members_.begin(), members_.end(),
                                  [](const auto& each) { return !each.second.counts.id.empty(); });
  if (begun == members_.end()) return std::nullopt;  // it was purged a moment ago
  const Keys& keys = begun->second.keys;
  write_mark(scout_, keys, context_.session, mark);
  if (scout_.generation() != looked_with_) return std::nullopt;
  return std::vector<std::string>{keys.settled(context_.session)};
}

void GroupIntake::reconnect() noexcept {
  scout_.drop();
  lease_link_.drop();
}

void GroupIntake::tell_wait(TimePoint now, std::size_t ready_slots) {
  const std::string of = open_ == nullptr ? "" : open_->keys.queue();
  if (!notice_ || of != notice_of_) {
    notice_of_ = of;
    static const Keys kNone("none");
    notice_.emplace(open_ == nullptr ? kNone : open_->keys, scout_, context_.options);
    if (open_ == nullptr) {
      notice_->name_group(pattern_);
    } else {
      notice_->name_queue();
    }
  }
  Counts counts = open_ == nullptr ? Counts{} : open_->counts;
  // It is open, so it has a producer or items, if not from producers of wq.
  if (open_ != nullptr && counts.id.empty()) counts.id = of;
  notice_->tell(counts, now, ready_slots);
}

std::vector<Counts> GroupIntake::counts() const {
  const std::lock_guard lock(mutex_);
  return {sum_};
}

void GroupIntake::publish_counts() {
  std::vector<Counts> all;
  for (const auto& [name, member] : members_) all.push_back(member.counts);
  Counts sum = sum_of(all);
  const std::lock_guard lock(mutex_);
  sum_ = std::move(sum);
}

std::vector<WorkerStats> GroupIntake::stats(const std::vector<WorkerStats>& handlers) const {
  WorkerStats sum = sum_of(handlers);
  add(sum, sources_.total());
  sum.reconnects += lease_link_.reconnects();
  return {sum};
}

void GroupIntake::check(Connection& connection, const std::string& /*tag*/) const {
  check_server(connection);
}

void GroupIntake::read_counts_again() {
  const TimePoint begin = BootClock::now();
  if (begin < next_counts_) return;
  Names names;
  {
    const std::lock_guard lock(mutex_);
    names = names_;
  }
  Connection& redis = context_.keeper_links.common().connection();
  load_scripts(redis, {&scripts::counts});
  CommandBuffer calls;
  for (const std::string& name : *names) append_call(calls, scripts::counts, Keys(name), {});
  redis.send(calls);
  std::vector<Counts> all;
  for (std::size_t i = 0; i < names->size(); ++i) {
    const Reply reply = redis.receive();
    if (!reply.value().is_error()) all.push_back(read_counts(reply.value()));
  }
  Counts sum = sum_of(all);
  const TimePoint end = BootClock::now();
  next_counts_ = end + pause_after(end - begin);
  const std::lock_guard lock(mutex_);
  sum_ = std::move(sum);
}

std::vector<Intake::Body> GroupIntake::reclaimers() {
  return {[this](const std::stop_token& stop) { reclaimer_.run(stop); }};
}

}  // namespace wq::internal
