#include <algorithm>
#include <array>
#include <iterator>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "admin/records.h"
#include "base/glob.h"
#include "base/printable.h"
#include "model/random/hashes.h"
#include "model/random/random_run.h"

namespace wq::test::random {
namespace {

using internal::CommandBuffer;
using internal::Key;
using internal::printable;
using internal::Reply;
using internal::Value;

constexpr std::array kStates{ItemState::ready, ItemState::leased, ItemState::delayed,
                             ItemState::dead};

std::string_view word_of(ItemState state) {
  constexpr std::array<std::string_view, 4> kWords{"ready", "leased", "delayed", "dead"};
  return kWords.at(static_cast<std::size_t>(state));
}

std::vector<std::int64_t> numbers(Value value) {
  std::vector<std::int64_t> all;
  for (std::size_t i = 0; i < value.size(); ++i) all.push_back(value[i].integer());
  return all;
}

// Texts and numbers alike.
std::string word(Value value) {
  return value.is_text() ? std::string(value.text()) : std::to_string(value.integer());
}

std::vector<std::string> words(Value value) {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < value.size(); ++i) all.push_back(word(value[i]));
  return all;
}

std::string latest_text(const std::optional<std::int64_t>& latest_ms) {
  return latest_ms ? std::to_string(*latest_ms) : "";
}

// A glob, and what it means.
struct Pattern {
  std::string_view glob;
  bool (*matches)(std::string_view);
};
constexpr std::array<Pattern, 7> kPatterns{{
    {"*", [](std::string_view) { return true; }},
    {"", [](std::string_view item) { return item.empty(); }},
    {"equal-*", [](std::string_view item) { return item.starts_with("equal-"); }},
    {"*-1?",
     [](std::string_view item) {
       return item.size() >= 3 && item.substr(item.size() - 3, 2) == "-1";
     }},
    {"item-*[05]",
     [](std::string_view item) {
       return item.size() > 5 && item.starts_with("item-") &&
              (item.ends_with('0') || item.ends_with('5'));
     }},
    {"*[^0-9]",
     [](std::string_view item) {
       return !item.empty() && (item.back() < '0' || item.back() > '9');
     }},
    // No item has a digit in front of its hyphen.
    {"*[0-9]*-*", [](std::string_view) { return false; }},
}};

}  // namespace

void RandomRun::pause() {
  const bool paused = one_in(4);
  note(paused ? "pause" : "resume");
  bool changed = false;
  if (paused) {
    changed = !redis_.command({"SET", keys_[Key::paused], "1", "NX"}).value().is_nil();
  } else {
    changed = redis_.command({"DEL", keys_[Key::paused]}).value().integer() == 1;
  }
  expect("pause", fmt::format("{}", changed), fmt::format("{}", model_.pause(paused)));
}

// Mostly of those that are there, and rather those of which somebody holds an equal one.
std::vector<std::string> RandomRun::items_to_change(ItemState from) {
  const std::vector<std::string> there = operator_.items(from);
  std::vector<std::string> items;
  std::vector<std::string> held;
  std::copy_if(there.begin(), there.end(), std::back_inserter(held),
               [this](const std::string& item) { return model_.lease_left_ms(item).has_value(); });
  for (std::size_t n = 1 + below(4); n > 0; --n) {
    const std::optional<std::string> leased = random_leased_item();
    if (!held.empty() && one_in(3)) {
      items.push_back(held[below(held.size())]);
    } else if (!there.empty() && !one_in(4)) {
      items.push_back(there[below(there.size())]);
    } else {
      items.push_back(leased && one_in(2) ? *leased : random_item());
    }
  }
  return items;
}

// As late as one of them, or a little earlier.
std::optional<std::int64_t> RandomRun::random_latest_ms(ItemState from) {
  const std::vector<std::int64_t> times_ms = operator_.times_ms(from);
  if (times_ms.empty() || one_in(2)) return std::nullopt;
  return times_ms[below(times_ms.size())] - between(0, 1);
}

