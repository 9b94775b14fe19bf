// The states of the model of checkpoints: their codes, and how they are shown.
#include <algorithm>
#include <functional>

#include <fmt/format.h>

#include "model/search/bits.h"
#include "model/search/checkpoint_model.h"

namespace wq::test::search {
namespace {

using CheckpointFence = CheckpointState::Fence;

template <typename Field, typename AnyState>
void code_checkpoints(Field& field, AnyState& state) {
  for (auto& worker : state.workers) {
    field(worker.phase, 2);
    field(worker.fence, 3);
    field(worker.outcome, 2);
    field(worker.tried, 1);
    field(worker.made, 2);
    field(worker.unsent, 1);
    field(worker.request, 2);
    field(worker.of_old_item, 1);
  }
  for (auto& request : state.late) {
    field(request.kind, 2);
    field(request.fence, 3);
    field(request.number, 2);
    field(request.made, 2);
    field(request.outcome, 2);
    field(request.of_old_item, 1);
  }
  field(state.exists, 1);
  field(state.ready, 2);
  field(state.processing, 2);
  field(state.dead, 1);
  field(state.lease, 3);
  field(state.lease_is_over, 1);
  field(state.lease_of_old_item, 1);
  field(state.saved.fence, 3);
  field(state.saved.number, 2);
  field(state.saved.content, 2);
  field(state.accepted_fence, 3);
  field(state.accepted, 2);
  field(state.attempts, 3);
}

template <typename AnyState, typename Visit>
void for_each_fence(AnyState& state, Visit visit) {
  for (auto& worker : state.workers) visit(worker.fence);
  for (auto& request : state.late) visit(request.fence);
  visit(state.lease);
  visit(state.saved.fence);
  visit(state.accepted_fence);
}

// So that states that differ in nothing but the distances of fences are one.
void renumber(CheckpointState& state) {
  std::uint32_t used = 0;
  for_each_fence(state, [&](CheckpointFence& fence) { used |= 1U << fence; });
  std::array<CheckpointFence, 16> now{};
  CheckpointFence next = 1;
  for (std::size_t fence = 1; fence < now.size(); ++fence) {
    if ((used >> fence & 1U) != 0) now[fence] = next++;
  }
  for_each_fence(state, [&](CheckpointFence& fence) { fence = now[fence]; });
}

}  // namespace

CheckpointFence next_fence(const CheckpointState& state) {
  CheckpointFence last = 0;
  for_each_fence(state, [&](CheckpointFence fence) { last = std::max(last, fence); });
  return static_cast<CheckpointFence>(last + 1);
}

CheckpointModel::Code CheckpointModel::encode(const State& state) {
  State same = state;
  renumber(same);
  // Any of them may arrive next.
  std::sort(same.late.begin(), same.late.end(), std::greater<>());
  BitWriter<Code> writer;
  code_checkpoints(writer, same);
  return writer.code;
}

CheckpointState CheckpointModel::decode(const Code& code) {
  State state;
  BitReader<Code> reader(code);
  code_checkpoints(reader, state);
  return state;
}

CheckpointModel::Code CheckpointModel::first() const {
  State state;
  state.ready = bounds_.copies;
  state.attempts = bounds_.attempts;
  return encode(state);
}

std::string CheckpointModel::describe(const Code& from, std::size_t step) const {
  const Successor& taken = successors(from).at(step);
  return fmt::format(fmt::runtime(taken.text), taken.worker + 1);
}

std::string CheckpointModel::show(const Code& code) const {
  const State state = decode(code);
  std::string text = fmt::format("{} ready, {} in processing{}{}; ", state.ready, state.processing,
                                 state.dead ? ", one dead" : "", state.exists ? "" : ", purged");
  text += state.lease == 0
              ? "no lease"
              : fmt::format("lease #{}{}", state.lease, state.lease_is_over ? " (over)" : "");
  text += state.saved.fence != 0
              ? fmt::format("; checkpoint {} of #{}", state.saved.content, state.saved.fence)
              : "; no checkpoint";
  for (std::size_t i = 0; i < bounds_.workers; ++i) {
    const State::Worker& worker = state.workers[i];
    if (worker.phase == State::Phase::idle) continue;
    text += fmt::format("; worker {}: #{}, made {}", i + 1, worker.fence, worker.made);
  }
  return text;
}

}  // namespace wq::test::search
