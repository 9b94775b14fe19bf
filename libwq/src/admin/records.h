#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include <wq/admin.h>

#include "base/keys.h"
#include "redis/connection.h"

namespace wq::internal {

// The records of items and workers in Redis. Any client can write them: invalid fields are ignored,
// without an exception.

/// Reads a value of `Q:failures`.
void read_failure(std::string_view text, ItemInfo& item);

/// Reads the lease: its value and its PTTL.
void read_lease(std::string_view holder, std::int64_t pttl_ms, ItemInfo& item);

/// A score of `Q:delayed` or `Q:dead`.
[[nodiscard]] ServerTime read_score(std::string_view score);

/// A whole number from 0 on, else `otherwise`.
[[nodiscard]] std::uint64_t read_number(std::string_view text, std::uint64_t otherwise = 0);

/// Reads an entry of `Q:workers`.
[[nodiscard]] WorkerInfo read_worker(std::string_view session, std::string_view entry,
                                     std::int64_t server_ms);

/// All of them, longest at work first. One try.
[[nodiscard]] std::vector<WorkerInfo> read_workers(Connection& redis, const Keys& keys);

}  // namespace wq::internal
