#include <utility>

#include <wq/worker.h>

#include "worker/call_handler.h"
#include "worker/sums.h"
#include "worker/worker_loop.h"

namespace wq {
namespace {

WorkerOptions without_batches(WorkerOptions options) {
  options.batch = 1;
  return options;
}

}  // namespace

Worker::Worker(std::string queue, RedisOptions redis, WorkerOptions options, Handler handler)
    : Worker(std::vector{QueueShare{.queue = std::move(queue)}}, std::move(redis),
             std::move(options), std::move(handler)) {}

Worker::Worker(std::string queue, RedisOptions redis, WorkerOptions options, BatchHandler handler)
    : Worker(std::vector{QueueShare{.queue = std::move(queue)}}, std::move(redis),
             std::move(options), std::move(handler)) {}

Worker::Worker(std::vector<QueueShare> queues, RedisOptions redis, WorkerOptions options,
               Handler handler)
    : Worker(std::move(queues), std::move(redis), without_batches(std::move(options)),
             internal::one_by_one(std::move(handler))) {}

Worker::Worker(std::vector<QueueShare> queues, RedisOptions redis, WorkerOptions options,
               BatchHandler handler)
    : loop_(std::make_unique<internal::WorkerLoop>(std::move(queues), std::move(redis),
                                                   std::move(options), std::move(handler))) {}

Worker::Worker(const QueueGroup& group, RedisOptions redis, WorkerOptions options, Handler handler)
    : Worker(group, std::move(redis), without_batches(std::move(options)),
             internal::one_by_one(std::move(handler))) {}

Worker::Worker(const QueueGroup& group, RedisOptions redis, WorkerOptions options,
               BatchHandler handler)
    : loop_(std::make_unique<internal::WorkerLoop>(group, std::move(redis), std::move(options),
                                                   std::move(handler))) {}

Worker::~Worker() = default;

WorkerReport Worker::run() {
  WorkerReport report = loop_->run();
  report.queues = loop_->counts();
  report.counts = internal::sum_of(report.queues);
  return report;
}

void Worker::request_stop() noexcept { loop_->request_stop(loop_->grace()); }
void Worker::request_stop_now() noexcept { loop_->request_stop({}); }
WorkerStats Worker::stats() const { return internal::sum_of(loop_->stats()); }
std::vector<WorkerStats> Worker::queue_stats() const { return loop_->stats(); }
Counts Worker::counts() const { return internal::sum_of(loop_->counts()); }
std::vector<Counts> Worker::queue_counts() const { return loop_->counts(); }
const std::string& Worker::session() const noexcept { return loop_->session(); }

}  // namespace wq
