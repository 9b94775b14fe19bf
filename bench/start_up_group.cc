#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <system_error>
#include <thread>

#include <fmt/format.h>

#include <wq/producer.h>

#include "bench/groups.h"
#include "support/eventually.h"
#include "support/paths.h"
#include "support/process.h"
#include "support/temporary_folder.h"

namespace wq::bench {
namespace {

using namespace std::chrono_literals;

// Starts are short: several make a round.
constexpr std::size_t kStartsInARound = 5;

double seconds_of(const timespec& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

/// On the clock that wq-bench-stamp writes down.
double now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return seconds_of(time);
}

double read_stamp(const std::string& file) {
  double stamp = 0;
  check(static_cast<bool>(std::ifstream(file) >> stamp), "the item left no stamp");
  return stamp;
}

/// Milliseconds from the start of `command` until the stamp that it, or what it runs, leaves.
double until_stamp(const std::vector<std::string>& command, const std::string& file) {
  const double start = now();
  test::Process process(command);
  check(process.wait() == 0, "the program failed: " + process.err());
  return (read_stamp(file) - start) * 1'000;
}

double start_of_worker(Bench& bench) {
  std::vector<double> times_ms;
  for (std::size_t i = 0; i < kStartsInARound; ++i) {
    const test::TemporaryFolder folder;
    const std::string file = folder.path() / "stamp";
    bench.clear();
    bench.fill(1);
    times_ms.push_back(until_stamp({test::kWorkerProgram, "--redis", bench.url(), "--queue", kQueue,
                                    "--", WQ_BENCH_STAMP, file},
                                   file));
    bench.check_all_done_once(1);
  }
  return median(std::move(times_ms));
}

double start_of_command() {
  std::vector<double> times_ms;
  for (std::size_t i = 0; i < kStartsInARound; ++i) {
    const test::TemporaryFolder folder;
    const std::string file = folder.path() / "stamp";
    times_ms.push_back(until_stamp({WQ_BENCH_STAMP, file}, file));
  }
  return median(std::move(times_ms));
}

double cpu_seconds_of(pid_t process) {
  clockid_t clock{};
  const int error = clock_getcpuclockid(process, &clock);
  timespec time{};
  if (error != 0 || clock_gettime(clock, &time) != 0) {
    throw std::system_error(error != 0 ? error : errno, std::generic_category(), "CPU time");
  }
  return seconds_of(time);
}

/// Percent of one core that a worker uses while it waits for items.
double idle_cpu_percent(Bench& bench) {
  bench.clear();
  const Producer open(kQueue, bench.redis());
  const test::Process worker(
      {test::kWorkerProgram, "--redis", bench.url(), "--queue", kQueue, "--", "true"});
  // It waits for an item, and for the second time, so that everything has been set up.
  check(test::eventually([&] {
          return bench.client().integer({"EXISTS", fmt::format("{}:reclaimer", kQueue)});
        }),
        "the worker does not come up");
  std::this_thread::sleep_for(1s);
  const double cpu = cpu_seconds_of(worker.pid());
  const double begin = now();
  std::this_thread::sleep_for(bench.time(20s, 500ms));
  return 100 * (cpu_seconds_of(worker.pid()) - cpu) / (now() - begin);
}

}  // namespace

std::vector<Result> measure_start_up(Bench& bench) {
  const auto figures = interleave(bench.rounds(), {
                                                      [&] { return start_of_worker(bench); },
                                                      [&] { return start_of_command(); },
                                                      [&] { return idle_cpu_percent(bench); },
                                                  });
  bench.clear();
  return {
      {"h", "from the start of wq-worker to that of the first item", "ms", figures[0],
       "the item's command alone", figures[1], Goal{Goal::Kind::ours_at_most, 50},
       "until main of the item's command, whose own start is in both"},
      {"h",
       "CPU time of wq-worker that waits for items",
       "% of a core",
       figures[2],
       "",
       {},
       Goal{Goal::Kind::ours_at_most, 0.1},
       "as the only worker, so it is the reclaimer too"},
  };
}

}  // namespace wq::bench
