#pragma once

#include <algorithm>
#include <cstddef>

namespace wq::internal {

/// How many items of a list are read at once: about a mebibyte of them, whatever an item weighs,
/// and less where a read of so much fails (a slow link, Redis' `client-output-buffer-limit`).
class ChunkSize {
 public:
  static constexpr std::size_t kBytes = std::size_t{1} << 20U;
  static constexpr std::size_t kMostItems = 1'000;

  [[nodiscard]] std::size_t items() const noexcept {
    return std::clamp(bytes_ / item_bytes_, std::size_t{1}, kMostItems);
  }

  /// A chunk was read: the next one goes by the size of its items.
  void read(std::size_t items, std::size_t bytes) noexcept {
    if (items > 0) item_bytes_ = bytes / items + 1;
  }

  /// A chunk could not be read: half of it is tried next.
  void failed() noexcept { bytes_ = std::max(items() * item_bytes_ / 2, std::size_t{1}); }

 private:
  // Before the first is read nothing is known: items may be large.
  static constexpr std::size_t kFirstItems = 8;

  std::size_t bytes_ = kBytes;
  std::size_t item_bytes_ = kBytes / kFirstItems;
};

}  // namespace wq::internal
