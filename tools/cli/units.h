#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace wq::cli {

// How durations, sizes and numbers are written on a command line. The readers throw
// `std::invalid_argument` with one line that quotes the text and says what was expected. All are
// thread-safe.

/// Reads a whole number and a unit: `500ms`, `60s`, `5m`, `2h`, `1d`. Zero needs no unit. At most
/// 36500d.
[[nodiscard]] std::chrono::milliseconds parse_duration(std::string_view text);

/// The same the other way round, exactly: `250ms`, `60s`, `5m`, `0`.
[[nodiscard]] std::string duration_text(std::chrono::milliseconds duration);

/// For people, in two units at most: `850ms`, `12s`, `3m20s`, `5h07m`, `2d03h`.
[[nodiscard]] std::string age_text(std::chrono::milliseconds age);

/// A range of durations: `1s..5m`. The first may not exceed the second.
struct DurationRange {
  std::chrono::milliseconds min{0};
  std::chrono::milliseconds max{0};
};
[[nodiscard]] DurationRange parse_duration_range(std::string_view text);
[[nodiscard]] std::string duration_range_text(DurationRange range);

/// Reads a size in bytes: `512`, or a whole number with K, M, G or T for 1024, 1024^2 and so on,
/// in either case; `16Mi` and `16MiB` mean the same as `16M`. `16MB` is refused, since half the
/// world means 16,000,000 by it.
[[nodiscard]] std::uint64_t parse_size(std::string_view text);

/// The same the other way round, exactly: `16M`, `1500`.
[[nodiscard]] std::string size_text(std::uint64_t bytes);

/// Reads a whole number between `min` and `max`: digits only.
[[nodiscard]] std::uint64_t parse_number(
    std::string_view text, std::uint64_t min = 0,
    std::uint64_t max = std::numeric_limits<std::uint64_t>::max());

/// `1 item`, `3 items`; `many` where an "s" does not make it many.
[[nodiscard]] std::string plural(std::uint64_t n, std::string_view one, std::string_view many = "");

/// Reads a switch from the environment: 1, true, yes, on; 0, false, no, off.
[[nodiscard]] bool parse_switch(std::string_view text);

}  // namespace wq::cli
