#pragma once

#include <string>

#include <wq/worker.h>

namespace wq::internal {

/// The same with a label. Throws `std::invalid_argument` for what makes no sense.
WorkerOptions checked(WorkerOptions options);

/// What the machine calls itself.
std::string host_name();

}  // namespace wq::internal
