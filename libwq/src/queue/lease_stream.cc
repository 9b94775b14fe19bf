#include "queue/lease_stream.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <utility>

#include <fmt/format.h>

#include <wq/error.h>

#include "base/random.h"
#include "base/say.h"
#include "queue/limits.h"
#include "queue/waiting.h"
#include "script/script.h"

namespace wq::internal {
namespace {

// One settle call carries at most this much, so that large results do not make one huge command.
constexpr std::size_t kSettleBytes = std::size_t{8} << 20U;
// The cost of a follow-up besides its own bytes. It is four arguments of a command, and Redis 6.2
// accepts at most 2^20.
constexpr std::size_t kFollowUpBytes = 64;
// The cost of a total besides its key. Measured: 10,000 keys keep Redis busy for 50 ms, so a call
// of several items does for 20 ms.
constexpr std::size_t kTotalBytes = 2'048;
// Shorter than half of any grace period, so that an item that came at any time of it can be leased.
constexpr std::chrono::milliseconds kLongestLeaseWait{1'000};
// How often a long wait is looked at, and how long it may take to end it.
constexpr std::chrono::milliseconds kWatchTick{200};
constexpr std::chrono::milliseconds kCutShortWithin{2'000};
// No wait ends later than this after its time. If none has, the first of them tells what is wrong.
constexpr std::chrono::milliseconds kLateAnswer{1'000};

std::size_t bytes_of(const Settlement& settlement) {
  const Failure& failure = settlement.outcome.failure;
  std::size_t bytes =
      settlement.lease.item.size() + failure.stdout_tail.size() + failure.stderr_tail.size();
  if (settlement.outcome.result) bytes += settlement.outcome.result->size();
  for (const FollowUp& each : settlement.outcome.follow_ups) {
    bytes += each.item.size() + kFollowUpBytes * cost(each);
  }
  if (settlement.outcome.checkpoint) bytes += settlement.outcome.checkpoint->size();
  for (const Total& each : settlement.outcome.totals) bytes += each.key.size() + kTotalBytes;
  return bytes;
}

std::size_t bytes_of(std::span<const Lease> items) {
  std::size_t bytes = 0;
  for (const Lease& each : items) bytes += each.item.size();
  return bytes;
}

// The reclaimer of whichever of them is small waits for no more.
std::chrono::milliseconds longest_to_lease(std::span<const Lease> items) {
  const auto smallest = std::min_element(
      items.begin(), items.end(),
      [](const Lease& a, const Lease& b) { return a.item.size() < b.item.size(); });
  return time_to_lease(smallest == items.end() ? 0 : smallest->item.size());
}

}  // namespace

LeaseStream::LeaseStream(ReconnectingConnection& link, const Keys& keys, std::string session,
                         PopSize pop_size, TimePoint (*now)())
    : own_(std::make_unique<StreamLink>(link, pop_size)),
      shared_(*own_),
      link_(link),
      keys_(keys),
      session_(std::move(session)),
      now_(now),
      queue_id_(random_id()) {}

LeaseStream::LeaseStream(StreamLink& shared, const Keys& keys, std::string session,
                         std::string queue_id, std::uint64_t attached)
    : shared_(shared),
      link_(shared.link()),
      keys_(keys),
      session_(std::move(session)),
      now_(&BootClock::now),
      queue_id_(std::move(queue_id)),
      attached_(attached) {}

void LeaseStream::set_terms(std::chrono::milliseconds ttl, const RetryPolicy& policy) {
  ttl_ = ttl;
  policy_ = policy;
}

std::size_t LeaseStream::popped() const noexcept {
  std::size_t n = 0;
  for (const Pop& pop : pops_) n += pop.popped.items.size();
  for (const Request& request : requests_) {
    for (const Pop& pop : request.pops) n += pop.popped.items.size();
  }
  return n;
}

std::size_t LeaseStream::bearable(std::size_t want) const noexcept {
  const bool one_is_under_way = std::any_of(requests_.begin(), requests_.end(),
                                            [](const Request& each) { return each.want > 0; });
  if (one_is_under_way && shared_.pop_size().one_at_a_time(want)) return 0;
  return shared_.pop_size().items(want);
}

void LeaseStream::post(std::vector<Settlement> settlements, std::size_t want, std::uint64_t mark) {
  Request request;
  request.mark = mark;
  request.answer.mark = mark;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < settlements.size(); ++i) {
    bytes += bytes_of(settlements[i]);
    if (i == 0 || request.calls.back().count == Queue::kMaxBatch || bytes > kSettleBytes) {
      request.calls.push_back({i, 0});
      bytes = bytes_of(settlements[i]);
    }
    ++request.calls.back().count;
  }
  request.pops = std::exchange(pops_, {});
  request.want = want;
  request.answer.wanted = want;
  request.answer.settled.assign(settlements.size(), Settled::accepted);
  request.answer.settlements = std::move(settlements);
  requests_.push_back(std::move(request));
  shared_.posted(*this);
  attempt([this] { write(requests_.back()); });
}

void LeaseStream::flush() {
  attempt([this] { shared_.send_held(); });
}

LeaseStream::Answer LeaseStream::take() {
  // A new connection has sent the unanswered requests again, so reading starts over with the same
  // request.
  while (!attempt([this] { read(requests_.front()); })) continue;
  Answer answer = std::move(requests_.front().answer);
  requests_.pop_front();
  shared_.taken();
  link_.recovered();
  return answer;
}

bool LeaseStream::wait_for_item(std::chrono::milliseconds longest) {
  return begin_wait(std::min(longest, kLongestLeaseWait)) && end_wait();
}

std::size_t LeaseStream::wait_for_any(std::span<LeaseStream* const> streams,
                                      std::chrono::milliseconds longest) {
  std::size_t came = 0;
  try {
    std::vector<LeaseStream*> waiting;
    std::vector<Connection*> connections;
    for (LeaseStream* each : streams) each->learn_client_id();
    for (LeaseStream* each : streams) {
      if (!each->begin_wait(std::min(longest, kLongestLeaseWait))) continue;
      waiting.push_back(each);
      connections.push_back(&each->link_.connection());
    }
    if (waiting.empty()) return 0;
    const auto first = static_cast<std::ptrdiff_t>(
        Connection::first_to_answer(connections, longest + kLateAnswer).value_or(0));
    LeaseStream& woken = *waiting[static_cast<std::size_t>(first)];
    waiting.erase(waiting.begin() + first);
    if (woken.end_wait()) {
      ++came;
      woken.end_waits_of(waiting);
    }
    for (LeaseStream* each : waiting) came += each->end_wait() ? 1 : 0;
  } catch (...) {
    for (LeaseStream* each : streams) each->forget();
    throw;
  }
  return came;
}

bool LeaseStream::wait_for_item(const LongWait& wait) {
  if (!begin_wait(wait.longest)) return false;
  const auto nothing = [] {};
  return link_.run_step([&] { watch_wait(wait); }, nothing, nothing) && end_wait(true);
}

// Until an answer begins to arrive. Nobody looks at the clock of the server meanwhile, so the item
// is as old as the time at which it was last seen that nothing had arrived.
void LeaseStream::watch_wait(const LongWait& wait) {
  Connection* redis = &link_.connection();
  TimePoint end = now_() + wait.longest + link_.options().command_timeout;
  bool cut = false;
  while (true) {
    const TimePoint look = now_();
    if (Connection::first_to_answer(std::span(&redis, 1), kWatchTick)) break;
    waiting_since_ = look;
    if (!cut && wait.interrupted()) {
      cut_short(wait);
      cut = true;
      end = now_() + kCutShortWithin;
    }
    // The answer is late, and `receive` says so.
    if (look >= end) break;
  }
  redis->set_timeout(link_.options().command_timeout);
}

// On a connection for that alone, since ours waits.
void LeaseStream::cut_short(const LongWait& wait) {
  try {
    Connection aside(link_.options_here(), kCutShortWithin);
    end_waits(aside, {wait.waits});
  } catch (const Error&) {  // then ours is given up in a moment
  }
}

bool LeaseStream::begin_wait(std::chrono::milliseconds longest) {
  // Redis counts in seconds and takes fractions; zero would wait for ever.
  const std::chrono::milliseconds wait = std::max(longest, std::chrono::milliseconds{1});
  const CommandBuffer command{{"BRPOPLPUSH", keys_[Key::ready], keys_[Key::processing],
                               fmt::format("{:.3f}", static_cast<double>(wait.count()) / 1'000.0)}};
  const auto step = [&] {
    Connection& redis = connection();
    waiting_since_ = now_();
    redis.send(command);
    // The answer may take as long as the wait, and after that as long as any other.
    redis.set_timeout(link_.options().command_timeout + wait);
  };
  const auto nothing = [] {};
  return link_.run_step(step, nothing, nothing);
}

bool LeaseStream::end_wait(bool was_long) {
  bool came = false;
  const auto step = [&] {
    Connection& redis = link_.connection();
    const Reply reply = redis.receive();
    redis.set_timeout(link_.options().command_timeout);
    if (reply.has_error("OOM")) return;
    reply.checked();
    link_.recovered();
    if (reply.value().is_nil()) return;
    const std::string_view item = reply.value().text();
    CommandBuffer claim;
    append_claim(claim, keys_, queue_id_, was_long ? std::optional(item) : std::nullopt);
    const Reply claimed = run_script(redis, scripts::claim, claim);
    Popped popped = read_claim(claimed.value(), std::string(item));
    if (popped.items.empty()) return;
    // The item may have come at any time since, which is less than half the grace period ago.
    pops_.push_back({.popped = std::move(popped), .sent_at = waiting_since_});
    came = true;
  };
  const auto nothing = [] {};
  return link_.run_step(step, nothing, nothing) && came;
}

// Who is not waiting any more, since an item came or the time is over, is left alone by Redis.
void LeaseStream::end_waits_of(std::span<LeaseStream* const> others) {
  CommandBuffer end;
  std::size_t waits = 0;
  for (const LeaseStream* each : others) {
    if (each->client_id_.empty()) continue;  // it ends by itself, within a second
    end.command({"CLIENT", "UNBLOCK", each->client_id_});
    ++waits;
  }
  if (waits == 0) return;
  const auto step = [&] {
    Connection& redis = link_.connection();
    redis.send(end);
    for (std::size_t i = 0; i < waits; ++i) redis.receive().checked();
  };
  const auto nothing = [] {};
  link_.run_step(step, nothing, nothing);
}

void LeaseStream::learn_client_id() {
  if (link_.connected() && client_id_of_ == link_.generation()) return;
  client_id_ = link_.run([](Connection& redis) {
    const auto [reply] = redis.ask({{"CLIENT", "ID"}});
    if (reply.has_error("ERR")) return std::string();  // a service without CLIENT
    std::string id = std::to_string(reply.checked().value().integer());
    // Itself, which does not wait: a missing right is known now, not when an item has come.
    redis.call({"CLIENT", "UNBLOCK", id});
    return id;
  });
  client_id_of_ = link_.generation();
}

Connection& LeaseStream::connection() {
  Connection& redis = shared_.connection();
  if (attached_ != link_.generation()) {
    shared_.attach(keys_);
    attached_ = link_.generation();
  }
  return redis;
}

void LeaseStream::write(Request& request) {
  static_cast<void>(connection());
  out_.clear();
  request.sent_at = now_();
  const std::span<const Settlement> settlements = request.answer.settlements;
  for (const SettleCall& call : request.calls) {
    if (call.answered) continue;
    append_settle(out_, keys_, session_, settlements.subspan(call.first, call.count), policy_);
  }
  if (request.mark > 0) append_mark(out_, keys_, session_, request.mark);
  write_leases(request, out_);
  if (request.want > 0) append_pop(out_, keys_, request.want, queue_id_);
  shared_.send(out_);
}

// The history of an item, which may be large, is of use only with its lease.
bool LeaseStream::needs_history(const Pop& pop, bool too_late) {
  return pop.popped.has_history && (!too_late || pop.asked);
}

// A lease requested for the first time is granted if SET succeeds. When the request is sent again,
// the first SET may have succeeded, and a renewal that follows the second tells: it succeeds if and
// only if this session has exactly this lease. An item that was popped too long ago is on its way
// back to ready, and only what the first SET achieved counts; as where that may have been a lease
// ago: it has ended, and others may have completed the item since.
void LeaseStream::write_leases(Request& request, CommandBuffer& out) {
  request.write_at_maxmemory = shared_.write_at_maxmemory(request.sent_at);
  request.too_late.clear();
  for (const Pop& pop : request.pops) {
    const auto age = request.sent_at - pop.sent_at;
    const auto latest = longest_to_lease(pop.popped.items);
    const bool too_late = age > (pop.asked ? std::min(latest, ttl_ / 2) : latest);
    request.too_late.push_back(too_late);
    if (too_late && !request.resent) note_late(pop, age);
    if (!too_late) {
      for (const Lease& lease : pop.popped.items) {
        append_lease(out, keys_, session_, lease, ttl_, request.write_at_maxmemory);
      }
    }
    if (pop.asked) append_renew(out, keys_, session_, held(pop.popped.items), ttl_);
    if (needs_history(pop, too_late)) append_history(out, keys_, pop.popped.items);
  }
}

void LeaseStream::note_late(const Pop& pop, std::chrono::nanoseconds age) {
  shared_.pop_size().late();
  const std::vector<Lease>& items = pop.popped.items;
  const double took_s = std::chrono::duration<double>(age).count();
  const double mb = static_cast<double>(bytes_of(items)) / 1e6;
  const double longest_s = std::chrono::duration<double>(longest_to_lease(items)).count();
  say(link_.options().log, LogLevel::warning,
      items.size() > 1
          ? fmt::format(
                "{} items of {:.1f} MB in total arrived {:.1f} s after the request, "
                "too late to be leased ({:.1f} s): they return to the queue, and the next request "
                "is smaller",
                items.size(), mb, took_s, longest_s)
          : fmt::format("an item of {:.1f} MB arrived {:.1f} s after the request, too late to be "
                        "leased ({:.1f} s): it returns to the end of the queue. Use a faster link "
                        "to Redis or give the worker more CPU time; push the name of large data "
                        "instead of the data",
                        mb, took_s, longest_s));
}

void LeaseStream::read(Request& request) {
  Connection& redis = link_.connection();
  read_settlements(redis, request);
  read_leases(redis, request);
  read_pop(redis, request);
}

// What is refused of one of several streams is no fault of the others: all answers are read.
bool LeaseStream::is_refused(const Reply& reply, Request& request) const {
  if (!shared_.is_shared() || !reply.value().is_error()) return false;
  const ReplyError error{std::string(reply.value().text())};
  if (error.transient()) return false;
  if (request.answer.refusal.empty()) request.answer.refusal = error.what();
  return true;
}

void LeaseStream::read_settlements(Connection& redis, Request& request) {
  for (SettleCall& call : request.calls) {
    if (call.answered) continue;
    const Reply reply = redis.receive();
    if (is_refused(reply, request)) {
      for (std::size_t i = 0; i < call.count; ++i) {
        request.answer.settled.at(call.first + i) = Settled::lost;
      }
    } else {
      for (const std::size_t i : read_positions(reply.checked().value(), call.count)) {
        request.answer.settled.at(call.first + i) =
            request.resent ? Settled::unknown : Settled::lost;
      }
    }
    call.answered = true;
  }
  if (request.mark == 0) return;
  const Reply marked = redis.receive();
  if (is_refused(marked, request)) {
    request.answer.mark = 0;
  } else {
    marked.checked();
  }
  request.mark = 0;
}

void LeaseStream::read_leases(Connection& redis, Request& request) {
  if (request.pops.empty()) return;
  request.answer.leased_at = request.sent_at;
  for (std::size_t p = 0; p < request.pops.size(); ++p) read_lease(redis, request, p);
  // Only now: if the connection breaks half way, all of them are asked for again.
  std::vector<Lease>& leased = request.answer.leased;
  for (Pop& pop : request.pops) {
    for (std::size_t i = 0; i < pop.popped.items.size(); ++i) {
      if (pop.ours[i]) leased.push_back(std::move(pop.popped.items[i]));
    }
    if (!request.write_at_maxmemory) ask_again(std::move(pop));
  }
  request.pops.clear();
}

// If Redis lacked memory for a pop, the next request on the same connection asks in the longer way.
void LeaseStream::ask_again(Pop pop) {
  std::vector<Lease>& items = pop.popped.items;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (pop.refused[i] && !pop.ours[i]) std::swap(items[kept++], items[i]);
  }
  items.resize(kept);
  if (kept > 0) pops_.push_back(std::move(pop));
}

void LeaseStream::read_lease(Connection& redis, Request& request, std::size_t p) {
  Pop& pop = request.pops[p];
  std::vector<Lease>& items = pop.popped.items;
  pop.ours.assign(items.size(), false);
  pop.refused.assign(items.size(), false);
  if (!request.too_late[p]) {
    for (std::size_t i = 0; i < items.size(); ++i) {
      // Nil: another session holds an equal item. This copy returns to the queue by itself.
      const Reply reply = redis.receive();
      if (is_refused(reply, request)) continue;
      pop.refused[i] = reply.has_error("OOM");
      pop.ours[i] = !pop.refused[i] && !reply.checked().value().is_nil();
    }
    if (!request.write_at_maxmemory) note_memory(pop, request.sent_at);
  }
  if (pop.asked) {
    const Reply reply = redis.receive();
    const bool refused = is_refused(reply, request);
    pop.ours.assign(items.size(), !refused);
    if (!refused) {
      for (const std::size_t i : read_positions(reply.checked().value(), items.size())) {
        pop.ours[i] = false;
      }
    }
  }
  if (needs_history(pop, request.too_late[p])) {
    for (const auto read_into : {&read_failures, &read_crashes, &read_checkpoints}) {
      const Reply reply = redis.receive();
      if (!is_refused(reply, request)) read_into(reply.checked().value(), items);
    }
  }
}

// For leases that were asked for the short way.
void LeaseStream::note_memory(const Pop& pop, TimePoint asked_at) {
  shared_.note_memory(std::find(pop.refused.begin(), pop.refused.end(), true) != pop.refused.end(),
                      asked_at);
}

void LeaseStream::read_pop(Connection& redis, Request& request) {
  if (request.want == 0) return;
  const Reply reply = redis.receive();
  Popped popped;
  if (!is_refused(reply, request)) popped = internal::read_pop(reply.checked().value());
  request.want = 0;
  request.answer.popped = popped.items.size();
  request.answer.pushed = popped.pushed;
  broken_at_one_ = 0;
  shared_.pop_size().arrived(popped.items.size(), bytes_of(popped.items), now_() - request.sent_at);
  if (request.answer.popped > 0) {
    pops_.push_back({.popped = std::move(popped), .sent_at = request.sent_at});
  }
}

template <typename Step>
bool LeaseStream::attempt(Step step) {
  try {
    return link_.run_step(
        step, [this] { note_all_broken(); }, [this] { write_all_again(); });
  } catch (...) {
    forget();
    throw;
  }
}

// Of all streams on the connection, each once.
void LeaseStream::note_all_broken() {
  shared_.forget_held();
  const std::set<LeaseStream*> streams(shared_.order().begin(), shared_.order().end());
  for (LeaseStream* each : streams) each->note_broken();
}

void LeaseStream::write_all_again() {
  std::map<LeaseStream*, std::size_t> written;
  for (LeaseStream* each : shared_.order()) each->write(each->requests_[written[each]++]);
}

void LeaseStream::note_broken() {
  for (Request& request : requests_) {
    request.resent = true;
    // The mark may go to another server than settlements that were answered.
    if (request.mark > 0 && std::any_of(request.calls.begin(), request.calls.end(),
                                        [](const SettleCall& call) { return call.answered; })) {
      request.mark = request.answer.mark = 0;
    }
    for (Pop& pop : request.pops) pop.asked = true;
    if (request.want > 0) ask_for_less(request);
  }
}

// The connection may have broken under the weight of the answer.
void LeaseStream::ask_for_less(Request& request) {
  shared_.pop_size().broken(request.want);
  broken_at_one_ = request.want == 1 ? broken_at_one_ + 1 : 0;
  request.want = shared_.pop_size().items(request.want);
  if (broken_at_one_ == 2) {
    say(link_.options().log, LogLevel::warning,
        "the connection broke twice while no more than one item was on its way: "
        "if the next item is larger than Redis' client-output-buffer-limit for "
        "normal clients, raise that");
  }
}

void LeaseStream::forget() noexcept {
  shared_.forget();
  requests_.clear();
  pops_.clear();
}

}  // namespace wq::internal
