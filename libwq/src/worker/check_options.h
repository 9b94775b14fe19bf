#pragma once

#include <wq/worker.h>

namespace wq::internal {

/// The same with a label. Throws `std::invalid_argument` for what makes no sense.
WorkerOptions checked(WorkerOptions options);

}  // namespace wq::internal
