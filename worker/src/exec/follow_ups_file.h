#pragma once

#include <string_view>
#include <vector>

#include <wq/lease.h>

namespace wq::internal {

/// Reads the lines of $WQ_FOLLOWUPS_FILE, one follow-up each: see `cli::read_json_item`. Throws
/// `std::invalid_argument` that says which line is wrong, and what. Pure.
[[nodiscard]] std::vector<FollowUp> read_follow_ups(std::string_view lines);

}  // namespace wq::internal
