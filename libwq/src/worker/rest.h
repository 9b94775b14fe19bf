#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace wq::internal {

/// A worker rests when nothing has come to its queue for a while: it waits for an item for minutes,
/// says so in its heartbeat, and beats as rarely. An item ends the wait at once, and so do those
/// that change the queue in another way (see queue/waiting.h). How long it waits if neither comes,
/// or the word of a change is lost:
inline constexpr std::chrono::milliseconds kLongestWaitAtRest = std::chrono::minutes{20};
/// The longest time between two heartbeats. People are not told for so long that a worker has died.
inline constexpr std::chrono::milliseconds kLongestRestBeat = std::chrono::minutes{5};
/// With its heartbeats a worker bids to be the reclaimer: so often all workers together do so while
/// they rest.
inline constexpr std::chrono::milliseconds kRestBids = std::chrono::minutes{1};
/// For so long it does not rest.
inline constexpr std::chrono::milliseconds kRestsAfter{5'000};
/// Before that it rests no longer than until nothing has come for so long.
inline constexpr std::chrono::milliseconds kFirstRests = std::chrono::minutes{1};

/// How long a worker rests to which nothing has come for `idle`. `fraction` in [0, 1): workers that
/// began together are not to look together.
[[nodiscard]] constexpr std::chrono::milliseconds rest_after(std::chrono::milliseconds idle,
                                                             double fraction) noexcept {
  using std::chrono::milliseconds;
  const milliseconds whole = idle < kFirstRests / 2 ? kFirstRests - idle : kLongestWaitAtRest;
  const auto least = static_cast<double>(whole.count()) * 0.8;
  return milliseconds{static_cast<milliseconds::rep>(least * (1 + 0.25 * fraction))};
}

/// The time until the next heartbeat of one of so many workers. `fraction` likewise: they began to
/// rest together.
[[nodiscard]] constexpr std::chrono::milliseconds rest_beat_after(std::chrono::milliseconds idle,
                                                                  std::uint64_t workers,
                                                                  double fraction) noexcept {
  using std::chrono::milliseconds;
  const std::uint64_t few = std::clamp<std::uint64_t>(workers, 1, kLongestRestBeat / kRestBids);
  const milliseconds whole =
      idle < kFirstRests / 2 ? kFirstRests : kRestBids * static_cast<milliseconds::rep>(few);
  const auto least = static_cast<double>(whole.count()) * 0.7;
  return milliseconds{
      static_cast<milliseconds::rep>(least + 0.3 * fraction * static_cast<double>(whole.count()))};
}

}  // namespace wq::internal
