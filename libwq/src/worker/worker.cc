#include <utility>

#include <wq/worker.h>

#include "worker/call_handler.h"
#include "worker/worker_loop.h"

namespace wq {
namespace {

WorkerOptions without_batches(WorkerOptions options) {
  options.batch = 1;
  return options;
}

}  // namespace

Worker::Worker(std::string queue, RedisOptions redis, WorkerOptions options, Handler handler)
    : Worker(std::move(queue), std::move(redis), without_batches(std::move(options)),
             internal::one_by_one(std::move(handler))) {}

Worker::Worker(std::string queue, RedisOptions redis, WorkerOptions options, BatchHandler handler)
    : loop_(std::make_unique<internal::WorkerLoop>(queue, std::move(redis), std::move(options),
                                                   std::move(handler))) {}

Worker::~Worker() = default;

WorkerReport Worker::run() { return loop_->run(); }
void Worker::request_stop() noexcept { loop_->request_stop(loop_->grace()); }
void Worker::request_stop_now() noexcept { loop_->request_stop({}); }
WorkerStats Worker::stats() const { return loop_->stats(); }
Counts Worker::counts() const { return loop_->counts(); }
const std::string& Worker::session() const noexcept { return loop_->session(); }

}  // namespace wq
