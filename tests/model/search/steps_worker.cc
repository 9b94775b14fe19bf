#include <algorithm>

#include "model/search/scripts.h"
#include "model/search/steps.h"
#include "model/search/worker.h"

namespace wq::test::search {
namespace {

void begin_work(State& state, std::size_t index) {
  Slot& slot = state.slots[index];
  Item& item = state.items[slot.item];
  Slot running;
  running.phase = Phase::running;
  running.item = slot.item;
  running.fence = slot.fence;
  running.in_force = holds(item, slot.fence) && !item.over;
  slot = running;
  if (holds(item, slot.fence)) item.chargeable = true;
}

Fence next_fence(const State& state) {
  Fence last = state.counter;
  for (const auto* items : {&state.items, &state.saved}) {
    for (const Item& item : *items) last = std::max({last, item.fence, item.newest});
  }
  for (const Slot& slot : state.slots) last = std::max(last, slot.fence);
  for (const LateRequest& request : state.late) last = std::max(last, request.fence);
  return static_cast<Fence>(last + 1);
}

Name lease_of(const Slot& slot) { return {slot.fence, slot.marked}; }

// A SET succeeded.
void check_order(State& state, const Item& item, Fence before, const Bounds& bounds) {
  if (bounds.growing_fences && item.pushed == 1 && item.fence < before) {
    state.violation = Violation::fence_went_back;
  }
}

// A settlement was accepted by Redis, be it the first request, the second, or a late one.
void note_accepted(State& state, Fence fence) {
  for (Slot& slot : state.slots) {
    if (slot.phase == Phase::unsettled && slot.fence == fence) {
      if (slot.accepted) state.violation = Violation::accepted_twice;
      slot.accepted = true;
    }
  }
  for (LateRequest& request : state.late) {
    if (request.kind == LateRequest::Kind::settle && request.fence == fence) {
      request.accepted = true;
    }
  }
}

constexpr std::string_view kSettled[kOutcomes][2] = {
    {"{s} completes {i}: lost", "{s} completes {i}: accepted"},
    {"{s} releases {i}: lost", "{s} releases {i}: accepted"},
    {"{s} fails {i} for later: lost", "{s} fails {i} for later: accepted"},
    {"{s} fails {i} for good: lost", "{s} fails {i} for good: accepted"},
};
constexpr std::string_view kUnanswered[kOutcomes][2] = {
    {"{s} completes {i}: lost, and the answer too",
     "{s} completes {i}: accepted, but the answer is lost"},
    {"{s} releases {i}: lost, and the answer too",
     "{s} releases {i}: accepted, but the answer is lost"},
    {"{s} fails {i} for later: lost, and the answer too",
     "{s} fails {i} for later: accepted, but the answer is lost"},
    {"{s} fails {i} for good: lost, and the answer too",
     "{s} fails {i} for good: accepted, but the answer is lost"},
};

}  // namespace

void finish(State& state, std::size_t index) {
  Slot& slot = state.slots[index];
  Item& item = state.items[slot.item];
  if (holds(item, slot.fence)) item.chargeable = false;
  slot = Slot{};
}

bool add_late(State& state, const LateRequest& request) {
  if (state.budget.late == 0 || state.late.back().kind != LateRequest::Kind::none) return false;
  --state.budget.late;
  state.late.back() = request;
  std::sort(state.late.begin(), state.late.end(), std::greater<>());
  return true;
}

LateRequest late(LateRequest::Kind kind, const Slot& slot) {
  return {kind, slot.item, slot.fence, slot.outcome, slot.marked, slot.accepted};
}

void Steps::worker(std::size_t slot) {
  switch (from_.slots[slot].phase) {
    case Phase::idle:
      pop(slot);
      return;
    case Phase::popped:
      from_.slots[slot].resent ? ask_again(slot) : ask_for_lease(slot);
      break;
    case Phase::confirming:
      confirm(slot);
      break;
    case Phase::running:
      run(slot);
      keep_lease(slot);
      mark(slot);
      break;
    case Phase::marking:
      ask_for_mark(slot);
      break;
    case Phase::unsettled:
      settle(slot, from_.slots[slot].outcome);
      keep_lease(slot);
      break;
  }
  kill(slot);
}

void Steps::pop(std::size_t slot) {
  if (rules_.marked_worker_takes_no_more && marks_a_lease(slot)) return;
  for (std::size_t i = 0; i < kItems; ++i) {
    if (from_.items[i].ready == 0) continue;
    State next = from_;
    --next.items[i].ready;
    ++next.items[i].processing;
    const Fence fence =
        rules_.fences_never_repeat ? next_fence(from_) : static_cast<Fence>(from_.counter + 1);
    if (!rules_.fences_never_repeat) next.counter = fence;
    if (from_.budget.breaks > 0) {
      State unanswered = next;
      --unanswered.budget.breaks;
      emit(unanswered, "{s} pops {i}, but the answer is lost", slot, i);
    }
    Slot popped;
    popped.phase = Phase::popped;
    popped.item = static_cast<std::uint8_t>(i);
    popped.fence = fence;
    next.slots[slot] = popped;
    emit(next, "{s} pops {i}", slot, i);
  }
}

void Steps::ask_for_lease(std::size_t index) {
  const Slot& slot = from_.slots[index];
  if (slot.too_late && !slot.slow && rules_.late_lease_is_not_asked) {
    State next = from_;
    finish(next, index);
    emit(next, "{s} is too late to ask for the lease of {i} and drops it", index, slot.item);
    return;
  }
  State next = from_;
  Item& item = next.items[slot.item];
  const Fence before = item.newest;
  const bool set = set_lease(item, slot.fence, rules_);
  if (set) check_order(next, item, before, bounds_);
  if (from_.budget.breaks > 0) {
    State unanswered = next;
    --unanswered.budget.breaks;
    unanswered.slots[index].resent = true;
    unanswered.slots[index].slow = false;
    emit(unanswered,
         set ? "{s} sets the lease of {i}: OK, but the answer is lost"
             : "{s} sets the lease of {i}: nil, and the answer is lost",
         index, slot.item);
    State unsent = from_;
    --unsent.budget.breaks;
    unsent.slots[index].resent = true;
    unsent.slots[index].slow = false;
    emit(unsent, "{s} asks for the lease of {i}, but the request is lost", index, slot.item);
    State pending = unsent;
    if (add_late(pending, late(LateRequest::Kind::lease, slot))) {
      emit(pending,
           "{s} asks for the lease of {i}; the connection breaks, the request is under way", index,
           slot.item);
    }
  }
  if (!slot.slow && from_.budget.late > 0) {
    State pending = from_;
    --pending.budget.late;
    pending.slots[index].slow = true;
    emit(pending, "{s} asks for the lease of {i}; the request takes its time", index, slot.item);
  }
  if (set) {
    begin_work(next, index);
    emit(next, "{s} sets the lease of {i}: OK, and begins", index, slot.item);
  } else {
    finish(next, index);
    emit(next, "{s} sets the lease of {i}: nil, and drops it", index, slot.item);
  }
}

void Steps::ask_again(std::size_t index) {
  const Slot& slot = from_.slots[index];
  State next = from_;
  bool set = false;
  if (!slot.too_late || !rules_.late_lease_is_not_asked) {
    Item& item = next.items[slot.item];
    const Fence before = item.newest;
    set = set_lease(item, slot.fence, rules_);
    if (set) check_order(next, item, before, bounds_);
  }
  next.slots[index].phase = Phase::confirming;
  next.slots[index].taken = set;
  emit(next,
       set ? "{s} sets the lease of {i} again: OK"
           : "{s} asks for the lease of {i} again: nil, or too late to ask",
       index, slot.item);
}

void Steps::confirm(std::size_t index) {
  const Slot& slot = from_.slots[index];
  State next = from_;
  bool ours = false;
  if (!rules_.resent_nil_is_not_ours) {
    ours = true;
  } else if (!rules_.resent_lease_is_renewed) {
    ours = slot.taken;
  } else {
    ours = renew(next.items[slot.item], lease_of(slot), rules_);
  }
  if (from_.budget.breaks > 0) {
    State unanswered = next;
    --unanswered.budget.breaks;
    unanswered.slots[index].phase = Phase::popped;
    unanswered.slots[index].taken = false;
    emit(unanswered, "{s} renews the lease of {i}, but the answer is lost", index, slot.item);
  }
  if (ours) {
    begin_work(next, index);
    // Without a lease of ours in Redis it is only the worker that believes in it.
    if (!holds(next.items[slot.item], slot.fence)) next.slots[index].in_force = true;
    emit(next, "{s} learns that the lease of {i} is its own, and begins", index, slot.item);
  } else {
    finish(next, index);
    emit(next, "{s} learns that {i} is not its own, and drops it", index, slot.item);
  }
}

void Steps::run(std::size_t index) {
  for (std::size_t i = 0; i < kOutcomes; ++i) {
    const auto outcome = static_cast<Outcome>(i);
    if (bounds_.only_complete && outcome != Outcome::complete) continue;
    send_settlement(index, outcome);
    settle(index, outcome);
  }
  const Slot& slot = from_.slots[index];
  if (slot.in_force) return;
  State next = from_;
  next.slots[index] = Slot{};
  emit(next, "{s} stops work on {i}: its lease has ended", index, slot.item);
}

// The requests that do not arrive.
void Steps::send_settlement(std::size_t index, Outcome outcome) {
  const Slot& slot = from_.slots[index];
  if (from_.budget.breaks == 0) return;
  State unsent = from_;
  --unsent.budget.breaks;
  unsent.slots[index].phase = Phase::unsettled;
  unsent.slots[index].outcome = outcome;
  if (outcome == Outcome::complete) {
    emit(unsent, "{s} completes {i}, but the request is lost", index, slot.item);
  } else {
    emit(unsent, "{s} fails or releases {i}, but the request is lost", index, slot.item);
  }
  State pending = unsent;
  if (add_late(pending, late(LateRequest::Kind::settle, unsent.slots[index]))) {
    emit(pending, "{s} settles {i}; the connection breaks, the request is under way", index,
         slot.item);
  }
}

void Steps::settle(std::size_t index, Outcome outcome) {
  const Slot& slot = from_.slots[index];
  State next = from_;
  next.slots[index].phase = Phase::unsettled;
  next.slots[index].outcome = outcome;
  Rules rules = rules_;
  if (!rules_.resent_settle_is_safe && slot.phase == Phase::unsettled) {
    rules.settle_checks_lease = false;
    rules.settle_checks_removal = false;
  }
  const bool accepted = search::settle(next, slot.item, lease_of(slot), outcome, rules);
  if (accepted) note_accepted(next, slot.fence);
  if (bounds_.accepted_work && !accepted && slot.in_force && !slot.accepted) {
    next.violation = Violation::refused;
  }
  const auto done = [&](State state, std::string_view text) {
    if (from_.budget.breaks > 0) {
      State unanswered = state;
      --unanswered.budget.breaks;
      emit(unanswered, kUnanswered[static_cast<std::size_t>(outcome)][accepted ? 1 : 0], index,
           slot.item);
    }
    finish(state, index);
    emit(state, text, index, slot.item);
  };
  done(next, kSettled[static_cast<std::size_t>(outcome)][accepted ? 1 : 0]);
  if (accepted && outcome == Outcome::complete && from_.budget.follow_ups > 0) {
    --next.budget.follow_ups;
    ++next.items[slot.item].pushed;
    ++next.items[slot.item].ready;
    done(next, "{s} completes {i} and pushes an equal item: accepted");
  }
}

// Renewals: of the lease that is held, and of one whose settlement was sent meanwhile, which they
// may cross.
void Steps::keep_lease(std::size_t index) {
  const Slot& slot = from_.slots[index];
  State next = from_;
  const bool ours = renew(next.items[slot.item], lease_of(slot), rules_);
  if (slot.phase == Phase::unsettled) {
    emit(next, "{s}'s renewal of {i} crosses its settlement", index, slot.item);
    return;
  }
  if (from_.budget.late > 0) {
    State pending = from_;
    if (add_late(pending, late(LateRequest::Kind::renew, slot))) {
      emit(pending, "{s} renews {i}; the request takes its time", index, slot.item);
    }
  }
  if (ours) {
    next.slots[index].in_force = true;
    if (holds(next.items[slot.item], slot.fence)) next.items[slot.item].chargeable = true;
    emit(next, "{s} renews the lease of {i}", index, slot.item);
  } else {
    finish(next, index);
    emit(next, "{s} learns from a renewal that the lease of {i} is lost, and stops", index,
         slot.item);
  }
}

// What stands in the buffer of a connection that nobody reads any more.
void Steps::late_requests() {
  for (std::size_t i = 0; i < kLateRequests; ++i) {
    const LateRequest request = from_.late[i];
    if (request.kind == LateRequest::Kind::none) continue;
    State next = from_;
    next.late[i] = {};
    std::sort(next.late.begin(), next.late.end(), std::greater<>());
    Item& item = next.items[request.item];
    std::string_view text;
    switch (request.kind) {
      case LateRequest::Kind::none:
        continue;
      case LateRequest::Kind::lease: {
        const Fence before = item.newest;
        const bool set = set_lease(item, request.fence, rules_);
        if (set) check_order(next, item, before, bounds_);
        text = set ? "the late request for the lease of {i} arrives: OK"
                   : "the late request for the lease of {i} arrives: nil";
        break;
      }
      case LateRequest::Kind::settle: {
        const bool accepted = search::settle(next, request.item, {request.fence, request.marked},
                                             request.outcome, rules_);
        if (accepted && request.accepted) next.violation = Violation::accepted_twice;
        if (accepted) note_accepted(next, request.fence);
        text = accepted ? "the late settlement of {i} arrives: accepted"
                        : "the late settlement of {i} arrives: lost";
        break;
      }
      case LateRequest::Kind::renew:
        renew(item, {request.fence, request.marked}, rules_);
        text = "the late renewal of {i} arrives";
        break;
      case LateRequest::Kind::mark:
        text = search::mark(item, request.fence, rules_)
                   ? "the late request for the mark on {i} arrives: OK"
                   : "the late request for the mark on {i} arrives: lost";
        break;
    }
    emit(next, text, 0, request.item);
  }
}

}  // namespace wq::test::search
