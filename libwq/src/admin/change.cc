#include <algorithm>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <wq/admin.h>
#include <wq/error.h>

#include "admin/admin_connection.h"
#include "admin/history.h"
#include "admin/look.h"
#include "admin/walk.h"
#include "base/glob.h"
#include "queue/operations.h"
#include "queue/waiting.h"
#include "script/script.h"

namespace wq {
namespace internal {
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
  const Reply reply = run_script(redis, scripts::retry, keys, lease_keys(keys, items),
                                 which.latest_ms ? std::to_string(*which.latest_ms) : "",
                                 which.delayed, which.dead, items);
  return read_answers(reply.value());
}

std::vector<Changed> drop_step(Connection& redis, const Keys& keys,
                               std::span<const std::string> items, ItemState from,
                               std::optional<std::int64_t> latest_ms) {
  const Reply reply = run_script(redis, scripts::drop, keys, lease_keys(keys, items), word_of(from),
                                 latest_ms ? std::to_string(*latest_ms) : "", items);
  return read_answers(reply.value());
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
  const Reply answer = redis.call({"HMGET", keys[Key::stats], "pushed", "moved"});
  std::int64_t put = 0;
  for (std::size_t i = 0; i < 2; ++i) {
    if (!answer.value()[i].is_nil()) put += answer.value()[i].integer();
  }
  return put;
}

const std::string& set_of(const Keys& keys, ItemState state) {
  return keys[state == ItemState::dead ? Key::dead : Key::delayed];
}

void check_droppable(ItemState from) {
  if (from == ItemState::leased) {
    throw std::invalid_argument("a leased item cannot be dropped: a worker holds it");
  }
}

// The queue may be drained now, and the workers that rest do not see it.
void tell_workers(ReconnectingConnection& link, const Keys& keys) {
  link.run([&keys](Connection& redis) {
    end_all_waits(redis, keys);
    return true;
  });
}

std::uint64_t drop_ready(ReconnectingConnection& link, const Keys& keys, std::string_view pattern) {
  const std::vector<std::string> patterns = lua_patterns(pattern);
  const std::int64_t put = link.run([&](Connection& redis) { return put_so_far(redis, keys); });
  std::uint64_t dropped = 0;
  for (std::uint64_t chunk = kFirstChunk;;) {
    const Taken taken = link.run([&](Connection& redis) {
      return read_taken(
          run_script(redis, scripts::drop_ready, keys, {}, chunk, put, patterns).value());
    });
    if (taken.n == 0) return dropped;
    dropped += taken.dropped;
    // An equal item that is not leased loses no more than its attempt count.
    forget(link, keys, read_histories(link, keys, taken.hashes));
    chunk = taken.dropped_bytes > kChunkBytes ? kFirstChunk : std::min(2 * chunk, kLargestChunk);
  }
}

}  // namespace
}  // namespace internal

using internal::Connection;
using internal::ReconnectingConnection;

std::vector<Changed> Admin::retry(std::span<const std::string> items) {
  internal::check_number(items.size());
  return session_->link_to_change().run([&](Connection& redis) {
    return internal::retry_step(redis, session_->keys(), items, {.delayed = true, .dead = true});
  });
}

std::uint64_t Admin::retry_matching(std::string_view pattern, ItemState from) {
  internal::Which which{.delayed = from == ItemState::delayed, .dead = from == ItemState::dead};
  if (!which.delayed && !which.dead) {
    throw std::invalid_argument("only dead and delayed items can be retried");
  }
  ReconnectingConnection& link = session_->link_to_change();
  // Items that die again meanwhile are left alone. (A delayed item's time lies in the future.)
  if (which.dead) which.latest_ms = link.run(internal::server_ms);
  return internal::for_matching(
      link, internal::set_of(session_->keys(), from), pattern,
      [&](Connection& redis, std::span<const std::string> items) {
        return internal::done(internal::retry_step(redis, session_->keys(), items, which));
      });
}

std::vector<Changed> Admin::drop(std::span<const std::string> items, ItemState from) {
  internal::check_number(items.size());
  internal::check_droppable(from);
  std::vector<Changed> answers;
  const std::size_t most = from == ItemState::ready ? internal::kReadyAtOnce : items.size();
  while (!items.empty()) {
    const auto chunk = items.first(std::min(items.size(), most));
    items = items.subspan(chunk.size());
    const std::vector<Changed> some = session_->link_to_change().run([&](Connection& redis) {
      return internal::drop_step(redis, session_->keys(), chunk, from, std::nullopt);
    });
    answers.insert(answers.end(), some.begin(), some.end());
  }
  internal::tell_workers(session_->link(), session_->keys());
  return answers;
}

std::uint64_t Admin::drop_matching(std::string_view pattern, ItemState from) {
  internal::check_droppable(from);
  ReconnectingConnection& link = session_->link_to_change();
  std::uint64_t dropped = 0;
  if (from == ItemState::ready) {
    dropped = internal::drop_ready(link, session_->keys(), pattern);
  } else {
    std::optional<std::int64_t> latest_ms{};
    if (from == ItemState::dead) latest_ms = link.run(internal::server_ms);
    dropped = internal::for_matching(link, internal::set_of(session_->keys(), from), pattern,
                                     [&](Connection& redis, std::span<const std::string> items) {
                                       return internal::done(internal::drop_step(
                                           redis, session_->keys(), items, from, latest_ms));
                                     });
  }
  internal::tell_workers(link, session_->keys());
  return dropped;
}

}  // namespace wq
