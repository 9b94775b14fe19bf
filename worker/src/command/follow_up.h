#pragma once

#include <string_view>

#include <wq/lease.h>

namespace wq::internal {

/// A follow-up in JSON, see `cli::read_json_item`. Throws `std::invalid_argument` that says what is
/// wrong. Pure.
[[nodiscard]] FollowUp read_follow_up(std::string_view json);

}  // namespace wq::internal
