#include "worker/call_handler.h"

#include <exception>
#include <new>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

namespace wq::internal {
namespace {

std::exception_ptr failed(std::string_view who, std::string_view why) {
  return std::make_exception_ptr(
      CannotGoOn(fmt::format("{} failed: {}; held items are released", who, why)));
}

}  // namespace

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
    for (const Lease& lease : batch.leases) {
      outcomes.push_back(handler({lease, lease.item, batch.slot, batch.stop, batch.queue}));
    }
    return outcomes;
  };
}

void refuse_to_settle(std::size_t index, std::size_t size) {
  throw std::invalid_argument(fmt::format("item {} of a batch of {} {}", index, size,
                                          index < size ? "was settled before" : "is none"));
}

std::exception_ptr cannot_go_on(std::string_view who) noexcept {
  try {
    try {
      throw;
    } catch (const std::bad_alloc&) {
      return failed(who, "out of memory");
    } catch (const std::exception& error) {
      return failed(who, error.what());
    } catch (...) {
      return failed(who, "something was thrown that is no std::exception");
    }
  } catch (...) {
    return std::current_exception();
  }
}

}  // namespace wq::internal
