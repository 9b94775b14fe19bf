#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include <hiredis/hiredis.h>

#include "redis/reply.h"

namespace wq::fuzz {

/// Reads one reply off the beginning of `bytes`; none if it is not whole or not a reply. Replies
/// that only claim to be huge are left alone: the allocations of hiredis are not under test.
[[nodiscard]] std::optional<internal::Reply> read_reply(std::string_view& bytes);

}  // namespace wq::fuzz
