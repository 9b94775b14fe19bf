#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

#include <wq/worker.h>

#include "bench/bench.h"

namespace wq::bench {

/// Workers in threads of this process, which run until they end or the object goes.
class Crew {
 public:
  /// Starts them; `make` is called with 0, 1, ...
  Crew(unsigned workers, const std::function<std::unique_ptr<Worker>(unsigned)>& make);
  /// Stops and joins those that still run.
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  void request_stop() noexcept;
  /// Waits until all have ended; returns their reports, in their order. Throws what one threw.
  [[nodiscard]] std::vector<WorkerReport> join();
  /// Throws what a worker threw.
  void check_healthy();

 private:
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<WorkerReport> reports_;
  std::mutex mutex_;
  std::exception_ptr error_;
  std::vector<std::jthread> threads_;
};

/// Counts what handlers were given, and notes when the count passed a mark. Thread-safe.
class Mark {
 public:
  explicit Mark(std::uint64_t at) : at_(at) {}

  /// `before` is the count until now and `more` what comes to it.
  void pass(std::uint64_t before, std::uint64_t more);
  /// Waits until it was passed; returns when that was. Throws when the crew fails, and
  /// `WrongResult` when nothing happens for minutes. Call it once.
  std::chrono::steady_clock::time_point wait(Crew& crew);

 private:
  const std::uint64_t at_;
  std::chrono::steady_clock::time_point when_;
  std::binary_semaphore passed_{0};
};

/// Drains a queue of `n` items with workers of wq and a handler that does nothing but complete each
/// with `outcome`, its result and totals: in batches, or one by one (`options.batch` 1). Checks
/// that each item was leased and completed once. Returns items a second from before the first
/// connection is made until the last item is committed.
[[nodiscard]] double drain(Bench& bench, std::uint64_t n, unsigned workers,
                           const WorkerOptions& options, const Outcome& outcome = {});
[[nodiscard]] double drain(Bench& bench, std::uint64_t n, unsigned workers, std::size_t batch);

}  // namespace wq::bench
