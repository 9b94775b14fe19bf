#include "model/search/checkpoint_model.h"

#include <algorithm>
#include <tuple>

namespace wq::test::search {
namespace {

using CheckpointFence = CheckpointState::Fence;
using LateCheckpoint = CheckpointState::Late;
using SavingWorker = CheckpointState::Worker;

// What settle.lua gives to the last one of a lease; no renewal has it.
constexpr std::uint8_t kLastOfLease = kCheckpointsMade + 1;

bool has_copies(const CheckpointState& state) {
  return state.ready > 0 || state.processing > 0 || state.dead;
}

bool is_saved(const CheckpointState& state) { return state.saved.fence != 0; }

void forget_checkpoint(CheckpointState& state, bool removes) {
  if (removes) state.saved = {};
  state.accepted_fence = 0;
  state.accepted = 0;
}

void remove_lease(CheckpointState& state) {
  state.lease = 0;
  state.lease_is_over = state.lease_of_old_item = false;
}

// False if there is no room.
bool add_late_request(CheckpointState& state, std::uint8_t most, const LateCheckpoint& request) {
  auto* const end = state.late.begin() + most;
  auto* const place = std::find_if(state.late.begin(), end, [](const LateCheckpoint& each) {
    return each.kind == LateCheckpoint::Kind::none;
  });
  if (place == end) return false;
  *place = request;
  return true;
}

LateCheckpoint settlement_of(const SavingWorker& worker, CheckpointState::Outcome outcome,
                             bool keeps) {
  const std::uint8_t number = worker.unsent && keeps ? worker.made : std::uint8_t{0};
  return {
      LateCheckpoint::Kind::settle, worker.fence, number, worker.made, outcome, worker.of_old_item};
}

// Puts one in the place of another.
void write_checkpoint(CheckpointState& state, const CheckpointState::Saved& one, bool of_old_item) {
  if (std::tie(one.fence, one.content) < std::tie(state.saved.fence, state.saved.content)) {
    state.violation = "an older checkpoint replaces a newer one";
  }
  if (of_old_item) state.violation = "a checkpoint comes from an item that is gone";
  state.saved = one;
}

void note_accepted(CheckpointState& state, CheckpointFence fence, std::uint8_t content) {
  if (std::tie(fence, content) <= std::tie(state.accepted_fence, state.accepted)) return;
  state.accepted_fence = fence;
  state.accepted = content;
}

}  // namespace

const std::vector<CheckpointModel::Successor>& CheckpointModel::successors(const Code& code) const {
  successors_.clear();
  const State from = decode(code);
  for (std::size_t index = 0; index < bounds_.workers; ++index) {
    pop(from, index);
    lease(from, index);
    make(from, index);
    send(from, index);
    settle(from, index);
    end(from, index);
  }
  late(from);
  time(from);
  reclaimer(from);
  operators(from);
  purge(from);
  push(from);
  return successors_;
}

void CheckpointModel::emit(State next, std::string_view text, std::size_t worker) const {
  const bool gone =
      std::tie(next.saved.fence, next.saved.content) < std::tie(next.accepted_fence, next.accepted);
  if (next.violation.empty() && gone) next.violation = "a checkpoint that was accepted is lost";
  if (next.violation.empty() && is_saved(next) && !has_copies(next)) {
    next.violation = "a checkpoint is left of an item that is gone";
  }
  successors_.push_back({text, worker, next});
}

// pop.lua, claim.lua
void CheckpointModel::pop(const State& from, std::size_t index) const {
  const bool may = bounds_.attempts == 0 || from.attempts > 0;
  if (from.workers[index].phase != State::Phase::idle || from.ready == 0 || !may) return;
  State next = from;
  if (bounds_.attempts > 0) --next.attempts;
  --next.ready;
  ++next.processing;
  next.workers[index] = {.phase = State::Phase::popped,
                         .fence = bounds_.late_leases ? next_fence(next) : CheckpointFence{0},
                         .tried = is_saved(from) && rules_.pop_tells};
  emit(next, "worker {} pops an item", index);
}

// SET NX, and if it is sent again, renew.lua: it also tells whether an earlier SET came through.
bool CheckpointModel::set_lease(State& state, CheckpointFence fence, bool of_old_item) const {
  if (state.lease != 0) return state.lease == fence;
  state.lease = fence;
  state.lease_is_over = false;
  state.lease_of_old_item = of_old_item;
  return true;
}

void CheckpointModel::lease(const State& from, std::size_t index) const {
  const SavingWorker& worker = from.workers[index];
  if (worker.phase != State::Phase::popped) return;
  State next = from;
  CheckpointFence& fence = next.workers[index].fence;
  if (!bounds_.late_leases) fence = next_fence(next);
  if (set_lease(next, fence, worker.of_old_item)) {
    next.workers[index].phase = State::Phase::running;
    if (bounds_.given && is_saved(next) && !worker.tried) {
      next.violation = "an attempt begins without the checkpoint";
    }
    next.workers[index].tried = false;
    emit(next, "worker {} leases it and begins", index);
  } else {
    next.workers[index] = {};
    emit(next, "worker {} drops its copy: an equal item is leased", index);
  }
  State late = from;
  const LateCheckpoint request{.kind = LateCheckpoint::Kind::lease,
                               .fence = worker.fence,
                               .of_old_item = worker.of_old_item};
  if (bounds_.late_leases && add_late_request(late, bounds_.late, request)) {
    emit(late, "the connection of worker {} breaks, and its SET waits in it", index);
  }
}

void CheckpointModel::make(const State& from, std::size_t index) const {
  const SavingWorker& worker = from.workers[index];
  if (worker.phase != State::Phase::running || worker.made == bounds_.made) return;
  State next = from;
  ++next.workers[index].made;
  next.workers[index].unsent = true;
  emit(next, "the handler of worker {} makes a checkpoint", index);
}

// checkpoint.lua: true if the lease is the worker's.
bool CheckpointModel::save(State& state, CheckpointFence fence, std::uint8_t number,
                           bool of_old_item) const {
  if (!state.exists && rules_.save_needs_the_queue) return false;
  if (state.lease == 0 || (state.lease != fence && rules_.save_needs_the_lease)) return false;
  state.lease_is_over = false;
  note_accepted(state, fence, number);
  const bool same_lease = state.saved.fence == fence || !rules_.each_lease_counts_anew;
  const bool later = !same_lease || state.saved.number < number || !rules_.later_number_stays;
  if (later) write_checkpoint(state, {fence, number, number}, of_old_item);
  return true;
}

// LeaseRenewer::send_checkpoints, one at a time.
void CheckpointModel::send(const State& from, std::size_t index) const {
  const SavingWorker& worker = from.workers[index];
  if (worker.phase != State::Phase::running) return;
  State next = from;
  if (worker.request == 0) {
    if (!worker.unsent) return;
    next.workers[index].request = worker.made;
    return emit(next, "worker {} sends its last checkpoint", index);
  }
  next.workers[index].request = 0;
  State late = next;
  State no_answer = next;
  if (save(next, worker.fence, worker.request, worker.of_old_item)) {
    const bool is_last = worker.request == worker.made || !rules_.newer_one_stays_unsent;
    if (is_last) next.workers[index].unsent = false;
    emit(next, "Redis accepts the checkpoint of worker {}", index);
  } else {
    next.workers[index] = {};
    emit(next, "worker {} hears that its lease is lost", index);
  }
  save(no_answer, worker.fence, worker.request, worker.of_old_item);
  emit(no_answer, "worker {} gets no answer to its checkpoint", index);
  const LateCheckpoint request{.kind = LateCheckpoint::Kind::save,
                               .fence = worker.fence,
                               .number = worker.request,
                               .of_old_item = worker.of_old_item};
  if (add_late_request(late, bounds_.late, request)) {
    emit(late, "the connection of worker {} breaks, and its checkpoint waits in it", index);
  }
}

// settle.lua: true if accepted.
bool CheckpointModel::settle(State& state, const LateCheckpoint& request) const {
  const bool ours = state.lease == request.fence;
  const bool accepted = ours && state.processing > 0;
  if (ours) remove_lease(state);
  const bool keeps = request.outcome != State::Outcome::complete && request.number > 0;
  if (keeps && (accepted || !rules_.keep_needs_the_lease)) {
    const std::uint8_t number = rules_.keep_is_the_last ? kLastOfLease : std::uint8_t{0};
    write_checkpoint(state, {request.fence, number, request.number}, request.of_old_item);
  }
  if (!accepted) return false;
  --state.processing;
  switch (request.outcome) {
    case State::Outcome::complete:
      forget_checkpoint(state, rules_.completion_removes);
      return true;
    case State::Outcome::ready:
      ++state.ready;
      break;
    case State::Outcome::dead:
      state.dead = true;  // equal ones are merged
      break;
  }
  if (request.made > 0) note_accepted(state, request.fence, request.made);
  return true;
}

void CheckpointModel::settle(const State& from, std::size_t index) const {
  const SavingWorker& worker = from.workers[index];
  if (worker.phase == State::Phase::unsettled) return settle_as(from, index, worker.outcome);
  if (worker.phase != State::Phase::running) return;
  if (bounds_.completes) settle_as(from, index, State::Outcome::complete);
  settle_as(from, index, State::Outcome::ready);
  if (bounds_.operators) settle_as(from, index, State::Outcome::dead);
}

void CheckpointModel::settle_as(const State& from, std::size_t index,
                                State::Outcome outcome) const {
  constexpr std::string_view kTexts[] = {"worker {} completes the item",
                                         "worker {} releases the item",
                                         "worker {} fails, and the item is dead"};
  const LateCheckpoint request =
      settlement_of(from.workers[index], outcome, rules_.settlement_keeps);
  State next = from;
  const bool accepted = settle(next, request);
  leave(next, accepted ? kTexts[static_cast<std::size_t>(outcome)] : "worker {} settles in vain",
        index);
  State late = from;
  SavingWorker& worker = late.workers[index];
  worker.phase = State::Phase::unsettled;
  worker.outcome = outcome;
  worker.request = 0;
  if (add_late_request(late, bounds_.late, request)) {
    emit(late, "the connection of worker {} breaks, and its settlement waits in it", index);
  }
}

// It is killed, or its own clock says that the lease has ended.
void CheckpointModel::end(const State& from, std::size_t index) const {
  if (from.workers[index].phase == State::Phase::idle) return;
  leave(from, "worker {} gives up without a word", index);
}

// The worker goes, and what the renewer was sending is lost or arrives later.
void CheckpointModel::leave(State next, std::string_view text, std::size_t index) const {
  const SavingWorker worker = next.workers[index];
  next.workers[index] = {};
  emit(next, text, index);
  const LateCheckpoint request{.kind = LateCheckpoint::Kind::save,
                               .fence = worker.fence,
                               .number = worker.request,
                               .of_old_item = worker.of_old_item};
  if (worker.request > 0 && add_late_request(next, bounds_.late, request)) emit(next, text, index);
}

void CheckpointModel::late(const State& from) const {
  for (std::size_t i = 0; i < bounds_.late; ++i) {
    const LateCheckpoint request = from.late.at(i);
    State next = from;
    std::move(next.late.begin() + static_cast<int>(i) + 1, next.late.end(),
              next.late.begin() + static_cast<int>(i));
    next.late.back() = {};
    switch (request.kind) {
      case LateCheckpoint::Kind::none:
        break;
      case LateCheckpoint::Kind::save:
        save(next, request.fence, request.number, request.of_old_item);
        emit(next, "a late checkpoint arrives");
        break;
      case LateCheckpoint::Kind::settle:
        settle(next, request);
        emit(next, "a late settlement arrives");
        break;
      case LateCheckpoint::Kind::lease:
        set_lease(next, request.fence, request.of_old_item);
        emit(next, "a late SET arrives");
        break;
    }
  }
}

void CheckpointModel::time(const State& from) const {
  if (from.lease == 0) return;
  State next = from;
  if (!from.lease_is_over) {
    next.lease_is_over = true;
    return emit(next, "the lease ends");
  }
  remove_lease(next);
  emit(next, "the tail of the lease ends, too");
  for (std::size_t index = 0; index < bounds_.workers; ++index) {
    const SavingWorker& worker = from.workers[index];
    if (worker.phase != State::Phase::running || worker.fence != from.lease) continue;
    State renewed = from;
    renewed.lease_is_over = false;
    emit(renewed, "worker {} renews the lease", index);
  }
}

// reclaim.lua, requeue.lua
void CheckpointModel::reclaimer(const State& from) const {
  if (from.processing == 0) return;
  State next = from;
  --next.processing;
  if (from.lease != 0 && from.lease_is_over) {
    remove_lease(next);
    State buried = next;
    buried.dead = true;
    if (bounds_.operators) emit(buried, "the reclaimer finds the crash that was one too many");
    ++next.ready;
    emit(next, "the reclaimer hands the item back");
  }
  // It waits longer than a worker takes to lease what it popped.
  const auto popped = std::count_if(
      from.workers.begin(), from.workers.end(),
      [](const SavingWorker& worker) { return worker.phase == State::Phase::popped; });
  if (from.lease == 0 && from.processing > popped) {
    ++next.ready;
    emit(next, "the reclaimer hands back an item without a lease");
  }
}

// drop.lua, after it has removed a copy
void CheckpointModel::drop(State& state) const {
  const bool leased = state.lease != 0;
  if (!leased) return forget_checkpoint(state, rules_.drop_removes);
  if (!rules_.drop_spares_a_leased_one) state.saved = {};
}

void CheckpointModel::operators(const State& from) const {
  if (!bounds_.operators) return;
  if (from.ready > 0) {
    State next = from;
    --next.ready;
    drop(next);
    emit(next, "an operator drops an item from ready");
  }
  if (!from.dead) return;
  State dropped = from;
  dropped.dead = false;
  drop(dropped);
  emit(dropped, "an operator drops the dead item");
  State retried = from;
  retried.dead = false;
  ++retried.ready;
  emit(retried, "an operator retries the dead item");
}

// purge.lua, purge_leases.lua
void CheckpointModel::purge(const State& from) const {
  if (!bounds_.purges) return;
  if (from.exists) {
    State next = from;
    next.exists = next.dead = false;
    next.ready = next.processing = 0;
    forget_checkpoint(next, rules_.purge_removes);
    emit(next, "the queue is purged");
  }
  if (from.lease != 0 && (!from.exists || from.lease_of_old_item)) {
    State next = from;
    remove_lease(next);
    emit(next, "the purge removes the lease");
  }
}

// Fewer copies than before would show nothing new.
void CheckpointModel::push(const State& from) const {
  if (has_copies(from)) return;
  const bool quiet = from.lease == 0 &&
                     std::all_of(from.workers.begin(), from.workers.end(), [](const auto& worker) {
                       return worker.phase == State::Phase::idle;
                     });
  if (!from.exists && !quiet && !bounds_.refilled_at_once) return;
  State next = from;
  next.exists = true;
  next.ready = bounds_.copies;
  next.lease_of_old_item = from.lease != 0;
  for (SavingWorker& worker : next.workers) {
    worker.of_old_item = worker.phase != State::Phase::idle;
  }
  for (LateCheckpoint& request : next.late) {
    request.of_old_item = request.kind != LateCheckpoint::Kind::none;
  }
  emit(next, "the item is pushed again");
}

Findings search_checkpoints(const CheckpointRules& rules, const CheckpointBounds& bounds,
                            std::size_t largest) {
  const CheckpointModel model(rules, bounds);
  return Explorer<CheckpointModel>(model, largest).run();
}

}  // namespace wq::test::search
