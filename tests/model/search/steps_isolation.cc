#include "model/search/scripts.h"
#include "model/search/steps.h"
#include "model/search/worker.h"

// An item that is alone with its worker, and a worker that dies with all that it holds.

namespace wq::test::search {

// The lease gets the mark once the worker holds nothing else. Which item is worth that is not asked
// here: any may be.
void Steps::mark(std::size_t index) {
  const Slot& slot = from_.slots[index];
  if (slot.marked) {
    // The answer to a renewal that was sent before the mark. With the rule it changes nothing.
    if (rules_.crossing_renewal_is_no_loss) return;
    State next = from_;
    finish(next, index);
    emit(next, "a renewal without the mark crosses that of {i}; {s} takes it for lost, and stops",
         index, slot.item);
    return;
  }
  if (from_.budget.marks == 0) return;
  if (rules_.mark_waits_for_the_others && !holds_nothing_else(index)) return;
  ask_for_mark(index);
}

void Steps::ask_for_mark(std::size_t index) {
  const Slot& slot = from_.slots[index];
  State asked = from_;
  if (slot.phase == Phase::running) --asked.budget.marks;
  asked.slots[index].phase = Phase::marking;
  State next = asked;
  const bool ours = search::mark(next.items[slot.item], slot.fence, rules_);
  if (from_.budget.breaks > 0) {
    State unanswered = next;
    --unanswered.budget.breaks;
    emit(unanswered,
         ours ? "{s} marks the lease of {i}: OK, but the answer is lost"
              : "{s} marks the lease of {i}: lost, and the answer too",
         index, slot.item);
    State unsent = asked;
    --unsent.budget.breaks;
    emit(unsent, "{s} asks for the mark on {i}, but the request is lost", index, slot.item);
    State pending = unsent;
    if (add_late(pending, late(LateRequest::Kind::mark, slot))) {
      emit(pending, "{s} asks for the mark on {i}; the connection breaks, the request is under way",
           index, slot.item);
    }
  }
  if (ours) {
    next.slots[index].phase = Phase::running;
    next.slots[index].marked = true;
    emit(next, "{s} marks the lease of {i}: it holds nothing else", index, slot.item);
  } else {
    // In its tail a lease is still good for a release.
    next.slots[index].phase = Phase::unsettled;
    next.slots[index].outcome = Outcome::to_ready;
    emit(next, "{s} learns that the lease of {i} was lost, and is to release it", index, slot.item);
  }
}

// The process ends, with all that it holds.
void Steps::kill(std::size_t index) {
  if (from_.budget.kills == 0) return;
  const auto [first, end] = slots_of_worker(index);
  for (std::size_t s = first; s < index; ++s) {
    if (from_.slots[s].phase != Phase::idle) return;  // it was killed with that one
  }
  const Slot& slot = from_.slots[index];
  State next = from_;
  --next.budget.kills;
  for (std::size_t s = first; s < end; ++s) {
    Slot& each = next.slots[s];
    Item& item = next.items[each.item];
    if (each.phase != Phase::idle && holds(item, each.fence)) {
      item.chargeable = true;
      item.in_company = item.in_company || !is_alone(s);
    }
    each = Slot{};
  }
  constexpr std::string_view kPhases[] = {
      "",
      "{s} is killed between the pop of {i} and its lease",
      "{s} is killed before it learns whether the lease of {i} is its own",
      "{s} is killed at work on {i}",
      "{s} is killed before it learns whether {i} has the mark",
      "{s} is killed while it settles {i}"};
  emit(next,
       holds_nothing_else(index)
           ? kPhases[static_cast<std::size_t>(slot.phase)]
           : "the worker of {s} is killed with {i} and all else that it holds",
       index, slot.item);
}

std::pair<std::size_t, std::size_t> Steps::slots_of_worker(std::size_t index) const {
  const std::size_t first = index - index % bounds_.slots;
  return {first, first + bounds_.slots};
}

// Where isolation is left out nobody asks.
bool Steps::is_alone(std::size_t index) const {
  return bounds_.marks == 0 || holds_nothing_else(index);
}

bool Steps::holds_nothing_else(std::size_t index) const {
  const auto [first, end] = slots_of_worker(index);
  for (std::size_t s = first; s < end; ++s) {
    if (s != index && from_.slots[s].phase != Phase::idle) return false;
  }
  return true;
}

bool Steps::marks_a_lease(std::size_t index) const {
  const auto [first, end] = slots_of_worker(index);
  for (std::size_t s = first; s < end; ++s) {
    const Slot& slot = from_.slots[s];
    if (slot.marked || slot.phase == Phase::marking) return true;
  }
  return false;
}

}  // namespace wq::test::search
