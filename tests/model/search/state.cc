#include "model/search/state.h"

#include <bit>

#include "model/search/bits.h"

namespace wq::test::search {
namespace {

constexpr unsigned kCount = 3;  // bits of a number of copies
constexpr unsigned kFenceBits = 5;

// One description of the layout serves both directions: `field` is a BitWriter or a BitReader.

template <typename Field, typename AnyItem>
void code_item(Field& field, AnyItem& item) {
  field(item.pushed, kCount);
  field(item.ready, kCount);
  field(item.processing, kCount);
  field(item.delayed, 1);
  field(item.dead, 1);
  field(item.completed, kCount);
  field(item.dropped, kCount);
  field(item.merged, kCount);
  field(item.elsewhere, kCount);
  field(item.holder, 2);
  field(item.fence, kFenceBits);
  field(item.over, 1);
  field(item.marked, 1);
  field(item.key_seen, 1);
  field(item.pushes_once, 1);
  field(item.pushed_once, 2);
  field(item.newest, kFenceBits);
  field(item.chargeable, 1);
  field(item.in_company, 1);
}

template <typename Field, typename AnySlot>
void code_slot(Field& field, AnySlot& slot) {
  field(slot.phase, 3);
  if (slot.phase == Phase::idle) return;
  field(slot.item, 1);
  field(slot.fence, kFenceBits);
  field(slot.outcome, 2);
  field(slot.resent, 1);
  field(slot.taken, 1);
  field(slot.too_late, 1);
  field(slot.slow, 1);
  field(slot.watched, 1);
  field(slot.marked, 1);
  field(slot.in_force, 1);
  field(slot.accepted, 1);
}

template <typename Field, typename AnyState>
void code_state(Field& field, AnyState& state) {
  for (auto& slot : state.slots) code_slot(field, slot);
  for (auto& item : state.items) code_item(field, item);
  for (auto& watch : state.watch) {
    field(watch.looks, 2);
    field(watch.waited, 1);
    field(watch.overdue, 1);
  }
  field(state.has_saved, 1);
  if (state.has_saved) {
    for (auto& item : state.saved) code_item(field, item);
  }
  for (auto& request : state.late) {
    field(request.kind, 3);
    if (request.kind == LateRequest::Kind::none) continue;
    field(request.item, 1);
    field(request.fence, kFenceBits);
    field(request.outcome, 2);
    field(request.marked, 1);
    field(request.accepted, 1);
  }
  field(state.redis_wq.phase, 2);
  field(state.redis_wq.item, 1);
  field(state.counter, kFenceBits);
  field(state.saved_counter, kFenceBits);
  field(state.budget.kills, 3);
  field(state.budget.breaks, 3);
  field(state.budget.late, 2);
  field(state.budget.evictions, 2);
  field(state.budget.rollbacks, 2);
  field(state.budget.operations, 2);
  field(state.budget.redis_wq_kills, 2);
  field(state.budget.follow_ups, 2);
  field(state.budget.marks, 2);
}

template <typename Visit>
void visit_fences(State& state, Visit visit) {
  for (Item& item : state.items) {
    visit(item.fence);
    visit(item.newest);
  }
  for (Item& item : state.saved) {
    visit(item.fence);
    visit(item.newest);
  }
  for (Slot& slot : state.slots) visit(slot.fence);
  for (LateRequest& request : state.late) visit(request.fence);
}

}  // namespace

std::string_view name(Violation violation) {
  switch (violation) {
    case Violation::none:
      return "none";
    case Violation::lost:
      return "an item is lost";
    case Violation::duplicated:
      return "an item is duplicated";
    case Violation::two_commits:
      return "two commits for one copy";
    case Violation::accepted_twice:
      return "one settlement accepted twice";
    case Violation::superseded:
      return "a commit under a superseded fence";
    case Violation::taken:
      return "an item is taken from under a lease in force";
    case Violation::false_charge:
      return "a crash charged without cause";
    case Violation::buried_in_company:
      return "buried for a crash in company";
    case Violation::two_running:
      return "two run one item at once";
    case Violation::refused:
      return "work under a lease in force is refused";
    case Violation::fence_went_back:
      return "a lease with a lower fence than the one before";
    case Violation::pushed_again:
      return "a follow-up is pushed again though its key was seen";
    case Violation::never_pushed:
      return "the key of a follow-up was seen that was never pushed";
  }
  return "unknown";
}

void renumber_fences(State& state) {
  std::uint64_t used = 0;  // a bit for each fence that somebody still knows
  visit_fences(state, [&used](Fence fence) { used |= std::uint64_t{1} << fence; });
  used &= ~std::uint64_t{1};
  visit_fences(state, [used](Fence& fence) {
    fence = static_cast<Fence>(std::popcount(used & ((std::uint64_t{2} << fence) - 1)));
  });
}

Code encode(const State& state) {
  BitWriter<Code> writer;
  code_state(writer, state);
  return writer.code;
}

State decode(const Code& code) {
  State state;
  BitReader<Code> reader(code);
  code_state(reader, state);
  return state;
}

}  // namespace wq::test::search
