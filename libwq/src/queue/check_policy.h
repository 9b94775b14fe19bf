#pragma once

#include <chrono>

#include <wq/queue.h>

namespace wq::internal {

// These throw std::invalid_argument, which names the value and its range.

void check_range(const char* what, std::chrono::milliseconds value,
                 std::chrono::milliseconds lowest, std::chrono::milliseconds highest);

void check_policy(const RetryPolicy& policy);

}  // namespace wq::internal
