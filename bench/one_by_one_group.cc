#include <fmt/format.h>

#include "bench/bare_drain.h"
#include "bench/drain.h"
#include "bench/groups.h"

namespace wq::bench {

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

}  // namespace wq::bench
