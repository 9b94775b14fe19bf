#include "admin/look.h"

#include <algorithm>
#include <array>
#include <map>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "admin/admin_connection.h"
#include "admin/records.h"
#include "queue/attempts.h"
#include "script/script.h"

namespace wq::internal {
namespace {

// Less than 20 MiB of them.
constexpr std::size_t kCallsInPage = 20;

constexpr std::array<std::string_view, 4> kWords{"ready", "leased", "delayed", "dead"};

void append_lookup(CommandBuffer& out, const Keys& keys, std::span<const ItemHash> hashes) {
  for (const Key key : {Key::attempts, Key::crashes, Key::failures}) {
    out.begin(2 + hashes.size());
    out.arg("HMGET");
    out.arg(keys[key]);
    for (const ItemHash& hash : hashes) out.arg(text(hash));
  }
}

std::uint32_t attempts(Value value) {
  constexpr std::uint64_t kMost = 1'000'000'000;
  if (value.is_nil()) return 0;
  return static_cast<std::uint32_t>(std::min(read_number(value.text()), kMost));
}

void label_holders(Connection& redis, const Keys& keys, std::span<ItemInfo> items) {
  std::map<std::string, std::string> labels;
  for (WorkerInfo& worker : read_workers(redis, keys)) {
    labels.emplace(std::move(worker.session), std::move(worker.label));
  }
  for (ItemInfo& item : items) {
    const auto label = labels.find(item.holder);
    if (label != labels.end()) item.worker = label->second;
  }
}

// Fields that a page does not contain.
void complete_items(Connection& redis, const Keys& keys, ItemState state,
                    std::vector<ItemInfo>& items) {
  if (items.empty()) return;
  std::vector<ItemHash> hashes;
  for (const ItemInfo& item : items) hashes.push_back(hash_item(item.item));
  CommandBuffer ask;
  append_lookup(ask, keys, hashes);
  const bool leased = state == ItemState::leased;
  if (leased) {
    for (const ItemHash& hash : hashes) {
      ask.command({"MGET", keys.lease(hash)});
      ask.command({"PTTL", keys.lease(hash)});
    }
  }
  redis.send(ask);
  const Reply failures = redis.receive();
  const Reply crashes = redis.receive();
  const Reply last = redis.receive();
  for (std::size_t i = 0; i < items.size(); ++i) {
    items[i].failures = attempts(failures.checked().value()[i]);
    items[i].crashes = attempts(crashes.checked().value()[i]);
    const Value failure = last.checked().value()[i];
    if (!failure.is_nil()) read_failure(failure.text(), items[i]);
  }
  if (!leased) return;
  for (ItemInfo& item : items) {
    const Reply holder = redis.receive();
    const Reply left = redis.receive();
    const Value value = holder.checked().value()[0];
    if (!value.is_nil()) read_lease(value.text(), left.checked().value().integer(), item);
  }
  label_holders(redis, keys, items);
}

// How `next` of a page is written: the state and two values that may hold any bytes.
struct Place {
  std::string first;
  std::string second;
};

std::string place_text(ItemState state, const Place& place) {
  std::string line = fmt::format("{}:{}:", word_of(state), place.first);
  for (const char c : place.second) {
    line += fmt::format(FMT_STRING("{:02x}"), static_cast<unsigned char>(c));
  }
  return line;
}

// Throws `std::invalid_argument` for anything else and for the place in a list of another state.
Place read_place(ItemState state, std::string_view text) {
  const auto refuse = [text, state] {
    throw std::invalid_argument(fmt::format("'{}' is no place in the list of {} items",
                                            text.substr(0, 80), word_of(state)));
  };
  const std::size_t end_of_state = text.find(':');
  const std::size_t end = text.rfind(':');
  if (text.substr(0, end_of_state) != word_of(state) || end == end_of_state) refuse();
  const std::string_view first = text.substr(end_of_state + 1, end - end_of_state - 1);
  const std::string_view digits = text.substr(end + 1);
  if (first.empty() || first.find_first_not_of("0123456789.e+-") != std::string_view::npos ||
      digits.size() % 2 != 0) {
    refuse();
  }
  Place place{std::string(first), ""};
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    int byte = 0;
    for (const char c : digits.substr(i, 2)) {
      const std::size_t value = std::string_view("0123456789abcdef").find(c);
      if (value == std::string_view::npos) refuse();
      byte = byte * 16 + static_cast<int>(value);
    }
    place.second += static_cast<char>(byte);
  }
  const bool by_number = state == ItemState::ready || state == ItemState::leased;
  constexpr std::uint64_t kNone = ~std::uint64_t{0};
  if (by_number && read_number(place.first, kNone) == kNone) refuse();
  if (state == ItemState::ready && read_number(place.second, kNone) == kNone) refuse();
  return place;
}

std::string next_place(ItemState state, std::string_view after, std::size_t n, Value answer,
                       const std::vector<ItemInfo>& items) {
  switch (state) {
    case ItemState::ready: {
      const Value place = answer[1];
      if (place[0].integer() < 0) return {};
      return place_text(state,
                        {std::to_string(place[0].integer()), std::to_string(place[1].integer())});
    }
    case ItemState::leased: {
      if (items.size() < n) return {};
      const std::uint64_t seen = after.empty() ? 0 : read_number(read_place(state, after).first);
      return place_text(state, {std::to_string(seen + items.size()), ""});
    }
    case ItemState::delayed:
    case ItemState::dead: {
      if (items.size() < n) return {};
      return place_text(state,
                        {std::string(answer[1][items.size() - 1].text()), items.back().item});
    }
  }
  return {};
}

void set_time(ItemInfo& item, std::string_view score) {
  (item.state == ItemState::dead ? item.died : item.due) = read_score(score);
}

AttemptPage list_attempts(Connection& redis, const Keys& keys, std::string_view after) {
  const Reply reply =
      redis.call({"XRANGE", keys[Key::history], after.empty() ? "-" : "(" + std::string(after), "+",
                  "COUNT", std::to_string(kCallsInPage)});
  AttemptPage page;
  for (std::size_t i = 0; i < reply.value().size(); ++i) {
    const Value entry = reply.value()[i];
    std::map<std::string_view, std::string_view> fields;
    for (std::size_t f = 0; f + 1 < entry[1].size(); f += 2) {
      fields.emplace(entry[1][f].text(), entry[1][f + 1].text());
    }
    std::vector<Attempt> attempts = read_recorded(fields["tries"], fields["lost"]);
    std::move(attempts.begin(), attempts.end(), std::back_inserter(page.attempts));
    page.next = entry[0].text();
  }
  if (reply.value().size() < kCallsInPage) page.next.clear();
  return page;
}

Inspection inspect_item(Connection& redis, const Keys& keys, std::string_view item,
                        std::size_t max_scan) {
  const Reply reply =
      run_script(redis, scripts::find, keys, {keys.lease(hash_item(item))}, item, max_scan);
  const Value answer = reply.value();

  ItemInfo known;
  known.item = item;
  known.failures = attempts(answer[6]);
  known.crashes = attempts(answer[7]);
  if (!answer[8].is_nil()) read_failure(answer[8].text(), known);
  Inspection inspection;
  inspection.complete = answer[9].integer() == 0;
  const auto add = [&](ItemState state) -> ItemInfo& {
    ItemInfo& found = inspection.found.emplace_back(known);
    found.state = state;
    return found;
  };
  if (answer[0].integer() != 0) add(ItemState::ready);
  const bool held = !answer[4].is_nil();
  if (answer[1].integer() != 0 || (held && !inspection.complete)) {
    ItemInfo& leased = add(ItemState::leased);
    if (held) read_lease(answer[4].text(), answer[5].integer(), leased);
  }
  if (!answer[2].is_nil()) set_time(add(ItemState::delayed), answer[2].text());
  if (!answer[3].is_nil()) set_time(add(ItemState::dead), answer[3].text());
  label_holders(redis, keys, inspection.found);
  return inspection;
}

}  // namespace

