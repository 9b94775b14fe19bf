#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <wq/producer.h>

#include "bench/drain.h"
#include "bench/groups.h"
#include "bench/item_maker.h"
#include "support/replicated_redis.h"

namespace wq::bench {
namespace {

constexpr std::size_t kDurableBatch = 100;

void clear(test::ReplicatedRedis& redis) {
  test::RedisClient(redis.options()).call({"FLUSHALL"});
  redis.wait_until_all_have_all();
}

double push_durably(test::ReplicatedRedis& redis, std::uint64_t n, unsigned replicas) {
  clear(redis);
  ItemMaker maker;
  const StopWatch watch;
  ProducerOptions options;
  options.durable_replicas = replicas;
  Producer producer(kQueue, redis.options(), options);
  for (std::uint64_t i = 0; i < n; ++i) producer.push(maker.next());
  check_equal(producer.finish().pushed, n, "items pushed");
  return static_cast<double>(n) / watch.seconds();
}

double drain_durably(test::ReplicatedRedis& redis, std::uint64_t n, unsigned replicas) {
  static_cast<void>(push_durably(redis, n, 1));
  WorkerOptions options;
  options.batch = kDurableBatch;
  options.durable_replicas = replicas;
  const StopWatch watch;
  Crew crew(1, [&](unsigned) {
    return std::make_unique<Worker>(
        kQueue, redis.options(), options, BatchHandler([](const Batch& items) {
          return std::vector<Outcome>(items.leases.size(), Outcome::complete());
        }));
  });
  const WorkerReport report = crew.join().front();
  const double seconds = watch.seconds();
  check(report.end == WorkerEnd::drained, "the worker ended before the queue was drained");
  check_equal(report.completed, n, "items that the worker completed");
  check_equal(Queue(kQueue, redis.options()).counts().completed, n, "items that are done");
  return static_cast<double>(n) / seconds;
}

}  // namespace

std::vector<Result> measure_durable(Bench& bench) {
  const std::uint64_t n = bench.items(300'000);
  test::ReplicatedRedis redis(1);
  const auto figures = interleave(bench.rounds(), {
                                                      [&] { return push_durably(redis, n, 1); },
                                                      [&] { return push_durably(redis, n, 0); },
                                                      [&] { return drain_durably(redis, n, 1); },
                                                      [&] { return drain_durably(redis, n, 0); },
                                                  });
  const std::string name = fmt::format("{} items on a Redis with a replica, --durable 1", n);
  const Goal goal{Goal::Kind::ratio_at_least, 0.9};
  return {
      {"l", "push " + name, "items/s", figures[0], "without", figures[1], goal, ""},
      {"l", "drain " + name, "items/s", figures[2], "without", figures[3], goal, ""},
  };
}

}  // namespace wq::bench
