#pragma once

#include <string>
#include <string_view>

#include <wq/queue.h>

#include "base/keys.h"
#include "base/version_number.h"
#include "redis/connection.h"

namespace wq::internal {

/// Asks the server what it is. Throws `RefusedError` if it is older than 6.2, whose commands wq
/// needs, if it is a Sentinel, if it is a node of a Redis Cluster that does not own the queue's
/// keys or whose queue's name has no hash tag, or if a key of the queue has another type. Facts
/// that the user may not read stay empty in the report.
[[nodiscard]] ServerReport check_server(Connection& redis, const Keys& keys);

/// The same for a caller who has no queue: looks at what the server is.
void check_server(Connection& redis);

/// True if a Redis of this version lacks commands that wq needs.
[[nodiscard]] bool is_too_old(const VersionNumber& version);

/// "redis://10.0.0.1:6379 (shop)" of what a Sentinel's INFO says of a master that it watches:
/// "name=shop,status=ok,address=10.0.0.1:6379,...". Empty if there is no address in it.
[[nodiscard]] std::string sentinel_master(std::string_view said);

/// The same without asking, from the text of INFO.
[[nodiscard]] ServerReport read_info(std::string_view info, const Keys& keys);

/// The value of a line "name:value" of INFO; empty if missing.
[[nodiscard]] std::string info_field(std::string_view info, std::string_view name);

}  // namespace wq::internal
