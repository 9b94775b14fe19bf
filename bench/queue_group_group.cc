#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include <wq/producer.h>

#include "bench/drain.h"
#include "bench/groups.h"
#include "bench/item_maker.h"

namespace wq::bench {
namespace {

constexpr std::uint64_t kQueues = 1'000;
constexpr std::size_t kItemsOfBatch = 100;

std::string bench_queue(std::uint64_t queue) { return fmt::format("bench-{}", queue); }

void fill_group(Bench& bench, std::uint64_t queues, std::uint64_t items) {
  bench.clear();
  ItemMaker maker;
  for (std::uint64_t queue = 0; queue < queues; ++queue) {
    Producer producer(bench_queue(queue), bench.redis());
    for (std::uint64_t i = 0; i < items / queues; ++i) producer.push(maker.next());
    producer.finish();
  }
}

/// Items a second of one worker, from before the first connection is made until it has ended.
double drain_group(Bench& bench, std::uint64_t queues, std::uint64_t items, std::size_t batch) {
  fill_group(bench, queues, items);
  WorkerOptions options;
  options.batch = batch;
  const StopWatch watch;
  Crew crew(1, [&](unsigned) {
    const BatchHandler handler = [](const Batch& given) {
      return std::vector<Outcome>(given.leases.size(), Outcome::complete());
    };
    if (queues == 1) {
      return std::make_unique<Worker>(std::vector{QueueShare{.queue = bench_queue(0)}},
                                      bench.redis(), options, handler);
    }
    return std::make_unique<Worker>(QueueGroup{"bench-*"}, bench.redis(), options, handler);
  });
  const WorkerReport report = crew.join().front();
  const double seconds = watch.seconds();
  check(report.end == WorkerEnd::drained, "the worker ended before the queues were drained");
  check_equal(report.completed, items, "items that the worker completed");
  check_equal(report.counts.leased, items, "leases of all queues");
  return static_cast<double>(items) / seconds;
}

/// The part of a core that Redis uses for a worker of a group of which no queue has an item, and
/// one has a producer.
double idle_cost(Bench& bench, std::uint64_t queues) {
  fill_group(bench, queues, queues);
  Producer holder(bench_queue(0), bench.redis());
  Crew crew(1, [&](unsigned) {
    return std::make_unique<Worker>(
        QueueGroup{"bench-*"}, bench.redis(), WorkerOptions{}, BatchHandler([](const Batch& given) {
          return std::vector<Outcome>(given.leases.size(), Outcome::complete());
        }));
  });
  std::this_thread::sleep_for(bench.time(std::chrono::seconds{4}, std::chrono::milliseconds{500}));
  const double before = bench.cpu_seconds();
  const StopWatch watch;
  std::this_thread::sleep_for(bench.time(std::chrono::seconds{10}, std::chrono::milliseconds{200}));
  const double cost = (bench.cpu_seconds() - before) / watch.seconds();
  holder.finish();
  check(crew.join().front().end == WorkerEnd::drained, "the worker did not end");
  return 100 * cost;
}

}  // namespace

std::vector<Result> measure_queue_group(Bench& bench) {
  const std::uint64_t n = bench.items(300'000);
  const auto figures =
      interleave(bench.rounds(), {
                                     [&] { return drain_group(bench, 1, n, kItemsOfBatch); },
                                     [&] { return drain_group(bench, kQueues, n, kItemsOfBatch); },
                                     [&] { return drain_group(bench, 1, n, 1); },
                                     [&] { return drain_group(bench, kQueues, n, 1); },
                                     [&] { return idle_cost(bench, kQueues); },
                                 });
  bench.clear();
  const std::string name =
      fmt::format("drain {} items of {} queues of a group, one worker", n, kQueues);
  const Goal goal{Goal::Kind::ratio_at_least, 0.8};
  return {
      {"k", name + ", batches of 100", "items/s", figures[1], "of one queue", figures[0], goal, ""},
      {"k", name + ", one by one", "items/s", figures[3], "of one queue", figures[2], goal, ""},
      {"k",
       fmt::format("Redis, while a worker waits for any of {} queues", kQueues),
       "% of a core",
       figures[4],
       "",
       {},
       Goal{Goal::Kind::ours_at_most, 2},
       ""},
  };
}

}  // namespace wq::bench
