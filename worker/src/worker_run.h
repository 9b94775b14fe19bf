#pragma once

#include <functional>
#include <memory>
#include <string>

#include <wq/worker.h>

#include "cli/exit_code.h"
#include "cli/process.h"
#include "worker_options.h"

namespace wq::internal {

/// The command line that a try was, for `--joblog`; empty: the program's name and the item.
using AttemptText = std::function<std::string(const Settlement&)>;

class Interruption;
class JobLogging;

/// One run of a worker as its command line says it, with all that is around the work: signals, the
/// log, metrics, `--joblog`, progress, and the exit code.
class WorkerRun {
 public:
  /// Makes the worker, listens for Prometheus, and has SIGINT and SIGTERM blocked from here on:
  /// what the handler starts belongs behind this. Until `run` a signal ends the process at once.
  /// `process` and `line` must outlive it. Throws as `Worker` and `metrics::MetricsServer` do.
  WorkerRun(cli::Process& process, const WorkerCommandLine& line, Handler handler,
            AttemptText attempt_text = {});
  WorkerRun(cli::Process& process, const WorkerCommandLine& line, BatchHandler handler,
            AttemptText attempt_text = {});
  ~WorkerRun();
  WorkerRun(const WorkerRun&) = delete;
  WorkerRun& operator=(const WorkerRun&) = delete;

  /// Of the worker, see `Worker::session`.
  [[nodiscard]] const std::string& session() const { return worker_->session(); }

  /// Returns when the worker has left. Throws as `Worker::run`.
  [[nodiscard]] cli::ExitCode run();

 private:
  /// Makes the worker in the end, with the options of `line` and what is here.
  template <typename Make>
  WorkerRun(cli::Process& process, const WorkerCommandLine& line, AttemptText attempt_text,
            const Make& make);

  void log_dead_of(const WorkerReport& report) const;

  const WorkerCommandLine& line_;
  // Outlives the interruption that speaks to it, but is made after it: with signals blocked.
  std::unique_ptr<Worker> worker_;
  const std::unique_ptr<Interruption> interruption_;
  std::unique_ptr<JobLogging> joblog_;
  std::unique_ptr<metrics::MetricsServer> server_;
};

}  // namespace wq::internal
