#include <fmt/format.h>

#include "bench/groups.h"
#include "bench/item_maker.h"
#include "support/paths.h"
#include "support/process.h"
#include "support/temporary_folder.h"

namespace wq::bench {
namespace {

constexpr const char* kConcurrency = "2";

double run_all(std::vector<std::string> command, std::uint64_t n) {
  const StopWatch watch;
  test::Process process(std::move(command));
  const int code = process.wait();
  const double seconds = watch.seconds();
  check(code == 0, "a runner of processes failed: " + process.err());
  return static_cast<double>(n) / seconds;
}

double run_with_worker(Bench& bench, std::uint64_t n) {
  bench.clear();
  bench.fill(n);
  const double rate = run_all({test::kWorkerProgram, "--redis", bench.url(), "--queue", kQueue,
                               "--concurrency", kConcurrency, "--", "true", "{}"},
                              n);
  bench.check_all_done_once(n);
  return rate;
}

/// As many items through one process that stays.
double run_coprocess(Bench& bench, std::uint64_t n) {
  bench.clear();
  bench.fill(n);
  const double rate =
      run_all({test::kWorkerProgram, "--redis", bench.url(), "--queue", kQueue, "--coprocess",
               "--batch", "64", "--", "python3", test::kExamples + std::string("/coprocess.py")},
              n);
  bench.check_all_done_once(n);
  return rate;
}

std::vector<Result> measure_coprocess(Bench& bench) {
  const std::uint64_t n = bench.items(400'000);
  const auto figures = interleave(bench.rounds(), {[&] { return run_coprocess(bench, n); }});
  bench.clear();
  return {{"g",
           fmt::format("{} items through examples/coprocess.py, batches of 64, with results", n),
           "items/s",
           figures[0],
           "",
           {},
           Goal{Goal::Kind::ours_at_least, 50'000},
           "one process; with its start"}};
}

}  // namespace

std::vector<Result> measure_processes(Bench& bench) {
  const std::uint64_t n = bench.items(5'000);
  const test::TemporaryFolder folder;
  const std::string file = folder.path() / "items";
  write_items(file, n);
  const auto figures = interleave(
      bench.rounds(),
      {
          [&] {
            return run_all({WQ_BENCH_XARGS, "-a", file, "-P", kConcurrency, "-n", "1", "true"}, n);
          },
          [&] { return run_with_worker(bench, n); },
      });
  bench.clear();
  std::vector<Result> results = measure_coprocess(bench);
  results.insert(results.begin(),
                 {"g", fmt::format("{} runs of true with an item, {} at a time", n, kConcurrency),
                  "processes/s", figures[1], "xargs -P " + std::string(kConcurrency) + " -n 1 true",
                  figures[0], Goal{Goal::Kind::ratio_at_least, 0.9},
                  "both with the start of the program; ours leaves when the queue is drained"});
  return results;
}

}  // namespace wq::bench
