#include "model/search/stages_model.h"

#include <algorithm>

#include <fmt/format.h>

#include "model/search/bits.h"

namespace wq::test::search {
namespace {

using Queue = StageState::Queue;

template <typename Field, typename AnyState>
void code_stages(Field& field, AnyState& state) {
  for (auto& queue : state.queues) {
    field(queue.begun, 1);
    field(queue.ready, 3);
    field(queue.leased, 3);
    field(queue.unpushed, 3);
    field(queue.started, 1);
    field(queue.ended, 1);
    field(queue.found_empty, 1);
    field(queue.has_edge, 1);
    field(queue.knew_it_begun, 1);
  }
  field(state.to_come, 3);
  field(state.follow_ups, 3);
  field(state.crashes, 3);
  field(state.purges, 3);
}

}  // namespace

StageModel::Code StageModel::encode(const StageState& state) {
  BitWriter<Code> writer;
  code_stages(writer, state);
  return writer.code;
}

StageState StageModel::decode(const Code& code) {
  StageState state;
  BitReader<Code> reader(code);
  code_stages(reader, state);
  return state;
}

StageModel::Code StageModel::first() const {
  StageState state;
  state.queues[0].begun = !bounds_.late_push;
  (bounds_.late_push ? state.to_come : state.queues[0].ready) = bounds_.items;
  state.follow_ups = bounds_.follow_ups;
  state.crashes = bounds_.crashes;
  state.purges = bounds_.purges;
  return encode(state);
}

bool StageModel::is_end(const Code& code) const {
  const StageState state = decode(code);
  return std::all_of(state.queues.begin(), state.queues.begin() + static_cast<int>(count()),
                     [](const Queue& queue) { return queue.ended; });
}

const std::vector<StageModel::Successor>& StageModel::successors(const Code& code) const {
  successors_.clear();
  const StageState from = decode(code);
  for (std::size_t queue = 0; queue < count(); ++queue) {
    start(from, queue);
    lease(from, queue);
    settle(from, queue);
    push_late(from, queue);
    look(from, queue);
  }
  begin(from);
  purge(from);
  return successors_;
}

void StageModel::emit(const StageState& next, std::string_view text, std::size_t queue) const {
  successors_.push_back({text, queue, next});
}

void StageModel::begin(const StageState& from) const {
  if (from.to_come == 0) return;
  StageState next = from;
  next.queues[0].begun = true;
  next.queues[0].ready = from.to_come;
  next.to_come = 0;
  const bool some_ended = std::any_of(from.queues.begin(), from.queues.end(),
                                      [](const Queue& each) { return each.ended; });
  if (some_ended) next.violation = "a worker ends before its queue is drained";
  emit(next, "the items of queue {} are pushed", 0);
}

void StageModel::start(const StageState& from, std::size_t queue) const {
  if (from.queues[queue].started) return;
  StageState next = from;
  next.queues[queue].started = true;
  if (feeds(queue) && rules_.edge_comes_first) {
    next.queues[after(queue)].has_edge = true;
    next.queues[after(queue)].knew_it_begun |= from.queues[queue].begun;
  }
  emit(next, "the worker of queue {} starts", queue);
}

void StageModel::lease(const StageState& from, std::size_t queue) const {
  const bool all_have_started =
      std::all_of(from.queues.begin(), from.queues.begin() + static_cast<int>(count()),
                  [](const Queue& each) { return each.started; });
  const Queue& of = from.queues[queue];
  if (!of.started || of.ended || of.ready == 0 || (bounds_.circle && !all_have_started)) return;
  StageState next = from;
  --next.queues[queue].ready;
  ++next.queues[queue].leased;
  emit(next, "the worker of queue {} leases an item", queue);
}

// settle.lua
void StageModel::push(StageState& state, std::size_t from) const {
  Queue& target = state.queues[after(from)];
  if (target.ended) state.violation = "a queue gets an item after its worker found it drained";
  target.begun = true;
  ++target.ready;
}

void StageModel::settle(const StageState& from, std::size_t queue) const {
  if (from.queues[queue].leased == 0) return;
  StageState next = from;
  --next.queues[queue].leased;
  emit(next, "an item of queue {} is completed", queue);
  if (from.crashes > 0) {
    StageState crashed = next;
    --crashed.crashes;
    ++crashed.queues[queue].ready;
    emit(crashed, "a lease of queue {} runs out, and the item is ready again", queue);
  }
  if (!feeds(queue) || from.follow_ups == 0) return;
  --next.follow_ups;
  if (rules_.one_commit) {
    push(next, queue);
  } else {
    ++next.queues[queue].unpushed;
  }
  emit(next, "an item of queue {} is completed with a follow-up", queue);
}

void StageModel::push_late(const StageState& from, std::size_t queue) const {
  if (from.queues[queue].unpushed == 0) return;
  StageState next = from;
  --next.queues[queue].unpushed;
  push(next, queue);
  emit(next, "the follow-up of queue {} is pushed", queue);
}

bool StageModel::is_empty(const StageState& state, std::size_t queue) const {
  return state.queues[queue].ready == 0 && state.queues[queue].leased == 0;
}

// It, or one before it.
bool StageModel::has_had_items(const StageState& state, std::size_t queue) const {
  for (std::size_t at = queue;;) {
    const Queue& of = state.queues[at];
    if (of.begun) return true;
    if (!of.has_edge) return false;
    if (!rules_.begins_somewhere) return true;
    if (of.knew_it_begun) return true;
    at = before(at);
    if (at == queue) return false;
  }
}

bool StageModel::are_drained_before(const StageState& state, std::size_t queue) const {
  for (std::size_t at = queue; state.queues[at].has_edge;) {
    const bool knew_it_begun = state.queues[at].knew_it_begun;
    at = before(at);
    if (at == queue) return true;
    const bool purged = rules_.purged_is_drained && !state.queues[at].begun && knew_it_begun;
    if (!is_empty(state, at) || (!purged && !has_had_items(state, at))) return false;
  }
  return true;
}

void StageModel::look(const StageState& from, std::size_t queue) const {
  const Queue& of = from.queues[queue];
  if (!of.started || of.ended) return;
  StageState next = from;
  // A worker keeps the record of what it has seen, so that a purge can be told from no beginning.
  if (of.has_edge) next.queues[queue].knew_it_begun |= from.queues[before(queue)].begun;
  if (rules_.read_together) {
    next.queues[queue].ended =
        is_empty(next, queue) && has_had_items(next, queue) && are_drained_before(next, queue);
    emit(next, "the worker of queue {} looks whether it is drained", queue);
  } else if (!of.found_empty) {
    next.queues[queue].found_empty = is_empty(next, queue) && has_had_items(next, queue);
    emit(next, "the worker of queue {} looks at it alone", queue);
  } else {
    next.queues[queue].found_empty = false;
    next.queues[queue].ended = are_drained_before(next, queue);
    if (next.queues[queue].ended && !is_empty(next, queue)) {
      next.violation = "a worker ends before its queue is drained";
    }
    emit(next, "the worker of queue {} looks at the stages before", queue);
  }
}

// Its worker ends with an error. One that was purged before anybody saw it is waited for, up to
// --wait-open.
void StageModel::purge(const StageState& from) const {
  if (from.purges == 0 || !from.queues[0].begun || !from.queues[1].knew_it_begun) return;
  StageState next = from;
  --next.purges;
  next.queues[0] = {.started = true, .ended = true};
  emit(next, "queue {} is purged", 0);
}

std::string StageModel::describe(const Code& from, std::size_t step) const {
  const Successor& taken = successors(from).at(step);
  return fmt::format(fmt::runtime(taken.text), taken.queue + 1);
}

std::string StageModel::show(const Code& code) const {
  const StageState state = decode(code);
  std::string text;
  for (std::size_t i = 0; i < count(); ++i) {
    const Queue& of = state.queues[i];
    text += fmt::format("{}{}: {} ready, {} leased{}{}{}", i > 0 ? "; " : "", i + 1, of.ready,
                        of.leased, of.begun ? "" : ", not begun",
                        of.has_edge ? ", after the one before" : "", of.ended ? ", ended" : "");
  }
  return text;
}

Findings search_stages(const StageRules& rules, const StageBounds& bounds, std::size_t largest) {
  const StageModel model(rules, bounds);
  return Explorer<StageModel>(model, largest).run();
}

}  // namespace wq::test::search
