#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <wq/admin.h>

#include "base/keys.h"
#include "redis/connection.h"
#include "redis/reconnecting_connection.h"

/// The changes of a queue; `Admin` describes their effect. A function that takes a connection makes
/// one attempt.
namespace wq::internal {

[[nodiscard]] std::vector<Changed> retry_items(Connection& redis, const Keys& keys,
                                               std::span<const std::string> items);
std::uint64_t retry_matching(ReconnectingConnection& link, const Keys& keys,
                             std::string_view pattern, ItemState from);

[[nodiscard]] std::vector<Changed> drop_items(ReconnectingConnection& link, const Keys& keys,
                                              std::span<const std::string> items, ItemState from);
/// From the dead or delayed.
std::uint64_t drop_matching(ReconnectingConnection& link, const Keys& keys,
                            std::string_view pattern, ItemState from);
std::uint64_t drop_ready(ReconnectingConnection& link, const Keys& keys, std::string_view pattern);

}  // namespace wq::internal
