#include "model/search/scripts.h"

namespace wq::test::search {
namespace {

bool remove_from_processing(Item& item) {
  if (item.processing == 0) return false;
  --item.processing;
  return true;
}

// Byte for byte.
bool equals(const Item& item, Name lease) {
  return holds(item, lease.fence) && item.marked == lease.marked;
}

// The push of a follow-up equal to the item.
void push_once(Item& item, const Rules& rules) {
  if (!item.pushes_once || (item.key_seen && rules.once_key_decides)) return;
  item.key_seen = true;
  ++item.pushed_once;
  ++item.pushed;
  ++item.ready;
}

}  // namespace

bool is_at_work(const Slot& slot) {
  return slot.phase == Phase::running || slot.phase == Phase::marking;
}

void clear_lease(Item& item) {
  item.holder = Holder::nobody;
  item.fence = kNoFence;
  item.over = false;
  item.marked = false;
  item.chargeable = false;
  item.in_company = false;
}

bool holds(const Item& item, Fence fence) {
  return item.holder == Holder::ours && item.fence == fence;
}

void add_to_set(Item& item, std::uint8_t& set, const Rules& rules) {
  if (set == 0) {
    set = 1;
  } else if (rules.merged_is_counted) {
    ++item.merged;
  }
}

bool set_lease(Item& item, Fence fence, const Rules& rules) {
  if (item.holder != Holder::nobody && rules.lease_is_set_if_absent) return false;
  clear_lease(item);
  item.holder = Holder::ours;
  item.fence = item.newest = fence;
  return true;
}

bool renew(Item& item, Name lease, const Rules& rules) {
  const bool ours =
      equals(item, lease) || (!rules.renew_checks_holder && item.holder == Holder::ours);
  if (ours) {
    item.over = item.in_company = false;
    return true;
  }
  if (rules.renew_never_sets || item.holder != Holder::nobody) return false;
  return set_lease(item, lease.fence, rules);
}

bool mark(Item& item, Fence fence, const Rules& rules) {
  if (equals(item, {fence, true})) return rules.resent_mark_is_ours;
  const bool ours =
      holds(item, fence) || (!rules.mark_needs_the_holder && item.holder == Holder::ours);
  if (!ours || (item.over && rules.mark_needs_a_lease_in_force)) return false;
  item.fence = fence;  // a lease of somebody else becomes ours
  item.marked = true;
  return true;
}

bool settle(State& state, std::size_t which, Name lease, Outcome outcome, const Rules& rules) {
  Item& item = state.items[which];
  const bool ours = equals(item, lease);
  if (outcome == Outcome::complete && item.pushes_once && !rules.key_comes_with_push) {
    item.key_seen = ours && item.processing > 0 ? item.key_seen : true;
  }
  if (!ours && rules.settle_checks_lease) return false;
  const bool removed = remove_from_processing(item);
  const bool accepted = removed || !rules.settle_checks_removal;
  const bool deletes = accepted ? rules.settle_deletes_lease : rules.lost_settle_cleans_up;
  if (ours && deletes) clear_lease(item);
  if (!accepted) return false;
  switch (outcome) {
    case Outcome::complete:
      if (item.newest != lease.fence) state.violation = Violation::superseded;
      ++item.completed;
      push_once(item, rules);
      break;
    case Outcome::to_ready:
      ++item.ready;
      break;
    case Outcome::to_delayed:
      add_to_set(item, item.delayed, rules);
      break;
    case Outcome::to_dead:
      add_to_set(item, item.dead, rules);
      break;
  }
  return true;
}

bool reclaim(State& state, std::size_t which, bool dies, const Rules& rules) {
  Item& item = state.items[which];
  const bool justified = item.holder == Holder::ours && item.over && item.chargeable;
  const bool in_company = item.in_company;
  const bool removed = remove_from_processing(item);
  if (rules.reclaim_deletes_lease) clear_lease(item);
  if (!removed && rules.reclaim_checks_removal) return false;
  if (!justified) state.violation = Violation::false_charge;
  item.chargeable = false;
  if (dies) {
    if (in_company) state.violation = Violation::buried_in_company;
    add_to_set(item, item.dead, rules);
  } else {
    ++item.ready;
  }
  return true;
}

void requeue(State& state, std::size_t which, const Rules& rules) {
  Item& item = state.items[which];
  if (item.holder != Holder::nobody && rules.requeue_looks_again) return;
  const bool removed = remove_from_processing(item);
  if (!removed && rules.requeue_checks_removal) return;
  ++item.ready;
  for (const Slot& slot : state.slots) {
    if (is_at_work(slot) && slot.item == which && slot.in_force && holds(item, slot.fence)) {
      state.violation = Violation::taken;
    }
  }
}

void end_reliance(State& state, std::size_t which) {
  for (Slot& slot : state.slots) {
    if (slot.phase != Phase::idle && slot.item == which) slot.in_force = false;
  }
}

}  // namespace wq::test::search
