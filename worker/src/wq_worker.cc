#include "wq_worker.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <utility>

#include <unistd.h>

#include "command_handler.h"
#include "worker_progress.h"
#include "worker_run.h"

namespace wq::internal {

namespace {

/// Copies the options of the worker that the command needs, and moves those that a coprocess
/// enforces.
void agree(WqWorkerCommandLine& line) {
  CommandOptions& command = line.command;
  WorkerOptions& worker = line.worker.worker;
  if (line.worker.queues.size() == 1) command.queue = line.worker.queues.front().queue;
  command.lease = worker.lease;
  command.slots = worker.concurrency;
  // Its output would appear within the progress line.
  command.stdout_as_stderr = WorkerProgress::is_in_place() && ::isatty(STDOUT_FILENO) == 1;
  command.stdout_at_once = worker.concurrency == 1;  // no lines of others to mix with
  if (!line.is_coprocess) return;
  if (const std::uint64_t most = command.max_items_per_process; most > 0) {
    worker.batch = static_cast<std::size_t>(std::min<std::uint64_t>(worker.batch, most));
  }
  command.batch = worker.batch;
  worker.calls_per_slot = line.in_flight;
  // Only the slot of the coprocess knows whether it loads its model or works on an earlier batch.
  command.timeout = std::exchange(worker.timeout, {});
}

}  // namespace

cli::ExitCode run_wq_worker(cli::Process& process, OrphanReaper& reaper, WqWorkerCommandLine line) {
  agree(line);
  CommandHandler handler(line.command, line.is_coprocess, reaper);
  if (line.is_coprocess) {
    line.worker.worker.prepare = [&handler](unsigned slot, const std::stop_token& stop) {
      handler.prepare(slot, stop);
    };
  }
  WorkerRun worker(
      process, line.worker, BatchHandler{[&handler](const Batch& batch) { return handler(batch); }},
      [&handler](const Settlement& settlement) { return handler.attempt_text(settlement); });
  handler.start(worker.session());
  return worker.run();
}

}  // namespace wq::internal
