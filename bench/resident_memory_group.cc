#include <algorithm>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include <wq/producer.h>

#include "bench/groups.h"
#include "bench/item_maker.h"
#include "support/eventually.h"
#include "support/paths.h"
#include "support/process.h"
#include "support/temporary_folder.h"

namespace wq::bench {
namespace {

using namespace std::chrono_literals;

constexpr double kMegabyte = 1024.0 * 1024.0;

double peak_megabytes(pid_t pid) {
  return static_cast<double>(test::peak_memory_bytes(pid)) / kMegabyte;
}

/// The peak of a worker that has found nothing to do for a while.
double worker_at_rest(Bench& bench) {
  bench.clear();
  const Producer open(kQueue, bench.redis());
  const test::Process worker(
      {test::kWorkerProgram, "--redis", bench.url(), "--queue", kQueue, "--", "true"});
  // The renewer's connection is its last.
  check(test::eventually([&] {
          return bench.client().text({"CLIENT", "LIST"}).value().find("-renewer") !=
                 std::string::npos;
        }),
        "the worker does not come up");
  std::this_thread::sleep_for(bench.time(5s, 500ms));
  return peak_megabytes(worker.pid());
}

/// The peak of a program and its children, when a fifth of the work was done and at its end.
struct Peak {
  double early = 0;
  double late = 0;
};

Peak watch(test::Process& program, const std::function<bool()>& is_fifth_done) {
  Peak peak;
  // Seen often enough that the last look is a moment before the end.
  while (!program.ended()) {
    double now = peak_megabytes(program.pid());
    for (const pid_t child : test::children_of(program.pid())) now += peak_megabytes(child);
    peak.late = std::max(peak.late, now);
    if (peak.early == 0 && is_fifth_done()) peak.early = peak.late;
    std::this_thread::sleep_for(2ms);
  }
  check(program.wait() == 0, "a program failed: " + program.err());
  check(peak.late > 0, "a program was over before its memory was seen");
  if (peak.early == 0) peak.early = peak.late;
  return peak;
}

Peak push_peak(Bench& bench, const std::string& file, std::uint64_t n) {
  bench.clear();
  test::Process push({test::kPushProgram, "--redis", bench.url(), kQueue, "--file", file});
  const Peak peak = watch(push, [&] {
    return static_cast<std::uint64_t>(bench.client().integer({"LLEN", kQueue})) >= n / 5;
  });
  check_equal(bench.counts().pushed, n, "items pushed");
  return peak;
}

Peak coprocess_peak(Bench& bench, std::uint64_t n) {
  bench.clear();
  bench.fill(n);
  test::Process worker({test::kWorkerProgram, "--redis", bench.url(), "--queue", kQueue,
                        "--coprocess", "--batch", "64", "--", "python3",
                        test::kExamples + std::string("/coprocess.py")});
  const Peak peak = watch(worker, [&] { return bench.counts().completed >= n / 5; });
  bench.check_all_done_once(n);
  return peak;
}

}  // namespace

std::vector<Result> measure_resident_memory(Bench& bench) {
  const std::uint64_t n = bench.items(5'000'000);
  const test::TemporaryFolder folder;
  const std::string file = folder.path() / "items";
  write_items(file, n);

  const std::uint64_t n_coprocess = bench.items(1'000'000);
  std::vector<double> early_push;
  std::vector<double> early_coprocess;
  const auto late = [](const Peak& peak, std::vector<double>& early) {
    early.push_back(peak.early);
    return peak.late;
  };
  const auto figures = interleave(
      bench.rounds(), {
                          [&] { return worker_at_rest(bench); },
                          [&] { return late(push_peak(bench, file, n), early_push); },
                          [&] { return late(coprocess_peak(bench, n_coprocess), early_coprocess); },
                      });
  bench.clear();
  return {
      {"e",
       "most memory of wq-worker that has nothing to do",
       "MiB",
       figures[0],
       "",
       {},
       Goal{Goal::Kind::ours_at_most, 12},
       "peak resident set, with shared libraries"},
      {"e", fmt::format("most memory of wq-push over {} lines", n), "MiB", figures[1],
       "the same process after a fifth of them", early_push, Goal{Goal::Kind::ours_at_most, 16},
       "peak resident set, with shared libraries; a ratio of 1 is flat"},
      {"e",
       fmt::format("most memory of wq-worker and examples/coprocess.py over {} items", n_coprocess),
       "MiB",
       figures[2],
       "the same two after a fifth of them",
       early_coprocess,
       {},
       "both peaks together; a ratio of 1 is flat"},
  };
}

}  // namespace wq::bench
