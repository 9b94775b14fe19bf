#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <wq/admin.h>

#include "base/keys.h"
#include "redis/connection.h"

/// What the other files of this folder read too. One try each.
namespace wq::internal {

/// The server's clock, in milliseconds since the epoch.
[[nodiscard]] std::int64_t server_ms(Connection& redis);

[[nodiscard]] ItemPage list_items(Connection& redis, const Keys& keys, ItemState state,
                                  std::string_view after, std::size_t n);

/// The word for a state in arguments of scripts.
[[nodiscard]] std::string_view word_of(ItemState state);

/// Throws `std::invalid_argument` for a number of items that exceeds one call.
void check_number(std::size_t n);

}  // namespace wq::internal
