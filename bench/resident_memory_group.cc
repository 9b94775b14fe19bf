#include <algorithm>
#include <chrono>
#include <thread>

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

double peak_megabytes(const test::Process& process) {
  return static_cast<double>(process.peak_memory_bytes()) / kMegabyte;
}

/// The peak of a worker that has found nothing to do for a while.
double worker_at_rest(Bench& bench) {
  bench.clear();
  const Producer open(kQueue, bench.redis());
  const test::Process worker(
      {test::kWorkerProgram, "--redis", bench.url(), "--queue", kQueue, "--", "true"});
  // The keeper's connection is its last.
  check(
      test::eventually([&] {
        return bench.client().text({"CLIENT", "LIST"}).value().find("-keeper") != std::string::npos;
      }),
      "the worker does not come up");
  std::this_thread::sleep_for(bench.time(5s, 500ms));
  return peak_megabytes(worker);
}

/// The peak of a push, when it was a fifth through and at its end.
struct PushPeak {
  double early;
  double late;
};

PushPeak push_peak(Bench& bench, const std::string& file, std::uint64_t n) {
  bench.clear();
  test::Process push({test::kPushProgram, "--redis", bench.url(), kQueue, "--file", file});
  PushPeak peak{0, 0};
  // Seen often enough that the last look is a moment before the end.
  while (!push.ended()) {
    try {
      peak.late = std::max(peak.late, peak_megabytes(push));
    } catch (const std::runtime_error&) {  // it ended since
    }
    if (peak.early == 0 &&
        static_cast<std::uint64_t>(bench.client().integer({"LLEN", kQueue})) >= n / 5) {
      peak.early = peak.late;
    }
    std::this_thread::sleep_for(2ms);
  }
  check(push.wait() == 0, "wq-push failed: " + push.err());
  check_equal(bench.counts().pushed, n, "items pushed");
  check(peak.late > 0, "the push was over before its memory was seen");
  if (peak.early == 0) peak.early = peak.late;
  return peak;
}

}  // namespace

std::vector<Result> measure_resident_memory(Bench& bench) {
  const std::uint64_t n = bench.items(5'000'000);
  const test::TemporaryFolder folder;
  const std::string file = folder.path() / "items";
  write_items(file, n);

  std::vector<double> early;
  const auto figures = interleave(bench.rounds(), {
                                                      [&] { return worker_at_rest(bench); },
                                                      [&] {
                                                        const PushPeak peak =
                                                            push_peak(bench, file, n);
                                                        early.push_back(peak.early);
                                                        return peak.late;
                                                      },
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
       "the same process after a fifth of them", early, Goal{Goal::Kind::ours_at_most, 16},
       "peak resident set, with shared libraries; a ratio of 1 is flat"},
  };
}

}  // namespace wq::bench
