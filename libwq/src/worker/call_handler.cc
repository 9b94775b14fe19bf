#include "worker/call_handler.h"

#include <exception>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

namespace wq::internal {

std::vector<Outcome> call_handler(const BatchHandler& handler, const Batch& batch,
                                  const std::size_t& open) {
  const std::size_t size = batch.leases.size();
  const auto all = [size](const Outcome& outcome) { return std::vector<Outcome>(size, outcome); };
  try {
    std::vector<Outcome> outcomes = handler(batch);
    if (outcomes.size() == size || (outcomes.empty() && open == 0)) return outcomes;
    return all(Outcome::fail(
        fmt::format("the handler returned {} outcomes for {} items", outcomes.size(), size)));
  } catch (const CannotRun&) {
    throw;
  } catch (const CannotGoOn&) {
    throw;
  } catch (const std::exception& error) {
    return all(Outcome::fail(error.what()));
  } catch (...) {
    return all(Outcome::fail("the handler threw an exception not derived from std::exception"));
  }
}

BatchHandler one_by_one(Handler handler) {
  return [handler = std::move(handler)](const Batch& batch) {
    std::vector<Outcome> outcomes;
    for (std::size_t i = 0; i < batch.leases.size(); ++i) {
      const Lease& lease = batch.leases[i];
      outcomes.push_back(
          handler({lease, lease.item, batch.slot, batch.stop, batch.queue,
                   [&batch, i](std::string text) { batch.checkpoint(i, std::move(text)); }}));
    }
    return outcomes;
  };
}

void refuse_to_settle(std::size_t index, std::size_t size) {
  throw std::invalid_argument(fmt::format("item {} of a batch of {} {}", index, size,
                                          index < size ? "was settled before" : "is none"));
}

}  // namespace wq::internal
