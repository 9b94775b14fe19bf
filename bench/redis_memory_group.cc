#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "bench/drain.h"
#include "bench/groups.h"
#include "bench/item_maker.h"
#include "support/eventually.h"

namespace wq::bench {
namespace {

/// What an item costs Redis beyond its own bytes.
double bytes_beyond_payload(Bench& bench, std::uint64_t n) {
  bench.clear();
  const std::uint64_t before = bench.info("memory", "used_memory");
  bench.fill(n);
  // Buffers of connections that have just gone are not the queue's.
  std::uint64_t after = bench.info("memory", "used_memory");
  static_cast<void>(test::eventually(
      [&] {
        const std::uint64_t now = bench.info("memory", "used_memory");
        return std::exchange(after, now) == now;
      },
      std::chrono::seconds{2}));
  return (static_cast<double>(after) - static_cast<double>(before)) / static_cast<double>(n) -
         static_cast<double>(kItemBytes);
}

/// Keys that should not be there once a queue is drained: all but the counters, the fence (by
/// which a fence never repeats) and the results.
std::uint64_t unwanted_keys(Bench& bench) {
  const std::array<std::string, 3> wanted{fmt::format("{}:stats", kQueue),
                                          fmt::format("{}:fence", kQueue),
                                          fmt::format("{}:results", kQueue)};
  std::uint64_t unwanted = 0;
  for (const std::string& key : bench.client().list({"KEYS", "*"})) {
    if (std::find(wanted.begin(), wanted.end(), key) == wanted.end()) ++unwanted;
  }
  return unwanted;
}

/// How many are there after a drain in which every item had a result.
double keys_left(Bench& bench, std::uint64_t n) {
  bench.clear();
  bench.fill(n);
  {
    Crew crew(2, [&](unsigned) {
      WorkerOptions options;
      options.batch = 100;
      return std::make_unique<Worker>(
          kQueue, bench.redis(), options, BatchHandler([](const Batch& batch) {
            return std::vector<Outcome>(batch.leases.size(), Outcome::complete("done"));
          }));
    });
    static_cast<void>(crew.join());
  }
  bench.check_all_done_once(n);
  check_equal(static_cast<std::uint64_t>(
                  bench.client().integer({"XLEN", fmt::format("{}:results", kQueue)})),
              n, "results kept");
  // The office of the reclaimer ends a moment after its holder has left.
  static_cast<void>(
      test::eventually([&] { return unwanted_keys(bench) == 0; }, std::chrono::seconds{1}));
  return static_cast<double>(unwanted_keys(bench));
}

}  // namespace

std::vector<Result> measure_redis_memory(Bench& bench) {
  const std::uint64_t n = bench.items(1'000'000);
  const std::uint64_t drained = bench.items(20'000);
  const auto figures =
      interleave(bench.rounds(), {
                                     [&] { return bytes_beyond_payload(bench, n); },
                                     [&] { return keys_left(bench, drained); },
                                 });
  bench.clear();
  return {
      {"f",
       fmt::format("memory of Redis for an item of {} bytes, beyond these, {} queued", kItemBytes,
                   n),
       "bytes",
       figures[0],
       "",
       {},
       Goal{Goal::Kind::ours_at_most, 6},
       "used_memory of INFO"},
      {"f",
       fmt::format("keys left after a drain of {} items with results", drained),
       "keys",
       figures[1],
       "",
       {},
       Goal{Goal::Kind::ours_at_most, 0},
       "besides the counters, the fence and the results"},
  };
}

}  // namespace wq::bench
