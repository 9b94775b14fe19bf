#include "worker/load_estimator.h"

#include <cstdint>

namespace wq::internal {
namespace {

// How much the newest measurement counts in a running average.
constexpr double kWeightOfNewest = 0.2;

double averaged(double before, double now) { return before + kWeightOfNewest * (now - before); }

}  // namespace

void LoadEstimator::add_item(std::size_t bytes) {
  item_bytes_ = averaged(item_bytes_, static_cast<double>(bytes));
}

void LoadEstimator::add_call(std::chrono::nanoseconds took, std::size_t items) {
  const double now = static_cast<double>(took.count()) / static_cast<double>(items);
  per_item_ns_ = averaged(per_item_ns_.value_or(now), now);
}

std::optional<std::chrono::nanoseconds> LoadEstimator::per_item() const noexcept {
  if (!per_item_ns_) return std::nullopt;
  return std::chrono::nanoseconds{static_cast<std::int64_t>(*per_item_ns_)};
}

}  // namespace wq::internal
