#pragma once

#include <string>

#include <wq/queue.h>

#include "base/info.h"
#include "base/keys.h"
#include "base/version_number.h"
#include "redis/connection.h"

namespace wq::internal {

/// Checks the server. Throws `RefusedError` if it is older than 6.2, whose commands wq
/// needs, if it is a Sentinel, if it is a node of a Redis Cluster and the queue's name has no hash
/// tag, or if a key of the queue has another type, and `RedirectError` if another node has the
/// queue. Facts that the user may not read stay empty in the report. The connection learns whether
/// it is one to a cluster.
[[nodiscard]] ServerReport check_server(Connection& redis, const Keys& keys);

/// The same without a queue.
ServerReport check_server(Connection& redis);

/// True if a Redis of this version lacks commands that wq needs.
[[nodiscard]] bool is_too_old(const VersionNumber& version);

/// The masters that a Sentinel watches: ": redis://10.0.0.1:6379 (shop), ...". Empty without any.
[[nodiscard]] std::string sentinel_masters(const Info& info);

/// The checks of INFO, without asking the server.
[[nodiscard]] ServerReport check_info(const Info& info, const Keys& keys);

}  // namespace wq::internal
