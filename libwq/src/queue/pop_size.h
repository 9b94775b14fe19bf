#pragma once

#include <chrono>
#include <cstddef>

namespace wq::internal {

/// How long after the pop an item of so many bytes may still be leased. A reclaimer returns an
/// unleased item after twice as long (`unleased_grace`): its worker has given it up by then. Grows
/// with the size, since a large item takes time to arrive.
[[nodiscard]] std::chrono::milliseconds time_to_lease(std::size_t item_bytes) noexcept;
[[nodiscard]] std::chrono::milliseconds unleased_grace(std::size_t item_bytes) noexcept;

/// How much one pop may ask for, so that what it moves arrives in time to be leased. Goes by the
/// size of recent items and by how long recent answers took; learns from each answer, and asks for
/// less after one that came too late or not at all, down to one item. Not thread-safe.
class PopSize {
 public:
  /// Asks for as much as is wanted until an answer has shown that this is too much.
  PopSize() = default;
  /// Asks for one item first, of which nothing is known, and for more as answers allow it.
  [[nodiscard]] static PopSize from_one_item() noexcept;

  /// How many of `want` items may be asked for, at least one.
  [[nodiscard]] std::size_t items(std::size_t want) const noexcept;

  /// True if a pop for `want` items must not follow behind one that is not answered yet: answers
  /// take so long, or one of that size would, that the second could be late through the first.
  [[nodiscard]] bool one_at_a_time(std::size_t want) const noexcept;

  /// An answer with items came, `took` after the request.
  void arrived(std::size_t items, std::size_t bytes, std::chrono::nanoseconds took) noexcept;
  /// Too late to lease what it holds.
  void late() noexcept;
  /// The connection broke before the answer to a pop of `items`. Small answers do not break it.
  void broken(std::size_t items) noexcept;

 private:
  // The most that is ever asked for.
  static constexpr double kMostBytes = double{64} * (1U << 20U);

  double bytes_ = kMostBytes;
  double item_bytes_ = 1;
  double ceiling_ = kMostBytes;     // so much has broken no connection lately
  unsigned below_the_ceiling_ = 0;  // answers since it was set
  bool one_at_a_time_ = false;
  std::chrono::duration<double> byte_took_{0};  // in the last answer, all of its time counted
};

}  // namespace wq::internal
