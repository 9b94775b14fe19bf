#include <utility>

#include <wq/worker.h>

#include "worker/call_handler.h"
#include "worker/worker_loop.h"

namespace wq {
namespace {

// A worker has one queue so far.
constexpr internal::QueueIndex kOnly = 0;

WorkerOptions without_batches(WorkerOptions options) {
  options.batch = 1;
  return options;
}

}  // namespace

Worker::Worker(std::string queue, RedisOptions redis, WorkerOptions options, Handler handler)
    : Worker(std::move(queue), std::move(redis), without_batches(std::move(options)),
             internal::one_by_one(std::move(handler))) {}

Worker::Worker(std::string queue, RedisOptions redis, WorkerOptions options, BatchHandler handler)
    : loop_(std::make_unique<internal::WorkerLoop>(std::vector{std::move(queue)}, std::move(redis),
                                                   std::move(options), std::move(handler))) {}

Worker::~Worker() = default;

WorkerReport Worker::run() {
  WorkerReport report = loop_->run();
  report.counts = loop_->counts(kOnly);
  return report;
}

void Worker::request_stop() noexcept { loop_->request_stop(loop_->grace()); }
void Worker::request_stop_now() noexcept { loop_->request_stop({}); }
WorkerStats Worker::stats() const { return loop_->stats(); }
Counts Worker::counts() const { return loop_->counts(kOnly); }
const std::string& Worker::session() const noexcept { return loop_->session(); }

}  // namespace wq
