#include <vector>

#include <fmt/format.h>

#include "bench/bare_drain.h"
#include "bench/drain.h"
#include "bench/groups.h"

namespace wq::bench {
namespace {

constexpr unsigned kWorkers = 2;
constexpr unsigned kManyWorkers = 8;
constexpr std::size_t kDrainBatch = 100;

}  // namespace

std::vector<Result> measure_drain(Bench& bench) {
  const std::uint64_t n = bench.items(500'000);
  // With the time that Redis took an item, which is steadier than the speed on a busy machine.
  const auto filled = [&](std::vector<double>& cpu, const Measurement& measure) {
    return [&, measure] {
      bench.clear();
      bench.fill(n);
      const double before = bench.cpu_seconds();
      const double speed = measure();
      cpu.push_back(1e6 * (bench.cpu_seconds() - before) / static_cast<double>(n));
      return speed;
    };
  };
  std::vector<double> cpu;
  std::vector<double> bare_cpu;
  std::vector<double> at_once_cpu;
  std::vector<double> many_cpu;
  std::vector<double> bare_many_cpu;
  const auto figures = interleave(
      bench.rounds(),
      {
          filled(bare_cpu, [&] { return bare_drain(bench, n, kWorkers, Begin::when_leased); }),
          filled(cpu, [&] { return drain(bench, n, kWorkers, kDrainBatch); }),
          filled(at_once_cpu, [&] { return bare_drain(bench, n, kWorkers, Begin::at_once); }),
          filled(bare_many_cpu,
                 [&] { return bare_drain(bench, n, kManyWorkers, Begin::when_leased); }),
          filled(many_cpu, [&] { return drain(bench, n, kManyWorkers, kDrainBatch); }),
      });
  bench.clear();
  const std::string name = fmt::format("drain {} items, batches of 100, two workers", n);
  return {
      {"b", name, "items/s", figures[1], "the same scheme without checks, bare hiredis", figures[0],
       Goal{Goal::Kind::ratio_at_least, 0.9}, ""},
      {"b",
       name,
       "items/s",
       figures[1],
       "work begun before the lease is confirmed, bare hiredis",
       figures[2],
       {},
       "this baseline may run an item twice at a time"},
      {"b", "Redis an item of that", "us CPU", cpu, "the same scheme without checks, bare hiredis",
       bare_cpu, Goal{Goal::Kind::ratio_at_most, 1.15}, ""},
      {"b", "Redis an item with eight workers", "us CPU", many_cpu,
       "the same scheme without checks, bare hiredis", bare_many_cpu,
       Goal{Goal::Kind::ratio_at_most, 1.3}, ""},
  };
}

}  // namespace wq::bench