void RandomRun::retry() {
  const ItemState from = one_in(3) ? ItemState::delayed : ItemState::dead;
  const bool both = one_in(3);
  const OperatorModel::Which which{.delayed = both || from == ItemState::delayed,
                                   .dead = both || from == ItemState::dead,
                                   .latest_ms = random_latest_ms(from)};
  const ItemState other = from == ItemState::dead ? ItemState::delayed : ItemState::dead;
  const std::vector<std::string> items = items_to_change(one_in(4) ? other : from);
  note(fmt::format("retry {}of {}{}{}", text_of(items), both ? "delayed and dead" : word_of(from),
                   which.latest_ms ? " until " : "", latest_text(which.latest_ms)));
  CommandBuffer call;
  internal::begin_call(call, internal::scripts::retry, keys_, items.size(), 3 + items.size());
  for (const std::string& item : items) call.arg(keys_.lease_prefix(), hash_of(item));
  call.arg(latest_text(which.latest_ms));
  call.arg(which.delayed ? "1" : "0");
  call.arg(which.dead ? "1" : "0");
  for (const std::string& item : items) call.arg(item);
  const Reply reply = redis_.run(internal::scripts::retry, call);
  expect("retry", fmt::format("{}", numbers(reply.value())),
         fmt::format("{}", operator_.retry(items, which)));
}

void RandomRun::drop() {
  constexpr std::array kFrom{ItemState::ready, ItemState::delayed, ItemState::dead};
  const ItemState from = kFrom.at(below(kFrom.size()));
  const std::vector<std::string> items = items_to_change(from);
  const std::optional<std::int64_t> latest_ms = random_latest_ms(from);
  note(fmt::format("drop {}of {}{}{}", text_of(items), word_of(from), latest_ms ? " until " : "",
                   latest_text(latest_ms)));
  CommandBuffer call;
  internal::begin_call(call, internal::scripts::drop, keys_, items.size(), 2 + items.size());
  for (const std::string& item : items) call.arg(keys_.lease_prefix(), hash_of(item));
  call.arg(word_of(from));
  call.arg(latest_text(latest_ms));
  for (const std::string& item : items) call.arg(item);
  const Reply reply = redis_.run(internal::scripts::drop, call);
  expect("drop", fmt::format("{}", numbers(reply.value())),
         fmt::format("{}", operator_.drop(items, from, latest_ms)));
}

// A walk through ready, at once or step by step with others at work in between.
void RandomRun::drop_ready() {
  const bool whole = !walk_ && one_in(2);
  if (!walk_) {
    walk_ = Walk{below(kPatterns.size()), operator_.put()};
  }
  std::deque<std::string> kept = model_.ready();
  std::erase_if(kept, kPatterns.at(walk_->pattern).matches);
  do {
    walk_step();
  } while (whole && walk_);
  if (whole && model_.ready() != kept) fail("ready stands in another order");
}

void RandomRun::walk_step() {
  const Pattern& pattern = kPatterns.at(walk_->pattern);
  const std::vector<std::string> lua = internal::lua_patterns(pattern.glob);
  const auto n = static_cast<std::int64_t>(1 + below(20));
  note(fmt::format("drop {} from {} of ready, behind what was put there after {}",
                   printable(pattern.glob), n, walk_->put));
  CommandBuffer call;
  internal::begin_call(call, internal::scripts::drop_ready, keys_, 0, 2 + lua.size());
  call.arg(n);
  call.arg(walk_->put);
  for (const std::string& each : lua) call.arg(each);
  const Reply reply = redis_.run(internal::scripts::drop_ready, call);
  const OperatorModel::Dropped expected = operator_.drop_ready(walk_->put, n, pattern.matches);
  expect("drop_ready",
         fmt::format("{} {}", reply.value()[0].integer(), text_of(texts(reply.value()[1]))),
         fmt::format("{} {}", expected.taken, text_of(expected.items)));
  if (expected.taken == 0) walk_.reset();
}

