#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace wq::bench {

/// How long every item of the benchmarks is.
inline constexpr std::size_t kItemBytes = 50;

/// Makes distinct items, "item-" and a number that counts up from 0, at next to no cost: what is
/// measured is the queue, not this. Not thread-safe.
class ItemMaker {
 public:
  /// `mark` replaces the first of the digits, so that makers with different marks make
  /// different items.
  explicit ItemMaker(char mark = '0');

  /// Valid until the next call.
  [[nodiscard]] std::string_view next() noexcept;

 private:
  std::array<char, kItemBytes> text_{};
  bool begun_ = false;
};

/// Writes the first `n` items to a file, one a line.
void write_items(const std::string& path, std::uint64_t n);

}  // namespace wq::bench
