#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include <wq/admin.h>

#include "base/keys.h"
#include "redis/connection.h"

namespace wq::internal {

/// Reads an entry of `Q:workers`, which anybody may have written; never throws for what it says.
[[nodiscard]] WorkerInfo read_worker(std::string_view session, std::string_view entry,
                                     std::int64_t server_ms);

/// All of them, longest at work first. One try.
[[nodiscard]] std::vector<WorkerInfo> read_workers(Connection& redis, const Keys& keys);

}  // namespace wq::internal
