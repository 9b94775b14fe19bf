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

}  // namespace wq::internal
