#include <algorithm>
#include <numeric>
#include <span>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/printable.h"
#include "model/random/random_run.h"

namespace wq::test::random {
namespace {

using internal::CommandBuffer;
using internal::Key;
using internal::printable;
using internal::Reply;
using std::chrono::milliseconds;

constexpr std::size_t kRemembered = 40;

std::string text_of(std::span<const Lease> leases) {
  std::string text;
  for (const Lease& each : leases) {
    text += fmt::format("{}#{}{} ", printable(each.item), each.fence, each.alone ? "!" : "");
  }
  return text;
}

template <typename Flags>
std::string flags(const Flags& all) {
  std::string text;
  for (const bool each : all) text += each ? '+' : '-';
  return text;
}

// Of `n`, those that an answer does not name as lost.
std::vector<bool> kept(std::size_t n, const Reply& reply) {
  std::vector<bool> all(n, true);
  for (const std::size_t i : internal::read_positions(reply.value(), n)) all[i] = false;
  return all;
}

// Where the delays stand among the words of a call of settle: see the head of settle.lua.
constexpr std::size_t kWordsBeforeKeys = 3;

}  // namespace

void RandomRun::attach() {
  note("attach");
  CommandBuffer call;
  internal::append_attach(call, keys_);
  const Reply reply = redis_.run(internal::scripts::attach, call);
  internal::read_attach(reply.value());
  const internal::Value fence = reply.value();
  expect("attach", fence.is_nil() ? "none" : std::string(fence.text()), model_.attach());
}

void RandomRun::pop() { pop_some(random_worker(), 1 + below(10)); }

void RandomRun::pop_some(Worker& worker, std::size_t n) {
  const std::string id = random_name();
  note(fmt::format("pop {}", n));
  CommandBuffer call;
  internal::append_pop(call, keys_, n, id);
  const Reply reply = redis_.run(internal::scripts::pop, call);
  internal::Popped popped = internal::read_pop(reply.value());
  const QueueModel::Popped expected = model_.pop(n, id);
  std::vector<Lease> leases;
  const std::size_t count = expected.items.size();
  for (std::size_t i = 0; i < count; ++i) {
    Lease& lease = leases.emplace_back();
    lease.item = expected.items[i];
    lease.fence = expected.last_fence - count + 1 + i;
  }
  expect("pop", text_of(popped.items), text_of(leases));
  expect("pop, failed before", fmt::format("{}", popped.has_history),
         fmt::format("{}", expected.has_history));
  expect("pop, pushed", std::to_string(popped.pushed), std::to_string(expected.pushed));
  if (popped.has_history) read_history(popped.items);
  // Or else the answer is lost.
  if (draining_ || !one_in(10)) {
    worker.popped.insert(worker.popped.end(), popped.items.begin(), popped.items.end());
  }
}

// Hundreds in flight: then settle looks for its items in other ways.
void RandomRun::crowd() {
  if (draining_) return;
  note("a crowd");
  for (std::size_t n = 150 + below(200); n > 0; --n) {
    const std::string item = random_item();
    redis_.command({"LPUSH", keys_[Key::ready], item});
    model_.push_past_us(item, true);
  }
  for (int i = 0; i < 20; ++i) {
    pop_some(random_worker(), 1 + below(40));
    lease();
  }
}

void RandomRun::wait_and_claim() {
  if (model_.ready().empty()) return;  // it would wait
  Worker& worker = random_worker();
  const std::string id = random_name();
  note("wait and claim");
  const Reply moved =
      redis_.command({"BRPOPLPUSH", keys_[Key::ready], keys_[Key::processing], "1"});
  const std::string item(moved.value().text());
  expect("wait", item, model_.move_one().value());
  if (one_in(10)) return;  // it dies
  if (one_in(2)) {
    claim(worker, item, std::nullopt, id);
  } else if (one_in(2)) {
    claim(worker, item, item, id);
  } else {
    late_ = {&worker, item};
  }
}

// The answer to its wait comes late: the item may have gone meanwhile.
void RandomRun::claim_late() {
  if (late_.first == nullptr) return;
  const auto [worker, item] = std::exchange(late_, {});
  note("a late claim");
  claim(*worker, item, item, random_name());
}

void RandomRun::claim(Worker& worker, const std::string& item,
                      const std::optional<std::string>& named, const std::string& id) {
  CommandBuffer call;
  internal::append_claim(call, keys_, id, named);
  const Reply reply = redis_.run(internal::scripts::claim, call);
  internal::Popped claimed = internal::read_claim(reply.value(), item);
  const auto expected = model_.claim(id, named);
  const auto text = [](std::uint64_t fence, bool has_history) {
    return fmt::format("{} {}", fence, has_history);
  };
  expect("claim", claimed.items.empty() ? "" : text(claimed.items[0].fence, claimed.has_history),
         expected ? text(expected->last_fence, expected->has_history) : "");
  if (!claimed.items.empty()) worker.popped.push_back(std::move(claimed.items[0]));
}

void RandomRun::read_history(std::span<Lease> leases) {
  CommandBuffer ask;
  internal::append_history(ask, keys_, leases);
  redis_.send(ask);
  internal::read_failures(redis_.receive().checked().value(), leases);
  internal::read_crashes(redis_.receive().checked().value(), leases);
  internal::read_checkpoints(redis_.receive().checked().value(), leases);
  for (const Lease& each : leases) {
    const auto [failures, crashes] = model_.history(each.item);
    expect("history", fmt::format("{} {} {}", each.failures, each.crashes, each.checkpoint),
           fmt::format("{} {} {}", failures, crashes, model_.checkpoint_of(each.item)));
  }
}

std::vector<bool> RandomRun::ask_for_leases(const Worker& worker, std::span<const Lease> leases,
                                            milliseconds ttl) {
  const bool write_at_maxmemory = one_in(5);
  if (write_at_maxmemory)
    redis_.command({"SCRIPT", "LOAD", internal::scripts::write_at_maxmemory.text});
  CommandBuffer call;
  for (const Lease& each : leases) {
    internal::append_lease(call, keys_, worker.session, each, ttl, write_at_maxmemory);
  }
  redis_.send(call);
  std::vector<bool> answers;
  std::vector<bool> expected;
  for (const Lease& each : leases) {
    answers.push_back(!redis_.receive().checked().value().is_nil());
    expected.push_back(
        model_.set_lease(each.item, internal::holder(worker.session, each.fence, false), ttl));
  }
  expect("lease", flags(answers), flags(expected));
  return answers;
}

void RandomRun::lease() {
  Worker& worker = random_worker();
  if (worker.popped.empty()) return;
  const milliseconds ttl = random_ttl();
  const std::vector<Lease> popped = std::exchange(worker.popped, {});
  note(fmt::format("lease {}for {} ms", text_of(popped), ttl.count()));
  const std::vector<bool> ours = ask_for_leases(worker, popped, ttl);
  const bool dies = !draining_ && one_in(15);
  for (std::size_t i = 0; i < popped.size(); ++i) {
    (ours[i] && !dies ? worker.leased : worker.former).push_back(popped[i]);
  }
}

// The answer to the first request was lost, be it before or after it was carried out.
void RandomRun::lease_again() {
  Worker& worker = random_worker();
  if (worker.popped.empty()) return;
  const milliseconds ttl = random_ttl();
  const std::vector<Lease> popped = std::exchange(worker.popped, {});
  note(fmt::format("lease {}for {} ms, twice", text_of(popped), ttl.count()));
  if (one_in(2)) ask_for_leases(worker, popped, ttl);
  const bool too_late = one_in(4);
  if (!too_late) ask_for_leases(worker, popped, ttl);
  CommandBuffer call;
  internal::append_renew(call, keys_, worker.session, internal::held(popped), ttl);
  const Reply reply = redis_.run(internal::scripts::renew, call);
  const std::vector<bool> ours = kept(popped.size(), reply);
  expect("lease again", flags(ours), flags(model_.renew(popped, worker.session, ttl)));
  for (std::size_t i = 0; i < popped.size(); ++i) {
    (ours[i] ? worker.leased : worker.former).push_back(popped[i]);
  }
}

std::vector<Lease> RandomRun::leases_and_a_former_one(const Worker& worker) {
  std::vector<Lease> leases = worker.leased;
  if (!worker.former.empty() && one_in(2)) {
    leases.push_back(worker.former[below(worker.former.size())]);
  }
  return leases;
}

void RandomRun::renew() {
  Worker& worker = random_worker();
  const std::vector<Lease> leases = leases_and_a_former_one(worker);
  if (leases.empty()) return;
  const milliseconds ttl = random_ttl();
  note(fmt::format("renew {}for {} ms", text_of(leases), ttl.count()));
  CommandBuffer call;
  internal::append_renew(call, keys_, worker.session, internal::held(leases), ttl);
  const Reply reply = redis_.run(internal::scripts::renew, call);
  expect("renew", flags(kept(leases.size(), reply)),
         flags(model_.renew(leases, worker.session, ttl)));
}

// In an order of their own, as late ones arrive.
void RandomRun::checkpoint() {
  Worker& worker = random_worker();
  const std::vector<Lease> leases = leases_and_a_former_one(worker);
  if (leases.empty()) return;
  const milliseconds ttl = random_ttl();
  note(fmt::format("checkpoint {}for {} ms", text_of(leases), ttl.count()));
  std::vector<QueueModel::Checkpoint> expected;
  std::vector<internal::Checkpoint> checkpoints;
  for (const Lease& each : leases) {
    const auto number = static_cast<std::uint64_t>(between(1, 4));
    std::string text = one_in(5) ? "" : fmt::format("page {} of 7", below(100));
    expected.push_back({each, number, text});
    checkpoints.push_back({internal::held({&each, 1}).front(), number, std::move(text)});
  }
  CommandBuffer call;
  internal::append_checkpoints(call, keys_, worker.session, checkpoints, ttl);
  const Reply reply = redis_.run(internal::scripts::checkpoint, call);
  expect("checkpoint", flags(kept(leases.size(), reply)),
         flags(model_.checkpoint(expected, worker.session, ttl)));
}

Outcome RandomRun::random_outcome() {
  Outcome outcome = random_kind_of_outcome();
  if (one_in(4)) outcome.checkpoint = fmt::format("page {}", below(100));
  return outcome;
}

Outcome RandomRun::random_kind_of_outcome() {
  Failure failure;
  failure.message = fmt::format("failure {}", below(1'000));
  switch (draining_ ? 9 : below(14)) {
    case 0:
      if (one_in(2)) failure.exit_code = static_cast<int>(below(256));
      if (one_in(3)) failure.stdout_tail = "page 3\n";
      if (one_in(3)) failure.stderr_tail = "the \"last\" line\n";
      if (one_in(3)) failure.cpu_time = failure.wall_time = milliseconds{below(10'000)};
      if (one_in(3)) failure.host = "h";
      return Outcome::fail(failure);
    case 1:
      return Outcome::fail(failure);
    case 2:
      return Outcome::fatal(failure);
    case 3:
      return Outcome::release();
    case 4:
      return Outcome::release(milliseconds{between(0, 2) * 400});
    case 5:
    case 6:
      if (one_in(2)) return Outcome::complete_json(std::to_string(below(1'000)));
      return Outcome::complete(fmt::format("result {}", below(1'000)));
    case 7: {
      Outcome outcome = Outcome::complete();
      outcome.follow_ups = random_follow_ups();
      if (one_in(2)) outcome.result = "with follow-ups";
      return outcome;
    }
    case 10: {
      Outcome outcome = Outcome::complete();
      outcome.totals = random_totals();
      return outcome;
    }
    case 8:
      return Outcome::crash(failure);
    default:
      return Outcome::complete();
  }
}

std::vector<FollowUp> RandomRun::random_follow_ups() {
  std::vector<FollowUp> follow_ups;
  for (std::string& item : random_items(1 + below(3))) {
    FollowUp& next = follow_ups.emplace_back(std::move(item));
    // Producers push some of these items once too.
    if (one_in(2)) next.once_key = one_in(2) ? next.item : random_item();
    if (one_in(3)) next.queue = QueueModel::kOther;
    if (one_in(4)) next.delay = milliseconds{between(1, 3) * 400};
  }
  return follow_ups;
}

std::vector<Total> RandomRun::random_totals() {
  std::vector<Total> totals;
  // One reduction of a key an item, since the library puts several together.
  for (const char* key : {"", "a", "b", "c"}) {
    if (one_in(2)) totals.push_back(random_total(key));
  }
  // Ten of these do not fit in 64 bits together.
  totals.push_back({Reduction::sum, "up", "1000000000000000000"});
  totals.push_back({Reduction::sum, "down", "-999999999999999999"});
  return totals;
}

Total RandomRun::random_total(std::string key) {
  const auto how = static_cast<Reduction>(below(5));
  switch (below(3)) {
    case 0:
      return {how, std::move(key), std::to_string(between(-9, 9))};
    case 1:
      return {how, std::move(key), fmt::format("{}.{}", between(-9, 9), between(1, 9))};
    default:
      return {how, std::move(key), "-1e-9"};
  }
}

RetryPolicy RandomRun::random_policy() {
  RetryPolicy policy;
  policy.max_attempts = static_cast<std::uint32_t>(between(1, 3));
  policy.max_crashes = static_cast<std::uint32_t>(between(1, 3));
  policy.backoff_base = milliseconds{between(0, 1) * 1'000};
  policy.backoff_max = milliseconds{1'500};
  policy.release_delay = milliseconds{between(0, 1) * 300};
  policy.results_ttl = milliseconds{between(0, 2) * 400};
  policy.history = one_in(2) ? 0 : 1 + below(30);
  policy.history_worker = "w";
  return policy;
}

// The worker that holds the item that stands in processing for the longest time, if one does; what
// it holds is put into the order in which it stands there.
RandomRun::Worker& RandomRun::worker_of_the_oldest() {
  const auto& processing = model_.processing();
  for (Worker& worker : workers_) {
    const auto holds = [&worker](const std::string& item) {
      return std::any_of(worker.leased.begin(), worker.leased.end(),
                         [&item](const Lease& lease) { return lease.item == item; });
    };
    if (processing.empty() || !holds(processing.back())) continue;
    const auto age = [&processing](const Lease& lease) {
      return std::find(processing.rbegin(), processing.rend(), lease.item) - processing.rbegin();
    };
    std::stable_sort(worker.leased.begin(), worker.leased.end(),
                     [&age](const Lease& a, const Lease& b) { return age(a) < age(b); });
    return worker;
  }
  return random_worker();
}

void RandomRun::settle() {
  const bool in_order = one_in(2);
  Worker& worker = in_order ? worker_of_the_oldest() : random_worker();
  Posted posted;
  posted.session = worker.session;
  posted.policy = random_policy();
  const std::size_t most = draining_ || one_in(4) ? 40 : 10;
  for (std::size_t n = 1 + below(most); n > 0 && !worker.leased.empty(); --n) {
    const std::size_t i = in_order ? 0 : below(worker.leased.size());
    posted.settlements.push_back({worker.leased[i], random_outcome()});
    if (one_in(2)) {
      posted.settlements.back().outcome.usage.begun = std::chrono::system_clock::time_point{};
    }
    worker.former.push_back(worker.leased[i]);
    worker.leased.erase(worker.leased.begin() + static_cast<std::ptrdiff_t>(i));
  }
  // And what was settled or lost before, or is somebody else's, or stands there twice.
  if (!worker.former.empty() && one_in(4)) {
    posted.settlements.push_back({worker.former[below(worker.former.size())], random_outcome()});
  }
  const Worker& other = random_worker();
  if (!other.leased.empty() && one_in(8)) {
    posted.settlements.push_back({other.leased[below(other.leased.size())], random_outcome()});
  }
  if (posted.settlements.empty()) return;
  if (one_in(10)) posted.settlements.push_back(posted.settlements[0]);
  if (one_in(4)) {
    std::reverse(posted.settlements.begin(), posted.settlements.end());
  }
  post(posted);
  if (worker.former.size() > kRemembered) worker.former.erase(worker.former.begin());
  posted_.push_back(std::move(posted));
  if (posted_.size() > kRemembered) posted_.erase(posted_.begin());
}

void RandomRun::settle_again() {
  if (posted_.empty()) return;
  const Posted again = posted_[one_in(2) ? posted_.size() - 1 : below(posted_.size())];
  post(again);
}

// Jitter decides how long what failed waits. Sees to it that the wait is within its bounds, and
// puts a wait of our own into the call, so that the same seed does the same.
std::vector<QueueModel::Settled> RandomRun::with_delays(CommandBuffer& call, const Posted& posted) {
  std::vector<QueueModel::Settled> settled;
  for (const Settlement& each : posted.settlements) {
    const auto release = each.outcome.release_delay.value_or(posted.policy.release_delay);
    const bool releases = each.outcome.kind == Outcome::Kind::release;
    settled.push_back({&each, releases ? release : milliseconds{0}});
  }
  std::vector<std::string> words = words_of(call).at(0);
  const std::size_t keys = std::stoul(words.at(kWordsBeforeKeys - 1));
  std::size_t verbs = kWordsBeforeKeys + keys + 2 + 2 * posted.settlements.size() + 6;
  if (verbs <= words.size()) {
    const std::size_t runs = std::stoul(words[verbs - 1]);
    verbs += 2 * std::stoul(words[verbs - 2]);
    for (std::size_t run = 0; run < runs; ++run) verbs += 3 + std::stoul(words[verbs + 1]);
  }
  for (std::size_t at = verbs; at + 3 < words.size(); at += 4) {
    const bool crash = words[at + 1] == "crash";
    if ((words[at + 1] != "fail" && !crash) || words[at + 3].empty()) continue;
    QueueModel::Settled& each = settled.at(std::stoul(words[at]) - 1);
    const Lease& lease = each.settlement->lease;
    std::int64_t whole_ms = posted.policy.backoff_base.count();
    for (std::uint32_t i = 0; i < (crash ? lease.crashes : lease.failures); ++i) whole_ms *= 2;
    whole_ms = std::min(whole_ms, posted.policy.backoff_max.count());
    const std::int64_t delay_ms = std::stoll(words[at + 3]);
    if (2 * delay_ms < whole_ms || delay_ms > whole_ms) {
      fail(fmt::format("a backoff of {} ms, where {} to {} ms are right", delay_ms, whole_ms / 2,
                       whole_ms));
    }
    each.delay = milliseconds{between(whole_ms / 2, whole_ms)};
    words[at + 3] = std::to_string(each.delay.count());
  }
  call.clear();
  call.begin(words.size());
  for (const std::string& word : words) call.arg(word);
  return settled;
}

void RandomRun::post(const Posted& posted) {
  std::string text;
  for (const Settlement& each : posted.settlements) {
    constexpr const char* kKinds[] = {"complete", "fail", "crash", "fatal", "release"};
    text += fmt::format(" {} {}#{}{}", kKinds[static_cast<int>(each.outcome.kind)],
                        printable(each.lease.item), each.lease.fence, each.lease.alone ? "!" : "");
  }
  note("settle" + text);
  CommandBuffer call;
  internal::append_settle(call, keys_, posted.session, posted.settlements, posted.policy);
  const std::vector<QueueModel::Settled> settled = with_delays(call, posted);
  const Reply reply = redis_.run(internal::scripts::settle, call);
  const std::vector<bool> accepted = kept(posted.settlements.size(), reply);
  expect("settle", flags(accepted), flags(model_.settle(settled, posted.session, posted.policy)));
  settle_order();
}

void RandomRun::counts() {
  note("counts");
  CommandBuffer call;
  internal::append_call(call, internal::scripts::counts, keys_, {});
  const Reply reply = redis_.run(internal::scripts::counts, call);
  const Counts got = internal::read_counts(reply.value());
  expect("counts", text_of(got), text_of(model_.counts()));
  expect("drained", fmt::format("{}", got.drained()), fmt::format("{}", model_.is_drained()));
}

}  // namespace wq::test::random
