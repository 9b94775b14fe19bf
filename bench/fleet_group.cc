#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <sys/resource.h>

#include <wq/producer.h>

#include "bench/drain.h"
#include "bench/groups.h"

namespace wq::bench {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds kItemTime{100};
constexpr std::uint64_t kItemsOfEach = 10;
constexpr std::uint64_t kTimedPushes = 200;
constexpr milliseconds kBetweenPushes{20};
// Workers rest after five seconds without an item, and say so with their next heartbeat.
constexpr std::chrono::seconds kUntilTheyRest{15};

struct FleetFigures {
  double idle_commands = 0;  // a second
  double idle_cpu = 0;       // percent of a core
  double lease_p50 = 0;      // ms
  double lease_p99 = 0;      // ms
  double drain_seconds = 0;
  double drain_commands = 0;  // an item
  double drain_cpu = 0;       // us an item
  double end_seconds = 0;     // from the end of the last item until all workers have ended
};

// Workers of a fleet are on other machines, so Redis comes first here. Cannot be undone without a
// right: this group is the last.
void yield_to_redis() { setpriority(PRIO_PROCESS, 0, 15); }

void allow_open_files() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

double millis(Clock::duration time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

/// What the handlers of a fleet see. An item is the time of its push, or work.
class Fleet {
 public:
  Outcome handle(const Job& job) {
    const auto now = Clock::now();
    if (!job.item.starts_with("work")) {
      const std::lock_guard lock(mutex_);
      waits_.push_back(millis(now.time_since_epoch()) - std::stod(std::string(job.item)));
    }
    std::this_thread::sleep_for(kItemTime);
    ++handled_;
    return Outcome::complete();
  }
  void wait_for_handled(std::uint64_t n, Crew& crew) const {
    while (handled_ < n) {
      crew.check_healthy();
      std::this_thread::sleep_for(milliseconds{1});
    }
  }
  [[nodiscard]] double wait_at(double part) {
    const std::lock_guard lock(mutex_);
    std::sort(waits_.begin(), waits_.end());
    return waits_.at(static_cast<std::size_t>(part * static_cast<double>(waits_.size() - 1)));
  }

 private:
  std::atomic<std::uint64_t> handled_{0};
  std::mutex mutex_;
  std::vector<double> waits_;
};

FleetFigures run_fleet(Bench& bench, std::uint64_t workers) {
  bench.clear();
  Producer producer(kQueue, bench.redis());
  producer.confirm();
  Fleet fleet;
  Crew crew(static_cast<unsigned>(workers), [&](unsigned) {
    return std::make_unique<Worker>(kQueue, bench.redis(), WorkerOptions{},
                                    [&](const Job& job) { return fleet.handle(job); });
  });
  FleetFigures figures;

  // Quick looks do not wait for that.
  std::this_thread::sleep_for(
      std::min<milliseconds>(kUntilTheyRest, bench.time(10 * kUntilTheyRest, milliseconds{200})));
  const auto commands = [&] { return bench.info("stats", "total_commands_processed"); };
  {
    const double cpu = bench.cpu_seconds();
    const std::uint64_t before = commands();
    const StopWatch watch;
    std::this_thread::sleep_for(bench.time(std::chrono::seconds{20}, milliseconds{200}));
    figures.idle_commands = static_cast<double>(commands() - before) / watch.seconds();
    figures.idle_cpu = 100 * (bench.cpu_seconds() - cpu) / watch.seconds();
  }

  const std::uint64_t timed = bench.scaled(kTimedPushes, 5);
  for (std::uint64_t i = 0; i < timed; ++i) {
    producer.push(fmt::format("{:.6f}", millis(Clock::now().time_since_epoch())));
    producer.confirm();
    std::this_thread::sleep_for(kBetweenPushes);
  }
  fleet.wait_for_handled(timed, crew);
  figures.lease_p50 = fleet.wait_at(0.5);
  figures.lease_p99 = fleet.wait_at(0.99);

  const std::uint64_t items = workers * kItemsOfEach;
  const double cpu = bench.cpu_seconds();
  const std::uint64_t before = commands();
  const StopWatch watch;
  for (std::uint64_t i = 0; i < items; ++i) producer.push(fmt::format("work {}", i));
  producer.finish();
  fleet.wait_for_handled(timed + items, crew);
  figures.drain_seconds = watch.seconds();
  const auto reports = crew.join();
  figures.end_seconds = watch.seconds() - figures.drain_seconds;
  figures.drain_commands = static_cast<double>(commands() - before) / static_cast<double>(items);
  figures.drain_cpu = 1e6 * (bench.cpu_seconds() - cpu) / static_cast<double>(items);

  for (const WorkerReport& report : reports) {
    check(report.end == WorkerEnd::drained, "a worker ended before the queue was drained");
  }
  bench.check_all_done_once(timed + items);
  return figures;
}

}  // namespace

std::vector<Result> measure_fleet(Bench& bench) {
  allow_open_files();
  yield_to_redis();
  std::vector<Result> results;
  for (const std::uint64_t full : std::array<std::uint64_t, 3>{100, 1'000, 4'000}) {
    const std::uint64_t workers = bench.scaled(full, 3);
    // Once: a fleet takes a minute, and its figures are sums over all workers.
    const FleetFigures figures = run_fleet(bench, workers);
    const std::string of = fmt::format("{} workers: ", workers);
    const auto add = [&](const std::string& name, const std::string& unit, double value,
                         std::optional<Goal> goal = {}, const std::string& note = "") {
      results.push_back({"m", of + name, unit, {value}, "", {}, goal, note});
    };
    add("Redis while all are idle", "% of a core", figures.idle_cpu,
        Goal{Goal::Kind::ours_at_most, 5});
    add("commands while all are idle", "commands/s", figures.idle_commands);
    add("from push to handler, median", "ms", figures.lease_p50,
        Goal{Goal::Kind::ours_at_most, 50});
    add("from push to handler, 99th percentile", "ms", figures.lease_p99);
    const double ideal = millis(kItemTime) * static_cast<double>(kItemsOfEach) / 1'000;
    results.push_back({"m",
                       of + fmt::format("drain {} items of {} ms each", workers * kItemsOfEach,
                                        kItemTime.count()),
                       "s",
                       {figures.drain_seconds},
                       "if workers took no time between items",
                       {ideal},
                       {},
                       "workers and Redis share the machine, with a thread for each slot"});
    add("Redis an item of that", "us CPU", figures.drain_cpu);
    add("commands an item of that", "commands", figures.drain_commands);
    add("from the last item until all have ended", "s", figures.end_seconds,
        Goal{Goal::Kind::ours_at_most, 1});
  }
  bench.clear();
  return results;
}

}  // namespace wq::bench