std::int64_t server_ms(Connection& redis) { return redis.call({"TIME"}).value().time_ms(); }

void check_number(std::size_t n) {
  if (n == 0 || n > Admin::kMaxItems) {
    throw std::invalid_argument(
        fmt::format("1 to {} items at a time, not {}", Admin::kMaxItems, n));
  }
}

std::string_view word_of(ItemState state) { return kWords.at(static_cast<std::size_t>(state)); }

ItemPage list_items(Connection& redis, const Keys& keys, ItemState state, std::string_view after,
                    std::size_t n) {
  std::vector<std::string> from;
  if (!after.empty()) {
    Place place = read_place(state, after);
    from = {std::move(place.first), std::move(place.second)};
  }
  ItemPage page;
  {
    const Reply reply = run_script(redis, scripts::page, keys, {}, word_of(state), n, from);
    const Value answer = reply.value();
    for (std::size_t i = 0; i < answer[0].size(); ++i) {
      ItemInfo& item = page.items.emplace_back();
      item.item = answer[0][i].text();
      item.state = state;
      if (state == ItemState::delayed || state == ItemState::dead) {
        set_time(item, answer[1][i].text());
      }
    }
    page.next = next_place(state, after, n, answer, page.items);
  }
  complete_items(redis, keys, state, page.items);
  return page;
}

}  // namespace wq::internal

namespace wq {

using internal::Connection;

ItemPage Admin::list(ItemState state, std::string_view after, std::size_t n) {
  internal::check_number(n);
  return session_->link().run([&](Connection& redis) {
    return internal::list_items(redis, session_->keys(), state, after, n);
  });
}

AttemptPage Admin::attempts(std::string_view after) {
  return session_->link().run(
      [&](Connection& redis) { return internal::list_attempts(redis, session_->keys(), after); });
}

Inspection Admin::inspect(std::string_view item, std::size_t max_scan) {
  return session_->link().run([&](Connection& redis) {
    return internal::inspect_item(redis, session_->keys(), item, max_scan);
  });
}

}  // namespace wq
