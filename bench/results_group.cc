#include <string>

#include <fmt/format.h>

#include "bench/drain.h"
#include "bench/groups.h"

namespace wq::bench {
namespace {

constexpr unsigned kResultsWorkers = 2;
constexpr std::size_t kResultsBatch = 100;
constexpr std::size_t kResultBytes = 100;
constexpr std::uint64_t kHistory = 100'000;

}  // namespace

std::vector<Result> measure_results(Bench& bench) {
  const std::uint64_t n = bench.items(500'000);
  const auto drained = [&](WorkerOptions options, Outcome outcome) {
    return [&bench, n, options = std::move(options), outcome = std::move(outcome)] {
      bench.clear();
      bench.fill(n);
      return drain(bench, n, kResultsWorkers, options, outcome);
    };
  };
  WorkerOptions off;
  off.batch = kResultsBatch;
  WorkerOptions with_ttl = off;
  with_ttl.retry.results_ttl = std::chrono::hours{1};
  WorkerOptions with_history = off;
  with_history.retry.history = kHistory;
  const Outcome result = Outcome::complete(std::string(kResultBytes, 'r'));
  Outcome total;
  total.totals.push_back(Total::sum("a key", 1));
  WorkerOptions with_target = off;
  with_target.follow_ups_to = {"bench-next"};
  Outcome follow_up;
  follow_up.follow_ups.push_back(FollowUp::to("bench-next", "a follow-up of 20 b."));
  const auto figures =
      interleave(bench.rounds(),
                 {drained(off, {}), drained(off, result), drained(with_ttl, result),
                  drained(with_history, {}), drained(off, total), drained(with_target, follow_up)});
  bench.clear();
  const std::string name =
      fmt::format("drain {} items with results of {} bytes, batches of {}, two workers", n,
                  kResultBytes, kResultsBatch);
  return {
      {"i", name, "items/s", figures[1], "ours without results", figures[0],
       Goal{Goal::Kind::ratio_at_least, 0.75}, ""},
      {"i", name + ", with a time to live", "items/s", figures[2], "ours without results",
       figures[0], Goal{Goal::Kind::ratio_at_least, 0.75}, ""},
      {"i",
       fmt::format("drain {} items with a history of {} attempts, batches of {}, two workers", n,
                   kHistory, kResultsBatch),
       "items/s", figures[3], "ours without one", figures[0], Goal{Goal::Kind::ratio_at_least, 0.9},
       ""},
      {"i",
       fmt::format("drain {} items with a total of one key each, batches of {}, two workers", n,
                   kResultsBatch),
       "items/s", figures[4], "ours without one", figures[0], Goal{Goal::Kind::ratio_at_least, 0.7},
       ""},
      {"i",
       fmt::format("drain {} items with a follow-up to another queue each, batches of {}, two "
                   "workers",
                   n, kResultsBatch),
       "items/s", figures[5], "ours without one", figures[0], Goal{Goal::Kind::ratio_at_least, 0.7},
       ""},
  };
}

}  // namespace wq::bench
