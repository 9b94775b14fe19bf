#pragma once

#include <cstdint>
#include <string>

namespace wq::internal {

/// 16 hexadecimal digits from the system's random source: the name of a session, of a queue's
/// run, of a lock's owner. Thread-safe.
[[nodiscard]] std::string random_id();
/// From the system's random source.
[[nodiscard]] std::uint64_t random_bits();

/// Uniform in [0, 1), for jitter. Thread-safe.
[[nodiscard]] double random_fraction();

}  // namespace wq::internal
