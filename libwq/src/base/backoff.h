#pragma once

#include <chrono>
#include <cstdint>

namespace wq::internal {

/// How long the n-th wait in a row lasts (n from 1): between half of and the whole of
/// min(longest, base * 2^(n-1)), where `fraction` in [0, 1) picks the point. Half is kept so that
/// a retry is never immediate; the random half spreads those who failed together ("equal
/// jitter" in Brooker, "Exponential Backoff And Jitter", 2015).
[[nodiscard]] std::chrono::milliseconds backoff_delay(std::uint64_t n,
                                                      std::chrono::milliseconds base,
                                                      std::chrono::milliseconds longest,
                                                      double fraction);

/// One that leases and settles, and one that keeps leases.
inline constexpr std::uint64_t kConnectionsOfAWorker = 2;

/// Over how long the workers of a queue spread their next connections when they have lost Redis, so
/// that it gets at most 500 a second if all lost it at once; next to nothing for a few workers.
/// Never more than a quarter of `lease`, in which leases must be renewed, or 20 s.
[[nodiscard]] std::chrono::milliseconds spread_of_connections(std::uint64_t workers,
                                                              std::chrono::milliseconds lease);

/// How long one of those waits before its n-th try in a row (n from 1): before the first a random
/// part of `spread`, then between half of and the whole of it.
[[nodiscard]] std::chrono::milliseconds delay_in_spread(std::uint64_t n,
                                                        std::chrono::milliseconds spread,
                                                        double fraction);

}  // namespace wq::internal
