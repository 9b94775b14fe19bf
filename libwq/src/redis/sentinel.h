#pragma once

#include <wq/clock.h>
#include <wq/redis_options.h>

#include "redis/endpoint.h"

namespace wq::internal {

/// The primary that sentinels know by the name of `set`, which has sentinels. All of them are asked
/// on each new connection: one that was cut off may still name a primary that was replaced, and the
/// answer with the highest configuration epoch counts
/// (https://redis.io/docs/management/sentinel/, "Configuration epochs").
///
/// The sentinels get the login of the URL; those that want none are asked without. Throws
/// `ConnectionError` if none of them answers before `deadline`, and `RefusedError` if those that
/// answer do not know the name or refuse the login.
[[nodiscard]] Endpoint ask_sentinels(const Endpoint& set, const RedisOptions& options,
                                     TimePoint deadline);

}  // namespace wq::internal
