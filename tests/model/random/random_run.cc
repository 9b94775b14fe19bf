#include "model/random/random_run.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "base/printable.h"

namespace wq::test::random {
namespace {

using internal::Key;
using internal::Reply;
using internal::Value;
using std::chrono::milliseconds;

constexpr std::size_t kLogLines = 30;
constexpr std::int64_t kFirstTimeUs = 1'900'000'000'000'000;
// Equal items are met often if there are few.
constexpr std::size_t kEqualItems = 12;
constexpr std::size_t kEnoughReady = 60;
// So large that a reclaimer waits longer for it: by 125 ms.
constexpr std::size_t kLargeItem = 65'536;

// A counter that was never raised and one that is zero are the same.
Contents without_zeros(Contents contents, const std::string& stats) {
  const auto found = contents.find(stats);
  if (found == contents.end()) return contents;
  std::string kept;
  for (std::size_t at = 0; at < found->second.size();) {
    const std::size_t end = found->second.find('\n', at) + 1;
    const std::string line = found->second.substr(at, end - at);
    if (!line.ends_with(" = 0\n")) kept += line;
    at = end;
  }
  if (kept.empty()) {
    contents.erase(found);
  } else {
    found->second = kept;
  }
  return contents;
}

std::string difference(const Contents& redis, const Contents& model) {
  std::string text;
  for (const auto& [key, value] : redis) {
    const auto other = model.find(key);
    if (other == model.end()) {
      text += fmt::format("only Redis has {}:\n{}\n", key, value);
    } else if (other->second != value) {
      text += fmt::format("{} in Redis:\n{}in the model:\n{}\n", key, value, other->second);
    }
  }
  for (const auto& [key, value] : model) {
    if (!redis.contains(key)) text += fmt::format("only the model has {}:\n{}\n", key, value);
  }
  return text;
}

// One that is told what the workers have, or has to find that in the queue.
ReclaimerOptions random_reclaimer_options(std::uint64_t seed) {
  ReclaimerOptions options;
  if (seed % 2 == 0) options.lease = milliseconds{9'000};
  if (seed % 3 == 0) options.max_crashes = 3;
  return options;
}

}  // namespace

RandomRun::RandomRun(FrozenRedis& redis, std::uint64_t seed)
    : redis_(redis),
      seed_(seed),
      random_(seed),
      reclaimer_options_(random_reclaimer_options(seed)),
      pass_(std::make_unique<internal::ReclaimPass>("q", redis.options(), reclaimer_options_,
                                                    std::stop_token{})),
      pass_model_(model_, reclaimer_options_) {
  redis_.command({"FLUSHALL"});
  for (int i = 0; i < 3; ++i) workers_.push_back({random_name(), {}, {}, {}});
  for (int i = 0; i < 2; ++i) producers_.push_back({random_name()});
  model_.now_us = kFirstTimeUs;
}

// The weights keep a queue of a few dozen items in motion.
const std::vector<RandomRun::Operation>& RandomRun::operations() {
  static const std::vector<Operation> kAll = {
      {&RandomRun::attach, 2},
      {&RandomRun::pop, 60},
      {&RandomRun::wait_and_claim, 10},
      {&RandomRun::claim_late, 5},
      {&RandomRun::crowd, 1},
      {&RandomRun::lease, 80},
      {&RandomRun::lease_again, 6},
      {&RandomRun::settle, 90},
      {&RandomRun::settle_again, 6},
      {&RandomRun::renew, 20},
      {&RandomRun::checkpoint, 15},
      {&RandomRun::isolate, 40},
      {&RandomRun::counts, 5},
      {&RandomRun::open, 4},
      {&RandomRun::push, 40},
      {&RandomRun::push_again, 6},
      {&RandomRun::touch, 3},
      {&RandomRun::register_queue, 2},
      {&RandomRun::forget_queues, 2},
      {&RandomRun::close, 1},
      {&RandomRun::forget_session, 1},
      {&RandomRun::ask_how_far, 3},
      {&RandomRun::lose_items, 2},
      {&RandomRun::forget_lost, 1},
      {&RandomRun::reclaim, 8},
      {&RandomRun::requeue, 3},
      {&RandomRun::promote, 6},
      {&RandomRun::sweep, 3},
      {&RandomRun::pass, 25},
      {&RandomRun::reconnect_pass, 1},
      {&RandomRun::push_past_us, 4},
      {&RandomRun::redis_wq_pop, 3},
      {&RandomRun::redis_wq_settle, 3},
      {&RandomRun::evict_lease, 3},
      {&RandomRun::spoil_expiry, 3},
      {&RandomRun::remove_by_hand, 2},
      {&RandomRun::drain, 1},
      {&RandomRun::heartbeat, 2},
      {&RandomRun::tell_terms, 2},
      {&RandomRun::trim_results, 1},
      {&RandomRun::pause, 2},
      {&RandomRun::retry, 4},
      {&RandomRun::drop, 2},
      {&RandomRun::drop_ready, 2},
      {&RandomRun::purge, 1},
      {&RandomRun::purge_leases, 2},
      {&RandomRun::end_strays, 3},
      {&RandomRun::forget, 2},
      {&RandomRun::page, 6},
      {&RandomRun::find, 3},
      {&RandomRun::last_due, 1},
      {&RandomRun::wait_for_a_moment, 8},
      {&RandomRun::pass_time, 12},
      {&RandomRun::turn_clock_back, 1},
  };
  return kAll;
}

void RandomRun::run(std::size_t steps) {
  if (one_in(2)) attach();  // a worker that comes before the queue has begun, which is rare later
  for (std::size_t i = 1; i <= steps; ++i) {
    try {
      step();
      if (i % kLookEvery == 0 || i == steps) look();
    } catch (const Mismatch&) {
      throw;
    } catch (const std::exception& error) {
      fail(error.what());
    }
  }
}

void RandomRun::step() {
  ++steps_;
  if (one_in(2)) model_.now_us += static_cast<std::int64_t>(below(3'000));
  redis_.set_time_us(model_.now_us);
  static const int kTotal =
      std::accumulate(operations().begin(), operations().end(), 0,
                      [](int sum, const Operation& each) { return sum + each.weight; });
  auto at = static_cast<int>(below(static_cast<std::size_t>(kTotal)));
  for (const Operation& each : operations()) {
    at -= each.weight;
    if (at >= 0) continue;
    (this->*each.carry_out)();
    redis_.set_time_us(model_.now_us);  // it may have passed
    return;
  }
}

void RandomRun::look() {
  model_.check_conservation();
  const Contents redis = without_zeros(redis_.contents(), keys_[Key::stats]);
  const std::string found = difference(redis, model_.contents());
  if (!found.empty()) fail("what Redis holds is not what the model holds:\n" + found);
}

// Where more than one order is right, the model takes that of Redis.
void RandomRun::settle_order() {
  const QueueModel::Unsure unsure = model_.unsure();
  const auto items = [this](Key key) {
    return texts(redis_.command({"LRANGE", keys_[key], "0", "-1"}).value());
  };
  if (unsure.processing) model_.adopt_processing(items(Key::processing));
  if (unsure.ready) model_.adopt_ready(items(Key::ready));
  if (!unsure.results) return;
  const Reply entries = redis_.command(
      {"XREVRANGE", keys_[Key::results], "+", "-", "COUNT", std::to_string(unsure.added_results)});
  std::vector<QueueModel::Entry> last;
  for (std::size_t i = entries.value().size(); i > 0; --i) {
    const Value fields = entries.value()[i - 1][1];
    last.push_back({std::string(fields[1].text()), std::string(fields[2].text()),
                    std::string(fields[3].text())});
  }
  model_.adopt_results(std::move(last));
}

void RandomRun::expect(std::string_view what, const std::string& redis,
                       const std::string& model) const {
  if (redis != model) fail(fmt::format("{}: Redis answers {}, the model {}", what, redis, model));
}

void RandomRun::note(std::string text) {
  log_.push_back(
      fmt::format("{} at {}.{:03} ms: {}", steps_, model_.now_ms(), model_.now_us % 1'000, text));
  if (log_.size() > kLogLines) log_.pop_front();
}

void RandomRun::fail(const std::string& what) const {
  std::string text = fmt::format("{}\n\nThe last operations:\n", what);
  for (const std::string& line : log_) text += line + '\n';
  throw Mismatch(fmt::format("{}\nTo see it again: WQ_RANDOM_SEED={} WQ_RANDOM_STEPS={}", text,
                             seed_, steps_));
}

std::size_t RandomRun::below(std::size_t n) {
  // Not a standard distribution: those differ from library to library, and seeds are kept.
  return static_cast<std::size_t>(random_() % n);
}

std::int64_t RandomRun::between(std::int64_t low, std::int64_t high) {
  return low + static_cast<std::int64_t>(below(static_cast<std::size_t>(high - low + 1)));
}

std::string RandomRun::random_name() { return fmt::format("{:016x}", random_()); }

std::string RandomRun::random_item() {
  using namespace std::string_literals;
  switch (below(4)) {
    case 0: {
      const std::size_t i = below(kEqualItems);
      if (i == 0) return "";
      if (i == 1) return "\0\r\n\xff"s;
      return fmt::format("equal-{}", i);
    }
    default:
      if (one_in(40)) return fmt::format("large-{:x<{}}", ++made_items_, kLargeItem);
      return fmt::format("item-{}", ++made_items_);
  }
}

std::vector<std::string> RandomRun::random_items(std::size_t n) {
  std::vector<std::string> items;
  for (std::size_t i = 0; i < n; ++i) items.push_back(random_item());
  return items;
}

// As a reclaimer may list them: in processing, or there no more, or never. Rather such of which an
// equal one has died.
std::vector<std::string> RandomRun::items_to_look_at() {
  std::vector<std::string> items;
  const auto& processing = model_.processing();
  std::vector<std::string> died = operator_.items(ItemState::dead);
  std::erase_if(died, [&](const std::string& item) {
    return std::find(processing.begin(), processing.end(), item) == processing.end();
  });
  for (std::size_t n = 1 + below(6); n > 0; --n) {
    const std::optional<std::string> leased = random_leased_item();
    if (one_in(4) && !died.empty()) {
      items.push_back(died[below(died.size())]);
    } else if (one_in(2) && leased) {
      items.push_back(*leased);
    } else if (one_in(10) || processing.empty()) {
      items.push_back(random_item());
    } else {
      items.push_back(processing[below(processing.size())]);
    }
  }
  return items;
}

bool RandomRun::wants_items() const { return !draining_ && model_.ready().size() <= kEnoughReady; }

std::optional<std::string> RandomRun::random_leased_item() {
  const Worker& worker = random_worker();
  const std::vector<Lease>& leases = one_in(4) ? worker.former : worker.leased;
  if (leases.empty()) return std::nullopt;
  return leases[below(leases.size())].item;
}

milliseconds RandomRun::random_ttl() {
  constexpr std::int64_t kTtlsMs[] = {1, 700, 9'000, 60'000, 86'400'000};
  return milliseconds{kTtlsMs[below(std::size(kTtlsMs))]};
}

std::string text_of(const Counts& c) {
  return fmt::format("{} {} {} {} {} {} {} | {} {} {} {} {} {} {} {} {} {} {} {} {}", c.id, c.ready,
                     c.processing, c.delayed, c.dead, c.producers, c.paused, c.pushed, c.leased,
                     c.completed, c.failed, c.crashed, c.returned, c.released, c.died, c.dropped,
                     c.merged, c.foreign, c.lost, c.recovered);
}

std::string text_of(std::span<const std::string> items) {
  std::string text;
  for (const std::string& each : items) text += internal::printable(each) + ' ';
  return text;
}

}  // namespace wq::test::random
