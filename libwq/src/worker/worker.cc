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

Counts sum_of(const std::vector<Counts>& queues) {
  Counts sum;
  sum.paused = true;
  for (const Counts& each : queues) {
    if (sum.id.empty()) sum.id = each.id;
    sum.paused = sum.paused && each.paused;
    for (const auto count :
         {&Counts::ready, &Counts::processing, &Counts::delayed, &Counts::dead, &Counts::producers,
          &Counts::pushed, &Counts::leased, &Counts::completed, &Counts::failed, &Counts::crashed,
          &Counts::returned, &Counts::released, &Counts::died, &Counts::dropped, &Counts::merged,
          &Counts::foreign}) {
      sum.*count += each.*count;
    }
  }
  return sum;
}

WorkerStats sum_of(const std::vector<WorkerStats>& queues) {
  WorkerStats sum;
  for (const WorkerStats& each : queues) {
    for (const auto number :
         {&WorkerStats::completed, &WorkerStats::failed, &WorkerStats::released, &WorkerStats::lost,
          &WorkerStats::unknown, &WorkerStats::holding, &WorkerStats::running,
          &WorkerStats::renewals, &WorkerStats::reconnects}) {
      sum.*number += each.*number;
    }
    if (each.longest_time > sum.longest_time) {
      sum.longest_item = each.longest_item;
      sum.longest_time = each.longest_time;
    }
    for (std::size_t i = 0; i < sum.handler_calls.size(); ++i) {
      sum.handler_calls[i] += each.handler_calls[i];
    }
    sum.handler_time += each.handler_time;
  }
  return sum;
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

Worker::~Worker() = default;

WorkerReport Worker::run() {
  WorkerReport report = loop_->run();
  report.queues = loop_->counts();
  report.counts = sum_of(report.queues);
  return report;
}

void Worker::request_stop() noexcept { loop_->request_stop(loop_->grace()); }
void Worker::request_stop_now() noexcept { loop_->request_stop({}); }
WorkerStats Worker::stats() const { return sum_of(loop_->stats()); }
std::vector<WorkerStats> Worker::queue_stats() const { return loop_->stats(); }
Counts Worker::counts() const { return sum_of(loop_->counts()); }
std::vector<Counts> Worker::queue_counts() const { return loop_->counts(); }
const std::string& Worker::session() const noexcept { return loop_->session(); }

}  // namespace wq
