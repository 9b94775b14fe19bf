// What a worker tells of itself: to people in Redis, and to whoever watches this process.
#include <algorithm>

#include <unistd.h>

#include "base/host_name.h"
#include "worker/worker_loop.h"

namespace wq::internal {

WorkerStatus WorkerLoop::status() const {
  return {options_.label,       host_name(),     getpid(),
          options_.concurrency, renewer_.size(), renewer_.oldest(BootClock::now()),
          completed_,           failed_};
}

WorkerFigures WorkerLoop::figures() const {
  const auto reconnects = [](const ReconnectingConnection& link) {
    return std::max<std::uint64_t>(link.generation(), 1) - 1;
  };
  WorkerFigures figures = slots_.handler_figures();
  figures.completed = completed_;
  figures.failed = failed_;
  figures.released = released_;
  figures.lost = lost_;
  figures.unknown = unknown_;
  figures.holding = holding_;
  figures.renewals = renewer_.renewals();
  figures.reconnects = reconnects(link_) + reconnects(renewer_link_);
  return figures;
}

Counts WorkerLoop::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

void WorkerLoop::share(const Counts& counts) {
  const std::lock_guard lock(mutex_);
  counts_ = counts;
}

}  // namespace wq::internal
