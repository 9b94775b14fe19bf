#pragma once

#include "model/search/rules.h"
#include "model/search/state.h"

/// What the commands and scripts do to the state, each in one atomic step.
namespace wq::test::search {

/// True for the lease under exactly this fence, whether it is marked or not.
[[nodiscard]] bool holds(const Item& item, Fence fence);

/// The slot has an item and believes in its lease.
[[nodiscard]] bool is_at_work(const Slot& slot);

/// What DEL and expiry leave of the lease.
void clear_lease(Item& item);

/// Puts a copy into a sorted set, where equal ones are kept once.
void add_to_set(Item& item, std::uint8_t& set, const Rules& rules);

/// SET NX; true for OK.
bool set_lease(Item& item, Fence fence, const Rules& rules);

/// A lease as its holder writes it.
struct Name {
  Fence fence = kNoFence;
  bool marked = false;
};

/// renew.lua: true if the lease is still ours.
bool renew(Item& item, Name lease, const Rules& rules);

/// isolate.lua: true if the lease has the mark.
bool mark(Item& item, Fence fence, const Rules& rules);

/// settle.lua: true if accepted. Notes a violation in the state.
bool settle(State& state, std::size_t which, Name lease, Outcome outcome, const Rules& rules);

/// reclaim.lua, rule (a): true if a copy was handed back. `dies`: no crash was left. Notes a
/// violation in the state.
bool reclaim(State& state, std::size_t which, bool dies, const Rules& rules);

/// requeue.lua, rule (b). Notes a violation in the state.
void requeue(State& state, std::size_t which, const Rules& rules);

/// Says that whoever relied on the lease of the item cannot any more: it ended, or somebody who is
/// no worker of ours took it away.
void end_reliance(State& state, std::size_t which);

}  // namespace wq::test::search
