#pragma once

#include "cli/exit_code.h"
#include "cli/process.h"
#include "process/orphan_reaper.h"
#include "wq_worker_options.h"

namespace wq::internal {

/// Runs a command for the items of a queue, as the command line says, and returns when the worker
/// has left. `reaper` collects what the commands leave behind; several workers of a process share
/// it, and its thread goes on behind this. Throws as `cli::run_main` expects it.
[[nodiscard]] cli::ExitCode run_wq_worker(cli::Process& process, OrphanReaper& reaper,
                                          WqWorkerCommandLine line);

}  // namespace wq::internal
