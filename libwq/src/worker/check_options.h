#pragma once

#include <span>

#include <wq/worker.h>

namespace wq::internal {

/// The same with a label. Throws `std::invalid_argument` for what makes no sense.
WorkerOptions checked(WorkerOptions options, std::span<const QueueShare> queues);
WorkerOptions checked(WorkerOptions options, const QueueGroup& group);

}  // namespace wq::internal
