#include "queue/pop_size.h"

#include <algorithm>

#include "queue/operations.h"

namespace wq::internal {
namespace {

using std::chrono::duration;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// A link that is slower than twice this cannot carry the largest items in time.
constexpr std::size_t kGraceBytesPerSecond = std::size_t{512} << 10U;

// The items of one pop should arrive within this time: well before half the grace period.
constexpr duration<double> kTarget{1};
// Two pops that take no longer may be under way at once.
constexpr milliseconds kPipelined{250};
// From one answer to the next the size grows at most so much: a few answers lead from one item to
// as many as may be asked for.
constexpr double kGrowth = 16;
// After so many answers, the size that broke a connection before is doubled again.
constexpr unsigned kTryMoreAfter = 100;
// An answer that is smaller than this never broke a connection by its size, and how long it took
// says nothing of how long its bytes take.
constexpr double kHarmlessBytes = double{64} * (1U << 10U);
// How much the newest measurement counts in a running average.
constexpr double kWeight = 0.2;

}  // namespace

milliseconds unleased_grace(std::size_t item_bytes) noexcept {
  return kUnleasedGrace + milliseconds{item_bytes * 1'000 / kGraceBytesPerSecond};
}

milliseconds time_to_lease(std::size_t item_bytes) noexcept {
  return unleased_grace(item_bytes) / 2;
}

PopSize PopSize::from_one_item() noexcept {
  PopSize size;
  size.bytes_ = 1;
  size.one_at_a_time_ = true;
  return size;
}

std::size_t PopSize::items(std::size_t want) const noexcept {
  const double most = std::max(1.0, bytes_ / item_bytes_);
  return most < static_cast<double>(want) ? static_cast<std::size_t>(most) : want;
}

bool PopSize::one_at_a_time(std::size_t want) const noexcept {
  const double bytes = static_cast<double>(items(want)) * item_bytes_;
  return one_at_a_time_ || (bytes > kHarmlessBytes && bytes * byte_took_ > kPipelined);
}

void PopSize::arrived(std::size_t items, std::size_t bytes, nanoseconds took) noexcept {
  if (items == 0) return;
  const auto size = static_cast<double>(bytes + items);
  const double average = size / static_cast<double>(items);
  // One that is larger than usual counts at once, smaller ones bit by bit.
  item_bytes_ = average > item_bytes_ ? average : item_bytes_ + kWeight * (average - item_bytes_);
  if (++below_the_ceiling_ >= kTryMoreAfter) {
    ceiling_ = std::min(2 * ceiling_, kMostBytes);
    below_the_ceiling_ = 0;
  }
  const double by_time = size * (kTarget / std::max<duration<double>>(took, nanoseconds{1}));
  bytes_ = took <= kTarget ? std::min(ceiling_, std::max(bytes_, std::min(by_time, size * kGrowth)))
                           : std::min(bytes_, by_time);
  one_at_a_time_ = took > kPipelined;
  byte_took_ = took / size;
}

void PopSize::late() noexcept {
  bytes_ = std::max(bytes_ / 2, 1.0);
  one_at_a_time_ = true;
}

void PopSize::broken(std::size_t items) noexcept {
  const double asked = static_cast<double>(items) * item_bytes_;
  if (asked <= kHarmlessBytes) return;
  bytes_ = ceiling_ = std::min(bytes_, asked) / 2;
  below_the_ceiling_ = 0;
  one_at_a_time_ = true;
}

}  // namespace wq::internal
