#pragma once

#include "cli/process.h"
#include "command/command_options.h"
#include "worker_options.h"

namespace wq::internal {

/// The command line of wq-worker. `run_wq_worker` copies from `worker` to `command` the options
/// that both have (`queue`, `lease`, `slots`, `batch`, `timeout`).
struct WqWorkerCommandLine {
  WorkerCommandLine worker;
  CommandOptions command;
  bool is_coprocess = false;
  /// Batches of a coprocess at a time: the next one is with it while it computes one.
  unsigned in_flight = 2;
};

/// Reads the command line and the environment and begins the log. Returns false if `--help` or
/// `--version` was asked for and answered. Throws `std::invalid_argument` for what is wrong.
[[nodiscard]] bool read_wq_worker_command_line(cli::Process& process, int argc,
                                               const char* const* argv, WqWorkerCommandLine& line);

}  // namespace wq::internal
