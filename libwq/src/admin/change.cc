#include "admin/change.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <set>

#include <wq/error.h>

#include "admin/history.h"
#include "admin/look.h"
#include "admin/walk.h"
#include "base/glob.h"
#include "queue/operations.h"
#include "script/script.h"

namespace wq::internal {
namespace {

// Looking one item up in ready costs its length.
constexpr std::size_t kReadyAtOnce = 8;
constexpr std::size_t kAtOnce = 100;
// Items are taken from ready in chunks of about this size, whatever an item weighs.
constexpr std::size_t kChunkBytes = std::size_t{1} << 20U;
constexpr std::uint64_t kFirstChunk = 8;
constexpr std::uint64_t kLargestChunk = 500;

struct Which {
  bool delayed = false;
  bool dead = false;
  std::optional<std::int64_t> latest_ms{};
};

std::vector<Changed> read_answers(Value answers) {
  std::vector<Changed> changed;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const std::int64_t answer = answers[i].integer();
    changed.push_back(answer == 1   ? Changed::done
                      : answer == 2 ? Changed::leased
                                    : Changed::absent);
  }
  return changed;
}

std::uint64_t done(const std::vector<Changed>& answers) {
  return static_cast<std::uint64_t>(std::count(answers.begin(), answers.end(), Changed::done));
}

std::vector<Changed> retry_step(Connection& redis, const Keys& keys,
                                std::span<const std::string> items, const Which& which) {
  CommandBuffer call;
  begin_call(call, scripts::retry, keys, items.size(), 3 + items.size());
  for (const std::string& item : items) call.arg(keys.lease(hash_item(item)));
  call.arg(which.latest_ms ? std::to_string(*which.latest_ms) : "");
  call.arg(which.delayed ? "1" : "0");
  call.arg(which.dead ? "1" : "0");
  for (const std::string& item : items) call.arg(item);
  return read_answers(run_script(redis, scripts::retry, call).value());
}

std::vector<Changed> drop_step(Connection& redis, const Keys& keys,
                               std::span<const std::string> items, ItemState from,
                               std::optional<std::int64_t> latest_ms) {
  CommandBuffer call;
  begin_call(call, scripts::drop, keys, items.size(), 2 + items.size());
  for (const std::string& item : items) call.arg(keys.lease(hash_item(item)));
  call.arg(word_of(from));
  call.arg(latest_ms ? std::to_string(*latest_ms) : "");
  for (const std::string& item : items) call.arg(item);
  return read_answers(run_script(redis, scripts::drop, call).value());
}

using Step = std::function<std::uint64_t(Connection&, std::span<const std::string> items)>;

// Passes the matching members of a sorted set to `step`, some at a time. A member that stays in the
// set is passed at least once.
std::uint64_t for_matching(ReconnectingConnection& link, const std::string& set,
                           std::string_view pattern, const Step& step) {
  std::uint64_t changed = 0;
  // Redis returns a small set in one reply, whatever the count.
  for_members(link, set, pattern, [&](std::span<const std::string> items) {
    while (!items.empty()) {
      const auto chunk = items.first(std::min(items.size(), kAtOnce));
      items = items.subspan(chunk.size());
      changed += link.run([&](Connection& redis) { return step(redis, chunk); });
    }
  });
  return changed;
}

// The items that one step took from the right end of ready.
struct Taken {
  std::uint64_t n = 0;
  std::uint64_t dropped = 0;
  std::uint64_t dropped_bytes = 0;
  std::set<std::string> hashes;  // of those that were dropped
};

Taken read_taken(Value answer) {
  Taken taken;
  taken.n = static_cast<std::uint64_t>(answer[0].integer());
  const Value items = answer[1];
  taken.dropped = items.size();
  for (std::size_t i = 0; i < items.size(); ++i) {
    taken.hashes.emplace(text(hash_item(items[i].text())));
    taken.dropped_bytes += items[i].text().size();
  }
  return taken;
}

// Items put on the left of ready so far.
std::int64_t put_so_far(Connection& redis, const Keys& keys) {
  CommandBuffer call;
  call.command({"HMGET", keys[Key::stats], "pushed", "moved"});
  const Reply answer = redis.call(call);
  std::int64_t put = 0;
  for (std::size_t i = 0; i < 2; ++i) {
    if (!answer.value()[i].is_nil()) put += answer.value()[i].integer();
  }
  return put;
}

const std::string& set_of(const Keys& keys, ItemState state) {
  return keys[state == ItemState::dead ? Key::dead : Key::delayed];
}

}  // namespace

std::vector<Changed> retry_items(Connection& redis, const Keys& keys,
                                 std::span<const std::string> items) {
  return retry_step(redis, keys, items, {.delayed = true, .dead = true});
}

std::uint64_t retry_matching(ReconnectingConnection& link, const Keys& keys,
                             std::string_view pattern, ItemState from) {
  Which which{.delayed = from == ItemState::delayed, .dead = from == ItemState::dead};
  // Items that die again meanwhile are left alone. (A delayed item's time lies in the future.)
  if (which.dead) which.latest_ms = link.run(server_ms);
  return for_matching(link, set_of(keys, from), pattern,
                      [&](Connection& redis, std::span<const std::string> items) {
                        return done(retry_step(redis, keys, items, which));
                      });
}

std::vector<Changed> drop_items(ReconnectingConnection& link, const Keys& keys,
                                std::span<const std::string> items, ItemState from) {
  std::vector<Changed> answers;
  const std::size_t most = from == ItemState::ready ? kReadyAtOnce : items.size();
  while (!items.empty()) {
    const auto chunk = items.first(std::min(items.size(), most));
    items = items.subspan(chunk.size());
    const std::vector<Changed> some = link.run(
        [&](Connection& redis) { return drop_step(redis, keys, chunk, from, std::nullopt); });
    answers.insert(answers.end(), some.begin(), some.end());
  }
  return answers;
}

std::uint64_t drop_matching(ReconnectingConnection& link, const Keys& keys,
                            std::string_view pattern, ItemState from) {
  std::optional<std::int64_t> latest_ms{};
  if (from == ItemState::dead) latest_ms = link.run(server_ms);
  return for_matching(link, set_of(keys, from), pattern,
                      [&](Connection& redis, std::span<const std::string> items) {
                        return done(drop_step(redis, keys, items, from, latest_ms));
                      });
}

std::uint64_t drop_ready(ReconnectingConnection& link, const Keys& keys, std::string_view pattern) {
  const std::vector<std::string> patterns = lua_patterns(pattern);
  const std::int64_t put = link.run([&](Connection& redis) { return put_so_far(redis, keys); });
  std::uint64_t dropped = 0;
  for (std::uint64_t chunk = kFirstChunk;;) {
    const Taken taken = link.run([&](Connection& redis) {
      CommandBuffer call;
      begin_call(call, scripts::drop_ready, keys, 0, 2 + patterns.size());
      call.arg(chunk);
      call.arg(put);
      for (const std::string& each : patterns) call.arg(each);
      return read_taken(run_script(redis, scripts::drop_ready, call).value());
    });
    if (taken.n == 0) return dropped;
    dropped += taken.dropped;
    // An equal item that is not leased loses no more than its attempt count.
    forget(link, keys, read_histories(link, keys, taken.hashes));
    chunk = taken.dropped_bytes > kChunkBytes ? kFirstChunk : std::min(2 * chunk, kLargestChunk);
  }
}

}  // namespace wq::internal
