#include "base/random.h"

#include <cstdint>
#include <random>

#include <fmt/format.h>

namespace wq::internal {

std::uint64_t random_bits() {
  std::random_device source;
  return (std::uint64_t{source()} << 32U) | source();
}

std::string random_id() { return fmt::format("{:016x}", random_bits()); }

double random_fraction() {
  thread_local std::mt19937_64 engine{random_bits()};
  return std::uniform_real_distribution<double>{0.0, 1.0}(engine);
}

}  // namespace wq::internal
