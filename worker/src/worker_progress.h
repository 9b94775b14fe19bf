#pragma once

#include <chrono>
#include <string>
#include <thread>

#include <wq/queue.h>
#include <wq/worker.h>

#include "cli/eta.h"
#include "cli/terminal.h"

namespace wq::internal {

/// Shows what a worker does while it runs: on a terminal one line in place, elsewhere a line in the
/// log from time to time, unless nothing has happened since the last one and nothing runs.
class WorkerProgress {
 public:
  /// Where the options do not say how often.
  static constexpr std::chrono::seconds kUsualInterval{30};

  /// True where there is a line in place: standard error is a terminal, and the log is not JSON.
  [[nodiscard]] static bool is_in_place();
  /// How often the worker must read the queue's counts for this; see
  /// `WorkerOptions::counts_interval`. `interval`: between two lines; zero: none is shown.
  [[nodiscard]] static std::chrono::milliseconds counts_interval(
      std::chrono::milliseconds interval);

  /// Begins at once, in a thread of its own. The worker must outlive it.
  WorkerProgress(const Worker& worker, std::chrono::milliseconds interval);
  ~WorkerProgress();
  WorkerProgress(const WorkerProgress&) = delete;
  WorkerProgress& operator=(const WorkerProgress&) = delete;

 private:
  void run(const std::stop_token& stop);
  void show_line();
  void log_line();

  const Worker& worker_;
  const bool in_place_;
  const std::chrono::milliseconds interval_;
  cli::EtaHistory history_;
  cli::LiveText live_{stderr};
  std::string last_;  // what the last line in the log began with
  std::jthread thread_;
};

/// The line in place, without the columns it is fitted to: what this worker did, the queue, what
/// runs longest. Pure, for tests.
[[nodiscard]] std::string progress_text(const WorkerStats& stats, const Counts& counts,
                                        const cli::Eta& eta);

}  // namespace wq::internal
