#include <chrono>
#include <memory>
#include <semaphore>

#include <fmt/format.h>
#include <sys/resource.h>

#include <wq/producer.h>

#include "bench/bare_connection.h"
#include "bench/bare_drain.h"
#include "bench/drain.h"
#include "bench/groups.h"
#include "bench/item_maker.h"

namespace wq::bench {
namespace {

constexpr unsigned kManySlots = 256;

WorkerOptions with_slots(unsigned slots, unsigned calls_per_slot) {
  WorkerOptions options;
  options.concurrency = slots;
  options.calls_per_slot = calls_per_slot;
  return options;
}

double cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

/// Microseconds of CPU for an item, pushing it included, when each comes after the one before was
/// done, so that all slots but one are idle.
double cpu_of_a_trickle(Bench& bench, std::uint64_t n, const WorkerOptions& options) {
  bench.clear();
  const Producer holds_it_open(kQueue, bench.redis());
  std::counting_semaphore<> done{0};
  Crew crew(1, [&](unsigned) {
    return std::make_unique<Worker>(kQueue, bench.redis(), options, Handler([&done](const Job&) {
                                      done.release();
                                      return Outcome::complete();
                                    }));
  });
  BareConnection redis(bench.socket_path());
  ItemMaker maker;
  double begin = 0;
  const std::uint64_t warm = n / 10;
  for (std::uint64_t i = 0; i < warm + n; ++i) {
    if (i == warm) begin = cpu_seconds();
    redis.append({"LPUSH", kQueue, maker.next()});
    redis.send();
    redis.discard(1);
    check(done.try_acquire_for(std::chrono::minutes{1}), "an item that was pushed is not done");
  }
  const double used = cpu_seconds() - begin;
  crew.request_stop();
  for (const WorkerReport& report : crew.join()) {
    check_equal(report.completed, warm + n, "items that the worker completed");
  }
  return used * 1e6 / static_cast<double>(n);
}

}  // namespace

std::vector<Result> measure_one_by_one(Bench& bench) {
  const std::uint64_t n = bench.items(100'000);
  const auto filled = [&](const Measurement& measure) {
    return [&, measure] {
      bench.clear();
      bench.fill(n);
      return measure();
    };
  };
  const auto figures = interleave(
      bench.rounds(), {
                          filled([&] { return bare_one_by_one(bench, n, Begin::at_once); }),
                          filled([&] { return drain(bench, n, 1, 1); }),
                          filled([&] { return bare_one_by_one(bench, n, Begin::when_leased); }),
                      });
  bench.clear();
  const std::string name = fmt::format("one item at a time, {} items, one worker", n);
  const std::string note =
      "wq::Worker hands items to the handler one by one, but takes tiny ones ahead in batches; the "
      "bare loops hold one at a time";
  return {
      {"c", name, "items/s", figures[1],
       "one round trip an item, lease not confirmed, bare hiredis", figures[0],
       Goal{Goal::Kind::ratio_at_least, 0.8}, note},
      {"c",
       name,
       "items/s",
       figures[1],
       "two round trips an item, lease confirmed, bare hiredis",
       figures[2],
       {},
       note},
  };
}

std::vector<Result> measure_many_slots(Bench& bench) {
  const std::uint64_t n = bench.items(100'000);
  const std::uint64_t trickle = bench.items(10'000);
  const auto filled = [&](unsigned slots, unsigned calls_per_slot) {
    return [&, slots, calls_per_slot] {
      bench.clear();
      bench.fill(n);
      return drain(bench, n, 1, with_slots(slots, calls_per_slot));
    };
  };
  const auto trickled = [&](unsigned slots, unsigned calls_per_slot) {
    return [&, slots, calls_per_slot] {
      return cpu_of_a_trickle(bench, trickle, with_slots(slots, calls_per_slot));
    };
  };
  const auto figures = interleave(
      bench.rounds(), {filled(1, 1), filled(kManySlots, 1), filled(kManySlots, 2), trickled(1, 1),
                       trickled(kManySlots, 1), trickled(kManySlots, 2)});
  bench.clear();
  const std::string drained = fmt::format("drain one by one with {} slots", kManySlots);
  const std::string idle = fmt::format("one item at a time to {} idle slots", kManySlots);
  const std::string note = "CPU of the worker and of what pushes, in one process";
  return {
      {"c", drained, "items/s", figures[1], "with one slot", figures[0], {}, {}},
      {"c", drained + " of two calls", "items/s", figures[2], "with one slot", figures[0], {}, {}},
      {"c", idle, "us CPU/item", figures[4], "to one idle slot", figures[3], {}, note},
      {"c", idle + " of two calls", "us CPU/item", figures[5], "to one", figures[3], {}, note},
  };
}

}  // namespace wq::bench
