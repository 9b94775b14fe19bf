#include <algorithm>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "model/search/scripts.h"
#include "model/search/steps.h"

namespace wq::test::search {
namespace {

constexpr std::string_view kSlotNames[kSlots] = {"A", "B", "C", "D"};
constexpr std::string_view kItemNames[kItems] = {"X", "Y"};

// Whose the lease is, and whether it is over.
std::string holder_name(const State& state, const Item& item) {
  switch (item.holder) {
    case Holder::nobody:
      return "none";
    case Holder::redis_wq:
      return "of RedisWQ";
    case Holder::ours:
      break;
  }
  std::string_view whose = "of nobody who works";
  for (std::size_t s = 0; s < kSlots; ++s) {
    const Slot& slot = state.slots[s];
    if (slot.phase != Phase::idle && slot.fence == item.fence) whose = kSlotNames[s];
  }
  return fmt::format("{}{}{}", whose, item.marked ? ", marked" : "", item.over ? ", over" : "");
}

bool is_stranded(const Item& item) { return item.holder == Holder::nobody && item.processing > 0; }

// The reclaimer begins to watch, or to watch anew: those who popped the item until now will be too
// late before it acts.
void mark_poppers(State& state, std::size_t which) {
  for (Slot& slot : state.slots) {
    if (slot.phase == Phase::popped && slot.item == which) slot.watched = true;
  }
}

// Somebody relies on the lease, or does not know yet that it has it: cut off from Redis for as long
// as a lease lasts, it cannot be told from a dead one.
bool is_wanted(const State& state, std::size_t which) {
  return std::any_of(state.slots.begin(), state.slots.end(), [&](const Slot& slot) {
    return slot.phase != Phase::idle && slot.item == which && !slot.accepted &&
           holds(state.items[which], slot.fence);
  });
}

void forget(State& state, std::size_t which) {
  state.watch[which] = Watch{};
  for (Slot& slot : state.slots) {
    if (slot.item == which) slot.watched = false;
  }
}

Violation check_item(const Item& item) {
  const int there = item.ready + item.processing + item.delayed + item.dead + item.completed +
                    item.dropped + item.merged + item.elsewhere;
  if (there < item.pushed) return Violation::lost;
  if (item.completed > item.pushed) return Violation::two_commits;
  if (there > item.pushed) return Violation::duplicated;
  if (item.pushed_once > 1) return Violation::pushed_again;
  if (item.key_seen && item.pushed_once == 0) return Violation::never_pushed;
  return Violation::none;
}

}  // namespace

void Steps::all() {
  const auto slots = static_cast<std::size_t>(bounds_.workers) * bounds_.slots;
  for (std::size_t s = 0; s < slots; ++s) worker(s);
  late_requests();
  for (std::size_t i = 0; i < kItems; ++i) {
    if (bounds_.copies[i] == 0) continue;
    time(i);
    reclaimers(i);
    accidents(i);
  }
  redis_wq();
  restart();
}

void Steps::emit(State next, std::string_view text, std::size_t slot, std::size_t item) {
  if (rules_.fences_never_repeat) renumber_fences(next);
  out_.push_back({{text, slot, item}, next});
}

void Steps::time(std::size_t i) {
  const Item& item = from_.items[i];
  if (item.holder == Holder::ours && !item.over) {
    State next = from_;
    next.items[i].over = true;
    if (is_wanted(next, i)) next.items[i].chargeable = true;
    for (std::size_t s = 0; s < kSlots; ++s) {
      Slot& slot = next.slots[s];
      const bool has_it = slot.phase != Phase::idle && slot.item == i && holds(item, slot.fence);
      if (has_it && !is_alone(s)) next.items[i].in_company = true;
      const bool asked = slot.phase == Phase::popped || slot.phase == Phase::confirming;
      if (asked && slot.item == i && holds(next.items[i], slot.fence) && !bounds_.short_leases) {
        slot.too_late = true;
      }
    }
    end_reliance(next, i);
    emit(next, "the lease of {i} ends; its key is still there", 0, i);
  } else if (item.holder != Holder::nobody) {
    State next = from_;
    clear_lease(next.items[i]);
    emit(next, "the key of the lease of {i} expires", 0, i);
  }
  const Watch& watched = from_.watch[i];
  if (watched.looks > 0 && !watched.waited) {
    State next = from_;
    next.watch[i].waited = true;
    for (Slot& slot : next.slots) {
      if (slot.item == i && slot.watched) slot.too_late = true;
    }
    emit(next, "half the grace period passes, since a reclaimer saw {i} without a lease", 0, i);
  }
}

void Steps::reclaimers(std::size_t i) {
  if (rules_.reclaims) reclaim(i);
  if (rules_.requeues) watch(i);
  promote(i);
}

void Steps::reclaim(std::size_t i) {
  const Item& item = from_.items[i];
  const bool over = item.holder == Holder::ours && (item.over || !rules_.reclaim_spares_unexpired);
  bool acts = over;
  if (!rules_.reclaim_looks_again) {
    if (over && !from_.watch[i].overdue) {
      State next = from_;
      next.watch[i].overdue = true;
      emit(next, "a reclaimer sees that the lease of {i} has ended", 0, i);
    }
    acts = from_.watch[i].overdue;
  }
  if (!acts) return;
  const bool needs_mark = bounds_.marks > 0 && rules_.burial_needs_the_mark;
  for (const bool dies : {false, true}) {
    if (dies && needs_mark && !item.marked) continue;
    State next = from_;
    next.watch[i].overdue = false;
    const bool moved = search::reclaim(next, i, dies, rules_);
    if (bounds_.reclaimers == Reclaimers::one) forget(next, i);
    if (!moved && dies) continue;
    emit(next,
         !moved ? "a reclaimer finds no {i} for a lease that has ended, and removes the lease"
         : dies ? "a reclaimer charges {i} a crash, its last: dead"
                : "a reclaimer charges {i} a crash: back to ready",
         0, i);
  }
}

void Steps::watch(std::size_t i) {
  const Watch& seen = from_.watch[i];
  const bool forgetful = bounds_.reclaimers == Reclaimers::one;
  if (seen.looks == Watch::kListed) {
    State next = from_;
    const std::uint8_t before = from_.items[i].ready;
    requeue(next, i, rules_);
    if (forgetful) forget(next, i);
    emit(next,
         next.items[i].ready > before ? "a reclaimer puts {i}, which has no lease, back to ready"
                                      : "a reclaimer leaves {i}: it has a lease, or is gone",
         0, i);
    return;
  }
  if (!is_stranded(from_.items[i])) {
    if (!forgetful || seen.looks == 0) return;
    State next = from_;
    forget(next, i);
    emit(next, "the reclaimer sees {i} leased or gone", 0, i);
    return;
  }
  if (seen.looks > 0 && !seen.waited && rules_.requeue_waits) return;
  State next = from_;
  ++next.watch[i].looks;
  next.watch[i].waited = false;
  if (!rules_.requeue_waits) next.watch[i].looks = Watch::kListed;
  mark_poppers(next, i);
  emit(next, "a reclaimer sees {i} without a lease", 0, i);
}

void Steps::promote(std::size_t i) {
  const Item& item = from_.items[i];
  if (rules_.promote_checks_removal) {
    if (item.delayed == 0) return;
    State next = from_;
    --next.items[i].delayed;
    ++next.items[i].ready;
    emit(next, "{i} is due: back to ready", 0, i);
    return;
  }
  State next = from_;
  if (from_.watch[i].overdue) {
    next.watch[i].overdue = false;
    next.items[i].delayed = 0;
    ++next.items[i].ready;
    emit(next, "a reclaimer moves {i}, which it saw due, back to ready", 0, i);
  }
  if (item.delayed == 0) return;
  next = from_;
  next.watch[i].overdue = true;
  emit(next, "a reclaimer sees that {i} is due", 0, i);
  next = from_;
  next.items[i].delayed = 0;
  ++next.items[i].ready;
  emit(next, "another reclaimer moves {i}, which is due, back to ready", 0, i);
}

void Steps::accidents(std::size_t i) {
  const Item& item = from_.items[i];
  if (from_.budget.evictions > 0 && item.holder != Holder::nobody) {
    State next = from_;
    --next.budget.evictions;
    clear_lease(next.items[i]);
    end_reliance(next, i);
    emit(next, "the lease of {i} is evicted", 0, i);
  }
  if (from_.budget.operations == 0) return;
  if (item.dead > 0) {
    State next = from_;
    --next.budget.operations;
    --next.items[i].dead;
    ++next.items[i].ready;
    emit(next, "an operator tries {i}, which was dead, again", 0, i);
  }
  if (item.processing > 0) {
    State next = from_;
    --next.budget.operations;
    --next.items[i].processing;
    ++next.items[i].dropped;
    clear_lease(next.items[i]);
    end_reliance(next, i);
    emit(next, "an operator removes {i} and its lease", 0, i);
  }
}

void Steps::redis_wq() {
  if (!bounds_.redis_wq) return;
  const RedisWq& client = from_.redis_wq;
  const std::size_t i = client.item;
  State next = from_;
  switch (client.phase) {
    case RedisWq::Phase::idle:
      for (std::size_t k = 0; k < kItems; ++k) {
        if (from_.items[k].ready == 0) continue;
        next = from_;
        --next.items[k].ready;
        ++next.items[k].processing;
        next.redis_wq = {RedisWq::Phase::popped, static_cast<std::uint8_t>(k)};
        emit(next, "RedisWQ pops {i}", 0, k);
      }
      return;
    case RedisWq::Phase::popped:
      clear_lease(next.items[i]);
      next.items[i].holder = Holder::redis_wq;
      end_reliance(next, i);
      next.redis_wq.phase = RedisWq::Phase::running;
      emit(next, "RedisWQ sets its lease of {i}, whatever was there, and begins", 0, i);
      break;
    case RedisWq::Phase::running:
      next.items[i].elsewhere =
          static_cast<std::uint8_t>(next.items[i].elsewhere + next.items[i].processing);
      next.items[i].processing = 0;
      end_reliance(next, i);
      next.redis_wq.phase = RedisWq::Phase::removed;
      emit(next, "RedisWQ removes every {i} from processing", 0, i);
      break;
    case RedisWq::Phase::removed:
      clear_lease(next.items[i]);
      end_reliance(next, i);
      next.redis_wq = {};
      emit(next, "RedisWQ deletes the lease of {i}, whosever it is", 0, i);
      break;
  }
  if (from_.budget.redis_wq_kills == 0) return;
  next = from_;
  --next.budget.redis_wq_kills;
  next.redis_wq = {};
  emit(next, "RedisWQ is killed", 0, i);
}

void Steps::restart() {
  if (from_.budget.rollbacks == 0) return;
  if (!from_.has_saved) {
    State next = from_;
    next.has_saved = true;
    next.saved = from_.items;
    next.saved_counter = from_.counter;
    emit(next, "(what Redis holds now is what reached the disk)");
    return;
  }
  State next = from_;
  --next.budget.rollbacks;
  next.items = from_.saved;
  next.has_saved = false;
  next.saved = {};
  next.counter = from_.saved_counter;
  next.saved_counter = kNoFence;
  for (std::size_t i = 0; i < kItems; ++i) {
    end_reliance(next, i);
    forget(next, i);
  }
  for (Slot& slot : next.slots) {
    slot.accepted = false;  // what Redis has forgotten may be accepted once more
  }
  // Of a lease that was given up meanwhile nobody knows any more.
  for (std::size_t i = 0; i < kItems; ++i) {
    if (!next.items[i].over) next.items[i].chargeable = is_wanted(next, i);
  }
  for (LateRequest& request : next.late) request.accepted = false;
  emit(next, "Redis restarts with what was on the disk");
}

std::string describe(const Step& step) {
  return fmt::format(fmt::runtime(step.text), fmt::arg("s", kSlotNames[step.slot]),
                     fmt::arg("i", kItemNames[step.item]));
}

State first_state(const Bounds& bounds) {
  State state;
  for (std::size_t i = 0; i < kItems; ++i) {
    state.items[i].pushed = state.items[i].ready = bounds.copies[i];
    state.items[i].pushes_once = bounds.once && bounds.copies[i] > 0;
  }
  state.budget = {bounds.kills,          bounds.breaks,     bounds.late,
                  bounds.evictions,      bounds.rollbacks,  bounds.operations,
                  bounds.redis_wq_kills, bounds.follow_ups, bounds.marks};
  return state;
}

Violation check(const State& state, const Bounds& bounds) {
  const bool pardoned = (state.violation == Violation::false_charge && !bounds.true_charges) ||
                        (state.violation == Violation::accepted_twice && !bounds.single_acceptance);
  if (state.violation != Violation::none && !pardoned) return state.violation;
  for (std::size_t i = 0; i < kItems; ++i) {
    if (bounds.copies[i] == 0) continue;
    if (const Violation found = check_item(state.items[i]); found != Violation::none) return found;
    const auto at_work = [i](const Slot& slot) {
      return is_at_work(slot) && slot.item == i && slot.in_force;
    };
    if (std::count_if(state.slots.begin(), state.slots.end(), at_work) > 1) {
      return Violation::two_running;
    }
  }
  return Violation::none;
}

bool is_drained(const State& state) {
  return std::all_of(state.items.begin(), state.items.end(), [](const Item& item) {
    return item.ready + item.processing + item.delayed == 0;
  });
}

std::string show(const State& state, const Bounds& bounds) {
  std::string text;
  for (std::size_t i = 0; i < kItems; ++i) {
    if (bounds.copies[i] == 0) continue;
    const Item& item = state.items[i];
    text += fmt::format(
        "{}{}: {} ready, {} processing, {} delayed, {} dead, {} completed, lease {}",
        text.empty() ? "" : "; ", kItemNames[i], item.ready, item.processing, item.delayed,
        item.dead, item.completed + item.elsewhere, holder_name(state, item));
  }
  return text;
}

}  // namespace wq::test::search
