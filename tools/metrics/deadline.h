#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include <wq/queue_metrics.h>

namespace wq::metrics {

using Deadline = std::chrono::sys_time<std::chrono::milliseconds>;

/// Reads a point in time such as `2026-12-01T06:00:00Z`. Throws `std::invalid_argument`.
[[nodiscard]] Deadline parse_deadline(std::string_view text);

/// Ready, delayed and in work.
[[nodiscard]] std::uint64_t remaining_items(const Counts& counts);

/// How many workers do what remains by the deadline, each with as many slots as those that live
/// have on average, at the speed of the last minute.
///
/// Nothing remains: none. No item was measured yet: one, whose first item will be. Never more than
/// have an item for each slot, and so many after the deadline, or when the time is too short for a
/// single item.
[[nodiscard]] std::uint64_t workers_wanted(const QueueMetrics& metrics, Deadline deadline);

}  // namespace wq::metrics
