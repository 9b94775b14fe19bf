#pragma once

#include <cstdint>

#include "bench/bench.h"

namespace wq::bench {

/// Pushes the first `n` items of an `ItemMaker` with variadic LPUSH, 1,000 a call, as fast as
/// hiredis can, and nothing else. Returns items a second.
[[nodiscard]] double bare_push(Bench& bench, std::uint64_t n);

}  // namespace wq::bench
