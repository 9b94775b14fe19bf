#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <wq/producer.h>

#include "bench/drain.h"
#include "bench/groups.h"
#include "bench/item_maker.h"

namespace wq::bench {
namespace {

constexpr std::size_t kQueuesBatch = 100;

struct Filled {
  QueueShare share;
  std::uint64_t items = 0;
};

void fill(Bench& bench, const std::vector<Filled>& queues) {
  bench.clear();
  for (const auto& [share, items] : queues) {
    Producer producer(share.queue, bench.redis());
    ItemMaker maker;
    for (std::uint64_t i = 0; i < items; ++i) producer.push(maker.next());
    producer.finish();
  }
}

/// Items a second of one worker of all queues, from before the first connection is made until it
/// has ended.
double drain_all(Bench& bench, const std::vector<Filled>& queues, std::size_t batch) {
  fill(bench, queues);
  std::vector<QueueShare> shares;
  std::uint64_t n = 0;
  for (const auto& [share, items] : queues) {
    shares.push_back(share);
    n += items;
  }
  WorkerOptions options;
  options.batch = batch;
  std::atomic<std::uint64_t> handled{0};
  const StopWatch watch;
  Crew crew(1, [&](unsigned) {
    return std::make_unique<Worker>(
        shares, bench.redis(), options, BatchHandler([&](const Batch& items) {
          handled += items.leases.size();
          return std::vector<Outcome>(items.leases.size(), Outcome::complete());
        }));
  });
  const WorkerReport report = crew.join().front();
  const double seconds = watch.seconds();

  check(report.end == WorkerEnd::drained, "the worker ended before the queues were drained");
  check_equal(report.completed, n, "items that the worker completed");
  check_equal(handled, n, "items that the handler was given");
  for (const auto& [share, items] : queues) {
    const Counts counts = Queue(share.queue, bench.redis()).counts();
    check(counts.drained(), "a queue is not drained");
    check_equal(counts.leased, items, "leases of a queue");
    check_equal(counts.completed, items, "items of a queue that are done");
  }
  return static_cast<double>(n) / seconds;
}

}  // namespace

std::vector<Result> measure_several_queues(Bench& bench) {
  const std::uint64_t n = bench.items(300'000);
  const std::vector<Filled> one{{{.queue = "bench"}, n}};
  const std::vector<Filled> two{{{.queue = "bench-two", .weight = 2}, n - n / 3},
                                {{.queue = "bench-one", .weight = 1}, n / 3}};
  const auto figures =
      interleave(bench.rounds(), {
                                     [&] { return drain_all(bench, one, kQueuesBatch); },
                                     [&] { return drain_all(bench, two, kQueuesBatch); },
                                     [&] { return drain_all(bench, one, 1); },
                                     [&] { return drain_all(bench, two, 1); },
                                 });
  bench.clear();
  const std::string name = fmt::format("drain {} items of two queues by weight, one worker", n);
  const Goal goal{Goal::Kind::ratio_at_least, 0.95};
  return {
      {"j", name + ", batches of 100", "items/s", figures[1], "of one queue", figures[0], goal, ""},
      {"j", name + ", one by one", "items/s", figures[3], "of one queue", figures[2], goal, ""},
  };
}

}  // namespace wq::bench
