#include "worker/queue_source.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include <wq/error.h>

#include "base/backoff.h"
#include "base/host_name.h"
#include "base/printable.h"
#include "base/random.h"
#include "base/say.h"
#include "queue/operations.h"
#include "queue/registry.h"
#include "queue/server_check.h"
#include "queue/waiting.h"
#include "script/script.h"
#include "worker/rest.h"

namespace wq::internal {
namespace {

using std::chrono::milliseconds;

// How often ready is asked for more while we hold something; doubled while there is nothing.
constexpr milliseconds kFirstDryWait{50};
constexpr milliseconds kLongestDryWait{1'000};
constexpr milliseconds kLongestDryWaitInOrder{200};

}  // namespace

void write_mark(ReconnectingConnection& link, const Keys& keys, std::string_view session,
                std::uint64_t mark) {
  CommandBuffer call;
  append_mark(call, keys, session, mark);
  link.run(
      [&call](Connection& redis) { return run_script(redis, scripts::write_at_maxmemory, call); });
}

void warn_of_eviction(const Log& log, const ServerReport& server) {
  say(log, LogLevel::warning,
      fmt::format("the server's maxmemory-policy is {}: when it runs out of memory, "
                  "it deletes items; set it to noeviction",
                  server.maxmemory_policy));
}

QueueSource::QueueSource(std::string queue, const SourceContext& context,
                         LeaseRenewer::OnLost on_lost)
    : keys_(std::move(queue)),
      options_(context.options),
      session_(context.session),
      own_link_(std::make_unique<ReconnectingConnection>(
          context.redis, context.abandon, [this](Connection& connection) { check(connection); })),
      link_(*own_link_),
      stream_(link_, keys_, session_, PopSize::from_one_item()),
      limit_(own_limit_),
      notice_(keys_, link_, options_),
      keeper_link_(context.keeper_links.of(keys_)),
      renewer_(keeper_link_, keys_, session_, options_.lease, std::move(on_lost)),
      heartbeat_(keeper_link_, keys_, session_),
      reclaimer_(std::make_unique<ElectedReclaimer>(keys_, context.redis, options_.lease, session_,
                                                    options_.log,
                                                    [this] { return rests_.load(); })) {
  stream_.set_terms(options_.lease, options_.retry);
}

QueueSource::QueueSource(Keys keys, const SourceContext& context, LeaseRenewer::OnLost on_lost,
                         StreamLink& shared, std::string queue_id, std::uint64_t attached)
    : keys_(std::move(keys)),
      options_(context.options),
      session_(context.session),
      link_(shared.link()),
      stream_(shared, keys_, session_, std::move(queue_id), attached),
      limit_(shared.word_limit()),
      notice_(keys_, link_, options_),
      keeper_link_(context.keeper_links.common()),
      renewer_(keeper_link_, keys_, session_, options_.lease, std::move(on_lost)),
      heartbeat_(keeper_link_, keys_, session_) {
  stream_.set_terms(options_.lease, options_.retry);
}

void QueueSource::check(Connection& connection) {
  const ServerReport server = check_server(connection, keys_);
  check_sizes(connection);
  if (server.evicts() && !std::exchange(warned_, true)) warn_of_eviction(options_.log, server);
}

void QueueSource::check_sizes(Connection& connection) const {
  for (const std::size_t sent : longest_sent_) check_still_taken(connection, sent);
}

// ---- requests ----

void QueueSource::post(std::vector<Settlement> settlements, std::size_t want, std::uint64_t mark) {
  std::size_t longest = 0;
  for (const Settlement& each : settlements) longest = std::max(longest, longest_word(each));
  renewer_.remove(settlements);
  wants_.push_back(want);
  longest_sent_.push_back(longest);
  stream_.post(std::move(settlements), want, mark);
}

LeaseStream::Answer QueueSource::take() {
  LeaseStream::Answer answer = stream_.take();
  note_pushed(answer.pushed);
  wants_.pop_front();
  longest_sent_.pop_front();
  if (!answer.leased.empty()) {
    leave_what_is_too_long(answer.leased);
    leased_ += answer.leased.size();
    renewer_.add(answer.leased, answer.leased_at);
  }
  if (answer.popped > 0) {
    dry_wait_ = milliseconds::zero();
  } else if (answer.wanted > 0) {
    dry_wait_ = std::clamp(2 * dry_wait_, kFirstDryWait,
                           options_.strict ? kLongestDryWaitInOrder : kLongestDryWait);
    dry_until_ = BootClock::now() + dry_wait_;
  }
  return answer;
}

bool QueueSource::quiet() const noexcept {
  return outstanding() == 0 && !has_unasked() && to_release_.empty();
}

std::size_t QueueSource::coming() const noexcept {
  return std::accumulate(wants_.begin(), wants_.end(), stream_.popped());
}

std::size_t QueueSource::bearable(std::size_t want) const noexcept {
  return stream_.bearable(want);
}

bool QueueSource::wait_for_any(std::span<QueueSource* const> sources, milliseconds longest) {
  const TimePoint begin = BootClock::now();
  std::size_t came = 0;
  if (sources.size() == 1) {  // needs no right to end the waits of others
    came = sources.front()->stream_.wait_for_item(longest) ? 1 : 0;
  } else {
    std::vector<LeaseStream*> streams;
    for (QueueSource* each : sources) streams.push_back(&each->stream_);
    came = LeaseStream::wait_for_any(streams, longest);
  }
  if (came > 0) return true;
  const TimePoint now = BootClock::now();
  if (now - begin < longest / 2) return false;
  for (QueueSource* each : sources) each->dry_until_ = now + kFirstDryWait;
  return true;
}

// ---- rest ----

// The heartbeat comes first: whoever changes the queue after it finds us. Then the queue is looked
// at once more, which is between two calls of this: nothing has changed before.
bool QueueSource::may_rest(milliseconds idle) {
  const Counts known = counts();
  const bool may = own_link_ && idle >= kRestsAfter && !has_stages() && !known.paused &&
                   known.ready == 0 && known.after.empty() && !std::exchange(was_woken_, false);
  if (!may) {
    wake();
    return false;
  }
  if (waits_of_ != link_.generation()) {
    waits_of_link_ = link_.run([](Connection& redis) { return waits_of(redis); }).value_or("");
    waits_of_ = link_.generation();
  }
  const std::lock_guard lock(mutex_);
  const bool told =
      !waits_of_link_.empty() && told_waits_ == waits_of_link_ && waits_ == told_waits_;
  waits_ = waits_of_link_;
  rest_beat_ = rest_beat_after(idle, fleet_, random_fraction());
  return std::exchange(was_told_, told) && told;
}

void QueueSource::rest(const ItemWait& wait) {
  const milliseconds longest = std::min(rest_after(wait.idle, random_fraction()), wait.longest);
  const TimePoint begin = BootClock::now();
  rests_ = true;
  const Counts known = counts();
  const auto interrupted = [&] {
    notice_.tell_at_rest(known, BootClock::now());
    return wait.interrupted();
  };
  const bool came = stream_.wait_for_item({longest, interrupted, waits_of_link_});
  rests_ = false;
  if (came) {
    wake();
    return;
  }
  // Somebody has ended it. The change may take a moment to be seen, so a look comes first.
  was_woken_ = BootClock::now() - begin < longest;
  dry_until_ = BootClock::now() + kFirstDryWait;
}

void QueueSource::wake() {
  was_told_ = false;
  const std::lock_guard lock(mutex_);
  waits_.clear();
}

bool QueueSource::has_stages() const {
  return !options_.after.empty() || !options_.follow_ups_to.empty();
}

TimePoint QueueSource::next_beat(TimePoint now) const {
  const std::lock_guard lock(mutex_);
  return now + (told_waits_.empty() ? Heartbeat::kInterval : rest_beat_);
}

bool QueueSource::has_woken() const {
  const std::lock_guard lock(mutex_);
  return !told_waits_.empty() && waits_ != told_waits_;
}

void QueueSource::forget() noexcept {
  stream_.forget();
  wants_.clear();
  longest_sent_.clear();
}

void QueueSource::release(Lease lease) {
  to_release_.push_back({std::move(lease), Outcome::release(milliseconds::zero())});
  --leased_;
}

std::vector<Settlement> QueueSource::take_released() { return std::exchange(to_release_, {}); }

bool QueueSource::isolate(const Lease& lease) {
  return renewer_.isolate(lease.fence, [&] {
    CommandBuffer call;
    append_isolate(call, keys_, session_, lease);
    return link_.run([&call](Connection& redis) {
      return run_script(redis, scripts::isolate, call).value().integer() == 1;
    });
  });
}

// ---- what cannot be settled, or leased ----

void QueueSource::refuse_invalid(Settlement& settlement) {
  refuse_too_large(settlement.outcome, longest_word_for(longest_word(settlement)));
  for (const FollowUp& each : settlement.outcome.follow_ups) {
    const auto& allowed = options_.follow_ups_to;
    if (each.queue.empty() || each.queue == keys_.queue() ||
        std::find(allowed.begin(), allowed.end(), each.queue) != allowed.end()) {
      continue;
    }
    refuse(settlement.outcome,
           fmt::format("a follow-up of it is for the queue {}, which the worker was not told of "
                       "(--follow-ups-to)",
                       printable(each.queue)));
    return;
  }
}

// The limit is asked for when it begins to matter, on a connection for the question alone: answers
// are under way on ours.
std::size_t QueueSource::longest_word_for(std::size_t bytes) {
  if (bytes > kAlwaysTaken && limit_.generation != link_.generation()) {
    limit_.generation = link_.generation();
    limit_.longest =
        ReconnectingConnection(link_.options(), link_.stop()).run(&ask_for_longest_word);
  }
  return limit_.longest;
}

void QueueSource::leave_what_is_too_long(std::vector<Lease>& leased) {
  std::erase_if(leased, [this](const Lease& lease) {
    const std::size_t bytes = lease.item.size();
    const auto why = too_long(bytes, longest_word_for(bytes));
    if (!why) return false;
    refused_ = std::make_exception_ptr(RefusedError(
        fmt::format("ERR the item {}, which was pushed when Redis took longer ones, {}; raise that",
                    printable(lease.item), *why)));
    return true;
  });
}

// ---- the queue ----

// Everything is checked before anything is written.
void QueueSource::record_stages() {
  for (const std::string& stage : options_.after) {
    check_order_of_stages(link_, keys_, Keys(stage));
  }
  const std::vector<Keys> all = targets();
  for (const Keys& target : all) check_target(link_, keys_, target);
  for (const std::string& stage : options_.after) record_stage(link_, keys_, Keys(stage), true);
  registrations_.resize(all.size());
  link_.run([this](Connection& redis) {
    register_targets(redis, BootClock::now());
    return true;
  });
  for (const Keys& target : all) record_stage(link_, target, keys_, true);
  recorded_stages_ = true;
}

std::vector<Keys> QueueSource::targets() const {
  std::vector<Keys> all;
  for (const std::string& target : options_.follow_ups_to) {
    if (target != keys_.queue()) all.emplace_back(target);
  }
  return all;
}

QueueState QueueSource::look() {
  notice_.forget_stage();
  dead_before_ = 0;
  looked_with_ = link_.generation();
  Counts counts = read_counts_now();
  if (recorded_stages_ && keep_record_of_stages(counts)) counts = read_counts_now();
  if (counts.after.empty()) {
    if (counts.id.empty()) return QueueState::not_begun;
    return counts.drained() ? QueueState::drained : QueueState::open;
  }
  if (!counts.id.empty() && !counts.drained()) return QueueState::open;
  StagesLook look = look_with_stages(link_, keys_, options_.wait_for_dead);
  take_counts(std::move(look.counts));
  dead_before_ = look.dead_before;
  if (!look.waits_for.empty()) notice_.set_stage(look.waits_for, look.waits_for_counts);
  return look.state;
}

bool QueueSource::mark_look(std::uint64_t mark) {
  write_mark(link_, keys_, session_, mark);
  return link_.generation() == looked_with_;
}

bool QueueSource::may_get_more() {
  const Counts known = counts();
  if (known.ready > 0 || known.producers > 0) return true;
  return !known.after.empty() && !look_with_stages(link_, keys_).waits_for.empty();
}

Counts QueueSource::read_counts_now() {
  return take_counts(link_.run([this](Connection& redis) {
    const auto read = [&] {
      return read_counts(run_script(redis, scripts::counts, keys_, {}).value());
    };
    Counts counts = read();
    return count_lost(redis, counts.pushed) ? read() : counts;
  }));
}

void QueueSource::note_pushed(std::uint64_t pushed) {
  std::uint64_t most = most_pushed_;
  while (pushed > most && !most_pushed_.compare_exchange_weak(most, pushed)) continue;
}

// The number of pushed items falls only if Redis goes back to an earlier state, as after a failover
// to a replica that lacked the last writes. What another thread was told meanwhile may be more than
// `pushed`, so Redis is asked to compare. True if it has counted some.
bool QueueSource::count_lost(Connection& redis, std::uint64_t pushed) {
  const std::uint64_t most = most_pushed_;
  if (pushed >= most) {
    note_pushed(pushed);
    return false;
  }
  std::string id;
  {
    const std::lock_guard lock(mutex_);
    id = queue_id_;
  }
  if (id.empty()) return false;
  const std::uint64_t lost =
      run_script(redis, scripts::lost, keys_, {}, id, most, 0).value().count();
  if (lost == 0) return false;
  say(options_.log, LogLevel::warning,
      fmt::format("Redis went back to an earlier state: {} items that were pushed to queue {} are "
                  "gone. Producers push again what they remember, and the rest is lost. What was "
                  "completed since that state runs again",
                  lost, printable(keys_.queue())));
  return true;
}

Counts QueueSource::take_counts(Counts counts) {
  {
    const std::lock_guard lock(mutex_);
    counts_ = counts;
    ++looks_;
  }
  check_id(queue_id_, counts.id, leased_ > 0);
  if (queue_id_.empty() && !counts.id.empty()) meet_queue(counts.id);
  return counts;
}

// The id of a stage, as soon as it has one: without it, a stage that was purged cannot be told from
// one that has not begun. True if one was missing: Redis came back older, or the queue was purged.
bool QueueSource::keep_record_of_stages(const Counts& counts) {
  for (const EarlierStage& stage : counts.after) {
    if (stage.id.empty()) record_stage(link_, keys_, Keys(stage.queue), false);
  }
  bool was_missing = false;
  for (const std::string& name : options_.after) {
    if (std::any_of(counts.after.begin(), counts.after.end(),
                    [&](const EarlierStage& stage) { return stage.queue == name; })) {
      continue;
    }
    record_stage(link_, keys_, Keys(name), false);
    was_missing = true;
  }
  return was_missing;
}

Counts QueueSource::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

void QueueSource::tell_wait(TimePoint now, std::size_t ready_slots) {
  notice_.tell(counts(), now, ready_slots);
}

// `known` and `leased` are of a time before `found` was read.
void QueueSource::check_id(const std::string& known, const std::string& found, bool leased) const {
  const bool same = known.empty() ? !found.empty() || !leased : found == known;
  if (same) return;
  throw ProtocolError(
      fmt::format("queue '{}' was replaced: Redis lost its data, or it was purged", keys_.queue()));
}

// Not before the queue has begun: a worker that only waits for it leaves no key. The queue may not
// be registered: only other clients push to it, or its producers may not, or wq was older then.
void QueueSource::meet_queue(const std::string& id) {
  {
    const std::lock_guard lock(mutex_);
    queue_id_ = id;
  }
  CommandBuffer call;
  append_terms(call, keys_, options_.lease, options_.retry.max_crashes);
  Registration registration;  // one warning, however often it is tried
  link_.run([&](Connection& redis) {
    registration.renew(redis, keys_, options_.log);
    return run_script(redis, scripts::write_at_maxmemory, call);
  });
}

// ---- the keeper's thread ----

// The main thread looks at the queue only while it holds nothing; this is for the rest of the time.
void QueueSource::beat() {
  if (!own_link_) {
    beat_while_holding();
    return;
  }
  std::string known;
  {
    const std::lock_guard lock(mutex_);
    known = queue_id_;
  }
  const WorkerStatus before = status();
  {
    // From here on Redis may have either, so the worker must not begin to rest.
    const std::lock_guard lock(mutex_);
    if (told_waits_ != before.waits) told_waits_.clear();
  }
  if (heartbeat_.beat(before, true)) reclaimer_->elect();
  {
    const std::lock_guard lock(mutex_);
    told_waits_ = before.waits;
    fleet_ = heartbeat_.workers();
  }
  spread_ = spread_of_connections(heartbeat_.workers(), options_.lease);
  own_link_->spread(spread_);
  if (!before.waits.empty()) return;  // it may not have asked for the id
  if (recorded_stages_) keep_targets_open(known);
  check_id(known, heartbeat_.queue_id(), before.holding > 0);
  count_lost(keeper_link_.connection(), heartbeat_.pushed());
}

// Whoever finds that a target does not exist may have forgotten it, although our first follow-up is
// still to come.
void QueueSource::register_targets(Connection& redis, TimePoint now) {
  const std::vector<Keys> all = targets();
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (registrations_[i].is_due(now)) registrations_[i].renew(redis, all[i], options_.log);
  }
}

// The reclaimer of the group is elected elsewhere.
void QueueSource::beat_while_holding() {
  const WorkerStatus now = status();
  if (now.holding == 0) {
    leave(false);
    return;
  }
  has_beaten_ = true;
  static_cast<void>(heartbeat_.beat(now, false));
}

WorkerStatus QueueSource::status() const {
  const std::lock_guard lock(mutex_);
  return {.label = options_.label,
          .host = host_name(),
          .pid = getpid(),
          .slots = options_.concurrency,
          .holding = renewer_.size(),
          .oldest = renewer_.oldest(BootClock::now()),
          .completed = tally_.completed,
          .failed = tally_.failed,
          .item_time = std::chrono::microseconds{tally_.item_us},
          .waits = waits_,
          .next = waits_.empty() ? milliseconds{0} : rest_beat_};
}

bool QueueSource::bears(const ReplyError& refusal) {
  if (own_link_ || refusal.transient()) return false;
  if (!std::exchange(warned_of_refusal_, true)) {
    say(options_.log, LogLevel::warning,
        fmt::format("queue {}: Redis refuses what keeps its leases: {}", printable(keys_.queue()),
                    refusal.what()));
  }
  return true;
}

void QueueSource::leave(bool drained) {
  if (own_link_) {
    heartbeat_.leave(drained);
  } else if (has_beaten_) {
    heartbeat_.leave(false);
    has_beaten_ = false;
  }
}

// What was recorded at the start may be gone: Redis came back older, or the target was purged.
void QueueSource::keep_targets_open(const std::string& id) {
  register_targets(keeper_link_.connection(), BootClock::now());
  for (const Keys& target : targets()) {
    CommandBuffer call;
    append_stage(call, target, {keys_.queue(), id}, false);
    run_script(keeper_link_.connection(), scripts::write_at_maxmemory, call);
  }
}

void QueueSource::read_counts_again() {
  std::uint64_t looks = 0;
  {
    const std::lock_guard lock(mutex_);
    looks = looks_;
  }
  const Counts counts =
      read_counts(run_script(keeper_link_.connection(), scripts::counts, keys_, {}).value());
  const std::lock_guard lock(mutex_);
  if (looks == looks_) counts_ = counts;  // else these may be older
}

}  // namespace wq::internal
