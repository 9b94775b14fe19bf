#include <fmt/format.h>

#include "bench/bare_drain.h"
#include "bench/drain.h"
#include "bench/groups.h"

namespace wq::bench {
namespace {

constexpr unsigned kWorkers = 2;
constexpr std::size_t kDrainBatch = 100;

}  // namespace

std::vector<Result> measure_drain(Bench& bench) {
  const std::uint64_t n = bench.items(500'000);
  const auto filled = [&](const Measurement& measure) {
    return [&, measure] {
      bench.clear();
      bench.fill(n);
      return measure();
    };
  };
  const auto figures =
      interleave(bench.rounds(),
                 {
                     filled([&] { return bare_drain(bench, n, kWorkers, Begin::when_leased); }),
                     filled([&] { return drain(bench, n, kWorkers, kDrainBatch); }),
                     filled([&] { return bare_drain(bench, n, kWorkers, Begin::at_once); }),
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
  };
}

}  // namespace wq::bench
