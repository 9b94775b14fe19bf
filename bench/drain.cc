#include "bench/drain.h"

#include <atomic>
#include <utility>

#include <fmt/format.h>

namespace wq::bench {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::minutes kTooLong{3};

WorkerOptions options_for(std::size_t batch) {
  WorkerOptions options;
  options.batch = batch;
  return options;
}

void wait_until_committed(Bench& bench, std::uint64_t n) {
  const StopWatch watch;
  while (bench.counts().completed < n) {
    check(watch.seconds() < std::chrono::duration<double>(kTooLong).count(),
          "items that were handled are not committed");
  }
}

}  // namespace

Crew::Crew(unsigned workers, const std::function<std::unique_ptr<Worker>(unsigned)>& make)
    : reports_(workers) {
  for (unsigned i = 0; i < workers; ++i) workers_.push_back(make(i));
  for (unsigned i = 0; i < workers; ++i) {
    threads_.emplace_back([this, i] {
      try {
        reports_[i] = workers_[i]->run();
      } catch (...) {
        const std::lock_guard lock(mutex_);
        error_ = std::current_exception();
      }
    });
  }
}

Crew::~Crew() { request_stop(); }

void Crew::request_stop() noexcept {
  for (const auto& worker : workers_) worker->request_stop();
}

std::vector<WorkerReport> Crew::join() {
  threads_.clear();
  check_healthy();
  return reports_;
}

void Crew::check_healthy() {
  const std::lock_guard lock(mutex_);
  if (error_) std::rethrow_exception(error_);
}

void Mark::pass(std::uint64_t before, std::uint64_t more) {
  if (before >= at_ || before + more < at_) return;
  when_ = std::chrono::steady_clock::now();
  passed_.release();
}

std::chrono::steady_clock::time_point Mark::wait(Crew& crew) {
  const StopWatch watch;
  while (!passed_.try_acquire_for(50ms)) {
    crew.check_healthy();
    check(watch.seconds() < std::chrono::duration<double>(kTooLong).count(),
          "the workers do not get through");
  }
  return when_;
}

double drain(Bench& bench, std::uint64_t n, unsigned workers, std::size_t batch) {
  return drain(bench, n, workers, options_for(batch));
}

double drain(Bench& bench, std::uint64_t n, unsigned workers, const WorkerOptions& options,
             const Outcome& outcome) {
  std::atomic<std::uint64_t> handled{0};
  Mark all(n);
  const auto note = [&](std::uint64_t more) { all.pass(handled.fetch_add(more), more); };
  const StopWatch watch;
  Crew crew(workers, [&](unsigned) {
    if (options.batch == 1) {
      return std::make_unique<Worker>(kQueue, bench.redis(), options, Handler([&](const Job&) {
                                        note(1);
                                        return Outcome(outcome);
                                      }));
    }
    return std::make_unique<Worker>(kQueue, bench.redis(), options,
                                    BatchHandler([&](const Batch& items) {
                                      note(items.leases.size());
                                      return std::vector<Outcome>(items.leases.size(), outcome);
                                    }));
  });
  static_cast<void>(all.wait(crew));
  wait_until_committed(bench, n);
  const double seconds = watch.seconds();

  std::uint64_t completed = 0;
  for (const WorkerReport& report : crew.join()) {
    check(report.end == WorkerEnd::drained, "a worker ended before the queue was drained");
    check_equal(report.lost + report.unknown, 0, "settlements that were not accepted");
    completed += report.completed;
  }
  check_equal(completed, n, "items that the workers completed");
  check_equal(handled, n, "items that handlers were given");
  bench.check_all_done_once(n);
  check_equal(static_cast<std::uint64_t>(
                  bench.client().integer({"XLEN", std::string(kQueue) + ":results"})),
              outcome.result ? n : 0, "results");
  const Totals totals = Queue(kQueue, bench.redis()).totals();
  check_equal(totals.keys.size(), outcome.totals.size(), "keys of totals");
  for (const KeyTotals& each : totals.keys) check_equal(std::stoull(each.sum), n, "a total");
  return static_cast<double>(n) / seconds;
}

}  // namespace wq::bench
