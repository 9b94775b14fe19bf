#pragma once

#include <chrono>
#include <cstddef>
#include <optional>

namespace wq::internal {

/// How large the items are lately and how long each of them takes: running averages. Not
/// thread-safe.
class LoadEstimator {
 public:
  /// An item of this size came.
  void add_item(std::size_t bytes);
  /// One call of the handler took so long with so many items.
  void add_call(std::chrono::nanoseconds took, std::size_t items);

  [[nodiscard]] std::size_t item_bytes() const noexcept {
    return static_cast<std::size_t>(item_bytes_);
  }
  /// Nothing before the first call.
  [[nodiscard]] std::optional<std::chrono::nanoseconds> per_item() const noexcept;

 private:
  double item_bytes_ = 0;
  std::optional<double> per_item_ns_;
};

}  // namespace wq::internal
