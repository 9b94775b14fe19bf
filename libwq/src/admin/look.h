#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <wq/admin.h>

#include "base/keys.h"
#include "redis/connection.h"

/// Reading: see `Admin` for what these do. One try each.
namespace wq::internal {

/// The server's clock, in milliseconds since the epoch.
[[nodiscard]] std::int64_t server_ms(Connection& redis);

[[nodiscard]] ItemPage list_items(Connection& redis, const Keys& keys, ItemState state,
                                  std::string_view after, std::size_t n);

[[nodiscard]] AttemptPage list_attempts(Connection& redis, const Keys& keys,
                                        std::string_view after);

[[nodiscard]] Inspection inspect_item(Connection& redis, const Keys& keys, std::string_view item,
                                      std::size_t max_scan);

/// The word for a state in arguments of scripts.
[[nodiscard]] std::string_view word_of(ItemState state);

/// How `next` of a page is written: the state and two values that may hold any bytes. Throws
/// `std::invalid_argument` for anything else and for the place in a list of another state.
struct Place {
  std::string first;
  std::string second;
};
[[nodiscard]] std::string place_text(ItemState state, const Place& place);
[[nodiscard]] Place read_place(ItemState state, std::string_view text);

}  // namespace wq::internal
