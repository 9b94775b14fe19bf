#pragma once

#include <chrono>

#include <wq/export.h>

namespace wq {

/// The clock of everything that is measured on this side: lease ends, grace periods, patience.
/// It is monotonic and goes on while the machine is suspended (Linux CLOCK_BOOTTIME), so that a
/// laptop that slept does not believe in a lease that Redis has long ended. Times that more than
/// one machine compares are always the server's.
///
/// Meets the requirements of a C++ clock. Thread-safe.
struct WQ_API BootClock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<BootClock>;
  static constexpr bool is_steady = true;

  [[nodiscard]] static time_point now() noexcept;
};

using TimePoint = BootClock::time_point;

}  // namespace wq
