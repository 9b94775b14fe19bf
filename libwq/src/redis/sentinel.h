#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include <wq/clock.h>
#include <wq/redis_options.h>

#include "redis/endpoint.h"

namespace wq::internal {

class Connection;

/// What a sentinel says of a primary. Each failover raises the epoch.
struct NamedPrimary {
  HostAndPort address;
  std::int64_t epoch = -1;
};

/// The primary that sentinels know by the name of `set`, which has sentinels. All of them are asked
/// on each new connection: one that was cut off may still name a primary that was replaced, and the
/// answer with the highest configuration epoch counts
/// (https://redis.io/docs/management/sentinel/, "Configuration epochs").
///
/// The sentinels get the login of the URL; those that want none are asked without. Throws
/// `ConnectionError` if none of them answers before `deadline`, and `RefusedError` if those that
/// answer do not know the name or refuse the login.
[[nodiscard]] NamedPrimary ask_sentinels(const Endpoint& set, const RedisOptions& options,
                                         TimePoint deadline);

/// Connects to one of the sentinels of `set` and logs in there. Throws as `Connection` does.
[[nodiscard]] Connection connect_to_sentinel(const HostAndPort& sentinel, const Endpoint& set,
                                             const RedisOptions& given,
                                             std::chrono::milliseconds longest);

/// Nothing if this sentinel does not know the name.
[[nodiscard]] std::optional<NamedPrimary> ask_sentinel(Connection& sentinel,
                                                       const std::string& name);

}  // namespace wq::internal
