#include <mutex>
#include <stop_token>
#include <utility>

#include <wq/testing.h>

#include "queue/limits.h"
#include "worker/call_handler.h"

namespace wq::testing {

// Apart, so that what `batch` gave out stays valid when the object is moved.
struct FakeBatch::State {
  unsigned slot = 0;
  std::vector<Lease> leases;
  std::stop_source stop;
  mutable std::mutex mutex;
  std::vector<std::optional<Outcome>> settled;
  std::size_t open = 0;  // how many are not
  std::vector<std::string> checkpoints;

  void save(std::size_t index, std::string text) {
    internal::check_checkpoint(text);
    const std::lock_guard lock(mutex);
    if (index >= settled.size() || settled[index]) {
      internal::refuse_to_settle(index, settled.size());
    }
    checkpoints[index] = std::move(text);
  }

  void settle(std::size_t index, Outcome outcome) {
    const std::lock_guard lock(mutex);
    if (index >= settled.size() || settled[index]) {
      internal::refuse_to_settle(index, settled.size());
    }
    settled[index] = std::move(outcome);
    // A worker moves it away too: who looks at it afterwards learns so here.
    leases[index] = {};
    --open;
  }
};

FakeBatch::FakeBatch(std::vector<std::string> items, unsigned slot)
    : state_(std::make_unique<State>()) {
  state_->slot = slot;
  state_->open = items.size();
  state_->settled.resize(items.size());
  state_->checkpoints.resize(items.size());
  for (std::string& item : items) {
    Lease& lease = state_->leases.emplace_back();
    lease.hash = hash_item(item);
    lease.item = std::move(item);
    lease.fence = state_->leases.size();
  }
}

FakeBatch::~FakeBatch() = default;
FakeBatch::FakeBatch(FakeBatch&&) noexcept = default;
FakeBatch& FakeBatch::operator=(FakeBatch&&) noexcept = default;

std::vector<Lease>& FakeBatch::leases() noexcept { return state_->leases; }

Batch FakeBatch::batch() {
  return {.leases = state_->leases,
          .slot = state_->slot,
          .stop = state_->stop.get_token(),
          .settle = [state = state_.get()](
                        std::size_t index,
                        Outcome outcome) { state->settle(index, std::move(outcome)); },
          .checkpoint = [state = state_.get()](
                            std::size_t index,
                            std::string text) { state->save(index, std::move(text)); }};
}

void FakeBatch::request_stop() noexcept { state_->stop.request_stop(); }

std::vector<Outcome> FakeBatch::run(const BatchHandler& handler) {
  std::vector<Outcome> outcomes = internal::call_handler(handler, batch(), state_->open);
  const std::lock_guard lock(state_->mutex);
  outcomes.resize(state_->settled.size());
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    std::optional<Outcome>& settled = state_->settled[i];
    if (settled) {
      outcomes[i] = *settled;
    } else {
      settled = outcomes[i];
    }
  }
  state_->open = 0;
  return outcomes;
}

std::optional<Outcome> FakeBatch::settled(std::size_t index) const {
  const std::lock_guard lock(state_->mutex);
  return state_->settled.at(index);
}

std::string FakeBatch::checkpoint(std::size_t index) const {
  const std::lock_guard lock(state_->mutex);
  return state_->checkpoints.at(index);
}

FakeJob::FakeJob(std::string item, unsigned slot) : batch_({std::move(item)}, slot) {}

Lease& FakeJob::lease() noexcept { return batch_.leases().front(); }

Job FakeJob::job() {
  const Batch batch = batch_.batch();
  const Lease& only = batch.leases.front();
  return {.lease = only,
          .item = only.item,
          .slot = batch.slot,
          .stop = batch.stop,
          .checkpoint = [save = batch.checkpoint](std::string text) { save(0, std::move(text)); }};
}

void FakeJob::request_stop() noexcept { batch_.request_stop(); }

Outcome FakeJob::run(const Handler& handler) {
  return batch_.run(internal::one_by_one(handler)).front();
}

}  // namespace wq::testing
