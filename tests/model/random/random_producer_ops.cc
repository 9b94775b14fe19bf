#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/printable.h"
#include "base/whole_number.h"
#include "model/random/hashes.h"
#include "model/random/random_run.h"

namespace wq::test::random {
namespace {

using internal::CommandBuffer;
using internal::Key;
using internal::Reply;
using internal::Value;

std::string text_of(const std::vector<QueueModel::Push::Item>& items) {
  std::string text;
  for (const QueueModel::Push::Item& each : items) {
    text += internal::printable(each.item) + ' ';
    if (each.once_key) text += fmt::format("once {} ", internal::printable(*each.once_key));
    if (each.delay_ms > 0) text += fmt::format("in {} ms ", each.delay_ms);
  }
  return text;
}

template <typename Argument>
CommandBuffer call_of(const internal::Script& script, const internal::Keys& keys,
                      std::initializer_list<std::string_view> more, const Argument& argument) {
  CommandBuffer call;
  internal::append_call(call, script, keys, more, argument);
  return call;
}

std::string answer_text(Value answer) {
  return answer.is_text() ? std::string(answer.text()) : std::to_string(answer.integer());
}

}  // namespace

void RandomRun::open() {
  Producer& producer = random_producer();
  if (one_in(2)) {
    producer = Producer{random_name(), between(1, 60) * 1'000, 1, 0, {}};
  }
  open_session(producer, one_in(2));
}

void RandomRun::open_session(const Producer& producer, bool unless_drained) {
  note(fmt::format("open {} for {} ms{}", producer.session, producer.hold_ms,
                   unless_drained ? " unless drained" : ""));
  CommandBuffer call;
  const auto who = one_in(3) ? std::nullopt : std::optional<std::string>(random_name());
  internal::begin_call(call, internal::scripts::open, keys_, 1, who ? 4 : 3);
  call.arg(keys_.replay(producer.session));
  call.arg(producer.session);
  call.arg(producer.hold_ms);
  call.arg(unless_drained ? "1" : "0");
  if (who) call.arg(*who);
  const Reply reply = redis_.run(internal::scripts::open, call);
  expect("open", std::string(reply.value().text()),
         model_.open(producer.session, producer.hold_ms, unless_drained, who));
}

std::string RandomRun::carry_out_push(const QueueModel::Push& push) {
  const auto& items = push.items;
  const bool once =
      std::ranges::any_of(items, [](const auto& x) { return x.once_key.has_value(); });
  const bool waits = std::ranges::any_of(items, [](const auto& x) { return x.delay_ms > 0; });
  // Both ways in which items come to Redis, however many they are.
  const bool transaction = !once && !waits && items.size() > 1 && one_in(2);
  note(fmt::format("push {} of {}{}: {}", push.number, push.session,
                   transaction ? " in a transaction" : "", text_of(items)));
  const std::size_t n = items.size();
  const std::size_t called = transaction ? 1 : n;
  CommandBuffer call;
  if (transaction) call.command({"MULTI"});
  internal::begin_call(call, internal::scripts::push, keys_, 2,
                       10 + called + (once ? n : 0) + (waits ? n : 0));
  call.arg(keys_.replay(push.session));
  call.arg(keys_.pushing(push.session));
  call.arg(push.session);
  call.arg(push.number);
  call.arg(push.after);
  call.arg(push.answered);
  call.arg(push.hold_ms);
  call.arg(push.queue_id);
  call.arg(once ? "1" : "0");
  call.arg(n - called);
  call.arg(waits ? "1" : "0");
  call.arg(push.again ? "1" : "0");
  for (std::size_t i = 0; i < called; ++i) call.arg(items[i].item);
  for (std::size_t i = 0; once && i < n; ++i) {
    call.arg(items[i].once_key ? raw_hash(*items[i].once_key) : "");
  }
  for (std::size_t i = 0; waits && i < n; ++i) call.arg(items[i].delay_ms);
  const std::string answer = transaction
                                 ? finish_transaction(call, push)
                                 : answer_text(redis_.run(internal::scripts::push, call).value());
  expect("push", answer, model_.push(push));
  return answer;
}

// What follows the call of the script, and the script's answer.
std::string RandomRun::finish_transaction(CommandBuffer& call, const QueueModel::Push& push) {
  const std::string pushing = keys_.pushing(push.session);
  call.begin(1 + push.items.size());
  call.arg("LPUSHX");
  call.arg(pushing);
  for (std::size_t i = 1; i < push.items.size(); ++i) call.arg(push.items[i].item);
  call.command({"RENAMENX", pushing, keys_[Key::ready]});
  call.command({"EXEC"});
  for (;;) {
    redis_.send(call);
    for (std::size_t i = 1; i < call.size(); ++i) redis_.receive().checked();
    const Reply executed = redis_.receive();
    const Value answer = executed.checked().value()[0];
    if (!answer.is_error()) return answer_text(answer);
    if (!answer.text().starts_with("NOSCRIPT")) answer.checked();
    redis_.load(internal::scripts::push);
  }
}

void RandomRun::push() {
  if (!wants_items()) return;
  Producer& producer = random_producer();
  // The usual pushes have no terms, the same for all items, or of each item its own.
  const bool once = one_in(3);
  const bool waits = one_in(4);
  const bool mixed = one_in(2);
  // What is known may also come late, from the buffer of an old connection.
  const std::int64_t answered = one_in(6) ? between(0, producer.answered) : producer.answered;
  QueueModel::Push push{.session = producer.session,
                        .number = producer.next_number++,
                        .after = one_in(8) ? producer.next_number - 2 : producer.last,
                        .answered = answered,
                        .hold_ms = producer.hold_ms,
                        .queue_id = random_name(),
                        .items = {},
                        .again = one_in(6)};
  for (std::string& item : random_items(1 + below(12))) {
    QueueModel::Push::Item each{std::move(item)};
    if (once && !(mixed && one_in(2))) each.once_key = one_in(4) ? random_item() : each.item;
    if (waits && !(mixed && one_in(2))) each.delay_ms = between(1, 100'000);
    push.items.push_back(std::move(each));
  }
  const std::string answer = carry_out_push(push);
  if (internal::whole_number<int>(answer)) producer.last = push.number;
  producer.sent.push_back(std::move(push));
  // Two are under way at a time; the answer to the one before them is known.
  while (producer.sent.size() > 2) {
    producer.answered = producer.sent.front().number;
    producer.sent.pop_front();
  }
}

// Its answer was lost; or it is one of long ago, from the buffer of an old connection.
void RandomRun::push_again() {
  Producer& producer = random_producer();
  if (producer.sent.empty()) return;
  QueueModel::Push again = producer.sent[below(producer.sent.size())];
  if (one_in(4) && again.number > 1) again.number = between(1, again.number - 1);
  again.answered = std::min(producer.answered, again.number - 1);
  again.after = std::min(again.after, again.number - 1);
  carry_out_push(again);
}

void RandomRun::touch() {
  const Producer& producer = random_producer();
  const std::int64_t answered = one_in(4) ? producer.next_number : producer.answered;
  note(fmt::format("touch {} after {}", producer.session, answered));
  CommandBuffer call;
  internal::begin_call(call, internal::scripts::touch, keys_, 1, 3);
  call.arg(keys_.replay(producer.session));
  call.arg(producer.session);
  call.arg(producer.hold_ms);
  call.arg(answered);
  const Reply reply = redis_.run(internal::scripts::touch, call);
  expect("touch", std::string(reply.value().text()),
         model_.touch(producer.session, producer.hold_ms, answered));
}

void RandomRun::ask_how_far() {
  const Producer& producer = random_producer();
  note("how far is " + producer.session);
  const Reply reply = redis_.run(internal::scripts::replayed,
                                 call_of(internal::scripts::replayed, keys_,
                                         {keys_.replay(producer.session)}, producer.session));
  const Value answer = reply.value();
  std::string said = answer.is_text() ? std::string(answer.text()) : "";
  if (answer.is_array() && answer.size() == 2) {
    said = fmt::format("{} {}", answer[0].integer(), answer[1].integer());
  }
  expect("replayed", said, model_.replayed(producer.session));
}

// Somebody has seen more than there is.
void RandomRun::lose_items() {
  const Counts now = model_.counts();
  const std::string id = one_in(3) ? "" : one_in(4) ? random_name() : now.id;
  const std::int64_t pushed = static_cast<std::int64_t>(now.pushed) + between(-2, 3);
  const std::int64_t lost = static_cast<std::int64_t>(now.lost) + between(-2, 2);
  note(fmt::format("lost: {} were pushed, {} are lost", pushed, lost));
  CommandBuffer call;
  internal::append_call(call, internal::scripts::lost, keys_, {}, id,
                        std::max<std::int64_t>(pushed, 0), std::max<std::int64_t>(lost, 0));
  const Reply reply = redis_.run(internal::scripts::lost, call);
  expect("lost", std::to_string(reply.value().integer()),
         std::to_string(
             model_.lose(id, std::max<std::int64_t>(pushed, 0), std::max<std::int64_t>(lost, 0))));
}

void RandomRun::forget_lost() {
  const std::int64_t most = between(0, 5);
  note(fmt::format("forget {} of the lost", most));
  const Reply reply = redis_.run(internal::scripts::forget_lost,
                                 call_of(internal::scripts::forget_lost, keys_, {}, most));
  expect("forget_lost", std::to_string(reply.value().integer()),
         std::to_string(model_.forget_lost(most)));
}

void RandomRun::close() {
  const Producer& producer = random_producer();
  const bool any = one_in(2);
  const std::int64_t until_ms = model_.now_ms() - between(0, 100);
  note(fmt::format("close {}", producer.session));
  CommandBuffer call;
  internal::begin_call(call, internal::scripts::close, keys_, 1, 2);
  call.arg(keys_.replay(producer.session));
  call.arg(producer.session);
  call.arg(any ? "" : std::to_string(until_ms));
  const Reply reply = redis_.run(internal::scripts::close, call);
  expect(
      "close", std::to_string(reply.value().integer()),
      std::to_string(model_.close(producer.session, any ? std::nullopt : std::optional(until_ms))));
}

void RandomRun::register_queue() {
  const std::string name = one_in(2) ? keys_.queue() : one_in(2) ? "other" : "third";
  note(fmt::format("register {}", name));
  // An expiry that somebody set ends with it.
  if (one_in(4)) redis_.command({"PEXPIRE", internal::kRegistryKey, "1000"});
  const Reply reply =
      redis_.run(internal::scripts::register_queue,
                 call_of(internal::scripts::register_queue, keys_, {internal::kRegistryKey}, name));
  expect("register_queue", std::to_string(reply.value().integer()),
         std::to_string(model_.register_queue(name)));
}

// Those that were seen, of which some were registered again since.
void RandomRun::forget_queues() {
  std::vector<QueueModel::Registry::value_type> seen;
  for (const auto& [name, ms] : model_.registry()) {
    if (!one_in(4)) seen.emplace_back(name, one_in(3) ? ms - between(-1, 1) : ms);
  }
  if (one_in(3)) seen.emplace_back("unknown", model_.now_ms());
  std::vector<std::string> words;
  for (const auto& [name, ms] : seen) {
    words.push_back(name);
    words.push_back(std::to_string(ms));
  }
  note(fmt::format("forget the queues {}", text_of(words)));
  const Reply reply =
      redis_.run(internal::scripts::forget_queues,
                 call_of(internal::scripts::forget_queues, keys_, {internal::kRegistryKey}, words));
  expect("forget_queues", std::to_string(reply.value().integer()),
         std::to_string(model_.forget_queues(seen)));
}

void RandomRun::forget_session() {
  const Producer& producer = random_producer();
  note("Redis forgets session " + producer.session);
  redis_.command({"DEL", keys_.replay(producer.session)});
  model_.forget_session(producer.session);
}

}  // namespace wq::test::random
