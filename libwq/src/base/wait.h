#pragma once

#include <chrono>
#include <stop_token>

namespace wq::internal {

/// Lets the time pass, or less as soon as `stop` is requested.
void wait_for(std::chrono::milliseconds time, const std::stop_token& stop);

}  // namespace wq::internal