void RandomRun::purge() {
  if (one_in(2)) return;
  for (int i = 0; i < 4; ++i) {
    lease();  // also what was popped last
    isolate();
  }
  const std::vector<std::string> sessions =
      texts(redis_.command({"ZRANGE", keys_[Key::replays], "0", "-1"}).value());
  if (one_in(2) && !sessions.empty()) {
    // One has begun or ended meanwhile, or both.
    std::vector<std::string> old = sessions;
    const std::size_t which = below(4);
    if (which != 0) old.pop_back();
    if (which != 1) old.push_back(random_name());
    purge_with(old);
  }
  purge_with(sessions);
  if (one_in(2)) purge_leases();
  for (int i = 0; i < 3; ++i) {
    push();
    push_again();
    touch();
  }
  for (Producer& producer : producers_) {
    if (one_in(3)) open_session(producer, one_in(2));  // a request of before, sent again
    if (one_in(8)) continue;                           // it goes on
    producer = Producer{random_name(), between(1, 60) * 1'000, 1, 0, {}};
    open_session(producer, false);
  }
}

void RandomRun::purge_with(const std::vector<std::string>& sessions) {
  note(fmt::format("purge, with sessions {}", text_of(sessions)));
  CommandBuffer call;
  internal::begin_call(call, internal::scripts::purge, keys_, sessions.size(), sessions.size());
  for (const std::string& session : sessions) call.arg(keys_.replay(session));
  for (const std::string& session : sessions) call.arg(session);
  const Reply reply = redis_.run(internal::scripts::purge, call);
  const std::optional<OperatorModel::Purged> expected = operator_.purge(sessions);
  const Value got = reply.value();
  expect("purge",
         got.size() == 0 ? "no"
                         : fmt::format("{} {} {} {}", got[0].text(), got[1].integer(),
                                       got[2].integer(), text_of(internal::read_counts(got[3]))),
         expected ? fmt::format("{} {} {} {}", expected->fence, expected->keys, expected->results,
                                text_of(expected->counts))
                  : "no");
  if (expected) purged_fence_ = expected->fence;
}

// At once, or later: then there are new ones.
void RandomRun::purge_leases() {
  if (purged_fence_.empty()) return;
  std::vector<std::string> hashes;
  for (const OperatorModel::Seen& each : operator_.leases()) {
    if (!one_in(4)) hashes.push_back(each.hash);
  }
  if (hashes.empty()) return;
  note(fmt::format("purge leases up to {}", purged_fence_));
  CommandBuffer call;
  internal::begin_call(call, internal::scripts::purge_leases, keys_, hashes.size(), 1);
  for (const std::string& hash : hashes) call.arg(keys_.lease_prefix(), hash);
  call.arg(purged_fence_);
  const Reply reply = redis_.run(internal::scripts::purge_leases, call);
  expect("purge_leases", std::to_string(reply.value().integer()),
         std::to_string(operator_.purge_leases(hashes, purged_fence_)));
}

void RandomRun::end_strays() {
  const std::vector<OperatorModel::Seen> leases = operator_.leases();
  if (leases.empty()) return;
  if (one_in(3)) {
    // To the millisecond at which one runs out, or next to it.
    const std::int64_t end_ms =
        leases[below(leases.size())].expires_ms - internal::kLeaseTail.count() + between(-1, 1);
    if (end_ms > model_.now_ms() && end_ms < model_.now_ms() + 60'000) {
      advance(end_ms - model_.now_ms());
    }
  }
  std::vector<OperatorModel::Seen> strays;
  for (std::size_t n = 1 + below(20); n > 0; --n) {
    strays.push_back(leases[below(leases.size())]);
    if (one_in(4)) strays.back().holder += one_in(2) ? '0' : '!';
  }
  end_leases(strays);
}

void RandomRun::end_leases(const std::vector<OperatorModel::Seen>& strays) {
  const std::int64_t tail_ms = internal::kLeaseTail.count();
  note(fmt::format("end {} strays", strays.size()));
  CommandBuffer call;
  internal::begin_call(call, internal::scripts::end_strays, keys_, strays.size(),
                       1 + strays.size());
  for (const OperatorModel::Seen& each : strays) call.arg(keys_.lease_prefix(), each.hash);
  call.arg(tail_ms);
  for (const OperatorModel::Seen& each : strays) call.arg(each.holder);
  const Reply reply = redis_.run(internal::scripts::end_strays, call);
  expect("end_strays", std::to_string(reply.value().integer()),
         std::to_string(operator_.end_strays(strays, tail_ms)));
}

void RandomRun::forget() {
  std::vector<OperatorModel::Record> records;
  for (OperatorModel::Record& each : operator_.records()) {
    if (records.size() == 4) break;
    if (one_in(4)) each.values.at(below(each.values.size())) += '1';
    if (one_in(4)) records.push_back(std::move(each));
  }
  if (records.empty()) return;
  note(fmt::format("forget {} records", records.size()));
  CommandBuffer call;
  internal::begin_call(call, internal::scripts::forget, keys_, records.size(), 4 * records.size());
  for (const OperatorModel::Record& each : records) call.arg(keys_.lease_prefix(), each.hash);
  for (const OperatorModel::Record& each : records) {
    for (const std::string& value : each.values) call.arg(value);
  }
  const Reply reply = redis_.run(internal::scripts::forget, call);
  expect("forget", std::to_string(reply.value().integer()),
         std::to_string(operator_.forget(records)));
}

// The first, or the one behind the last; a while may lie in between.
void RandomRun::page() {
  const ItemState state = kStates.at(below(kStates.size()));
  const std::size_t n = 1 + below(8);
  std::optional<OperatorModel::Place> after;
  if (const auto place = places_.find(state); place != places_.end() && !one_in(4)) {
    after = place->second;
    // The last one is gone meanwhile, or has another time.
    if (state != ItemState::ready && one_in(3)) after->second = items_to_change(state)[0];
  }
  note(fmt::format("{} {}{}", n, word_of(state),
                   after ? " behind " + after->first + ' ' + printable(after->second) : ""));
  CommandBuffer call;
  internal::begin_call(call, internal::scripts::page, keys_, 0, after ? 4 : 2);
  call.arg(word_of(state));
  call.arg(n);
  if (after) {
    call.arg(after->first);
    call.arg(after->second);
  }
  const Reply reply = redis_.run(internal::scripts::page, call);
  const OperatorModel::Page expected = operator_.page(state, n, after);
  const bool more = reply.value().size() > 1;
  expect("page",
         fmt::format("{}{}", text_of(texts(reply.value()[0])),
                     more ? words(reply.value()[1]) : std::vector<std::string>{}),
         fmt::format("{}{}", text_of(expected.items), expected.behind));
  places_.erase(state);
  if (state == ItemState::ready && expected.behind[0] != "-1") {
    places_[state] = {expected.behind[0], expected.behind[1]};
  } else if (state == ItemState::leased && !expected.items.empty()) {
    const std::size_t seen = after ? std::stoul(after->first) : 0;
    places_[state] = {std::to_string(seen + expected.items.size()), ""};
  } else if (state != ItemState::ready && !expected.items.empty()) {
    places_[state] = {expected.behind.back(), expected.items.back()};
  }
}

void RandomRun::find() {
  const std::string item = items_to_look_at()[0];
  const std::size_t length = one_in(2) ? model_.ready().size() : model_.processing().size();
  const std::size_t most = one_in(2) ? length : below(20);
  note(fmt::format("find {} among {}", printable(item), most));
  CommandBuffer call;
  internal::begin_call(call, internal::scripts::find, keys_, 1, 2);
  call.arg(keys_.lease_prefix(), hash_of(item));
  call.arg(item);
  call.arg(most);
  const Reply reply = redis_.run(internal::scripts::find, call);
  std::string got;
  for (std::size_t i = 0; i < reply.value().size(); ++i) {
    got += (reply.value()[i].is_nil() ? "nil" : word(reply.value()[i])) + ' ';
  }
  std::string expected;
  for (const auto& each : operator_.find(item, most)) expected += each.value_or("nil") + ' ';
  expect("find", got, expected);
  if (!reply.value()[4].is_nil()) read_lease(reply.value()[4].text(), reply.value()[5].integer());
}

// What the library takes the lease for that `find` has found.
void RandomRun::read_lease(std::string_view holder, std::int64_t left_ms) {
  ItemInfo info;
  internal::read_lease(holder, left_ms, info);
  if (holder.find('#') == std::string_view::npos) {
    expect("holder", info.holder, std::string(holder));
  } else {
    expect("holder", internal::holder(info.holder, info.fence, holder.ends_with('!')),
           std::string(holder));
  }
}

void RandomRun::last_due() {
  note("last due");
  CommandBuffer call;
  internal::begin_call(call, internal::scripts::last_due, keys_, 0, 0);
  const Reply reply = redis_.run(internal::scripts::last_due, call);
  expect("last_due", std::to_string(reply.value().integer()), std::to_string(operator_.last_due()));
}

}  // namespace wq::test::random
