#include "admin/change.h"

#include <algorithm>
#include <functional>
#include <optional>

#include "admin/look.h"
#include "admin/walk.h"
#include "pure/glob.h"
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

std::int64_t server_ms(Connection& redis) {
  Pipeline ask;
  ask.command({"TIME"});
  const Reply time = redis.call(ask);
  return time.value()[0].integer() * 1'000 + time.value()[1].integer() / 1'000;
}

struct Which {
  bool delayed = false;
  bool dead = false;
  std::optional<std::int64_t> latest_ms{};
};

std::vector<bool> retry_step(Connection& redis, const Keys& keys,
                             std::span<const std::string> items, const Which& which) {
  Pipeline call;
  begin_call(call, scripts::retry, keys, 0, 3 + 2 * items.size());
  call.word(which.latest_ms ? std::to_string(*which.latest_ms) : "");
  call.word(which.delayed ? "1" : "0");
  call.word(which.dead ? "1" : "0");
  for (const std::string& item : items) {
    call.word(item);
    call.word(text(hash_item(item)));
  }
  const Reply reply = run_script(redis, scripts::retry, call);
  std::vector<bool> back;
  for (std::size_t i = 0; i < items.size(); ++i) back.push_back(reply.value()[i].integer() == 1);
  return back;
}

std::vector<Changed> drop_step(Connection& redis, const Keys& keys,
                               std::span<const std::string> items, ItemState from,
                               std::optional<std::int64_t> latest_ms) {
  Pipeline call;
  begin_call(call, scripts::drop, keys, items.size(), 2 + items.size());
  for (const std::string& item : items) call.word(keys.lease(hash_item(item)));
  call.word(word_of(from));
  call.word(latest_ms ? std::to_string(*latest_ms) : "");
  for (const std::string& item : items) call.word(item);
  const Reply reply = run_script(redis, scripts::drop, call);
  std::vector<Changed> answers;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::int64_t answer = reply.value()[i].integer();
    answers.push_back(answer == 1   ? Changed::done
                      : answer == 2 ? Changed::leased
                                    : Changed::absent);
  }
  return answers;
}

using Step = std::function<std::uint64_t(Connection&, std::span<const std::string> items)>;

// Hands everything in a sorted set that matches to `step`, in small numbers. What is there all the
// time is handed over at least once.
std::uint64_t for_matching(Link& link, const std::string& set, std::string_view pattern,
                           const Step& step) {
  std::uint64_t changed = 0;
  // What is small comes all at once, however many there are.
  for_members(link, set, pattern, [&](std::span<const std::string> items) {
    while (!items.empty()) {
      const auto chunk = items.first(std::min(items.size(), kAtOnce));
      items = items.subspan(chunk.size());
      changed += link.run([&](Connection& redis) { return step(redis, chunk); });
    }
  });
  return changed;
}

// Of items that are gone; an equal one that is in the queue loses no more than its count of tries.
void forget_history(Link& link, const Keys& keys, std::span<const ItemHash> hashes) {
  Pipeline forget;
  for (const Key key : {Key::attempts, Key::crashes, Key::failures}) {
    forget.begin(2 + hashes.size());
    forget.word("HDEL");
    forget.word(keys[key]);
    for (const ItemHash& hash : hashes) forget.word(text(hash));
  }
  link.run([&](Connection& redis) { return redis.call(forget); });
}

const std::string& set_of(const Keys& keys, ItemState state) {
  return keys[state == ItemState::dead ? Key::dead : Key::delayed];
}

}  // namespace

std::vector<Changed> retry_items(Connection& redis, const Keys& keys,
                                 std::span<const std::string> items) {
  const std::vector<bool> back = retry_step(redis, keys, items, {.delayed = true, .dead = true});
  Pipeline ask;
  for (const std::string& item : items) ask.command({"EXISTS", keys.lease(hash_item(item))});
  redis.send(ask);
  std::vector<Changed> answers;
  for (const bool done : back) {
    const bool held = redis.receive().checked().value().integer() > 0;
    answers.push_back(done ? Changed::done : held ? Changed::leased : Changed::absent);
  }
  return answers;
}

std::uint64_t retry_matching(Link& link, const Keys& keys, std::string_view pattern,
                             ItemState from) {
  Which which{.delayed = from == ItemState::delayed, .dead = from == ItemState::dead};
  // What dies again meanwhile is left alone. (A delayed item's time lies in the future.)
  if (which.dead) which.latest_ms = link.run(server_ms);
  return for_matching(
      link, set_of(keys, from), pattern,
      [&](Connection& redis, std::span<const std::string> items) {
        const std::vector<bool> back = retry_step(redis, keys, items, which);
        return static_cast<std::uint64_t>(std::count(back.begin(), back.end(), true));
      });
}

std::vector<Changed> drop_items(Link& link, const Keys& keys, std::span<const std::string> items,
                                ItemState from) {
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

std::uint64_t drop_matching(Link& link, const Keys& keys, std::string_view pattern,
                            ItemState from) {
  std::optional<std::int64_t> latest_ms{};
  if (from == ItemState::dead) latest_ms = link.run(server_ms);
  return for_matching(link, set_of(keys, from), pattern,
                      [&](Connection& redis, std::span<const std::string> items) {
                        const auto answers = drop_step(redis, keys, items, from, latest_ms);
                        return static_cast<std::uint64_t>(
                            std::count(answers.begin(), answers.end(), Changed::done));
                      });
}

std::uint64_t drop_ready(Link& link, const Keys& keys, std::string_view pattern) {
  Pipeline length;
  length.command({"LLEN", keys[Key::ready]});
  auto left = static_cast<std::uint64_t>(
      link.run([&](Connection& redis) { return redis.call(length).value().integer(); }));
  const std::vector<std::string> patterns = lua_patterns(pattern);
  std::uint64_t dropped = 0;
  std::uint64_t chunk = kFirstChunk;
  while (left > 0) {
    Pipeline call;
    begin_call(call, scripts::drop_ready, keys, 0, 1 + patterns.size());
    call.word(std::min(chunk, left));
    for (const std::string& each : patterns) call.word(each);
    std::vector<ItemHash> hashes;
    std::size_t bytes = 1;
    const std::uint64_t taken = link.run([&](Connection& redis) {
      const Reply reply = run_script(redis, scripts::drop_ready, call);
      const Value items = reply.value()[1];
      for (std::size_t i = 0; i < items.size(); ++i) {
        hashes.push_back(hash_item(items[i].text()));
        bytes += items[i].text().size();
      }
      return static_cast<std::uint64_t>(reply.value()[0].integer());
    });
    if (taken == 0) break;  // workers were faster
    left -= std::min(left, taken);
    dropped += hashes.size();
    if (!hashes.empty()) forget_history(link, keys, hashes);
    chunk = bytes > kChunkBytes ? kFirstChunk : std::min(2 * chunk, kLargestChunk);
  }
  return dropped;
}

}  // namespace wq::internal
