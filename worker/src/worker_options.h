#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <wq/redis_options.h>
#include <wq/worker.h>
#include <wq/worker_main.h>

#include "cli/log.h"
#include "metrics/metrics_server.h"

namespace wq::internal {

/// What the command line of a worker says.
struct WorkerCommandLine {
  std::string program;  ///< the name of the file that runs
  std::string queue;
  RedisOptions redis;
  WorkerOptions worker;
  bool fail_on_dead = false;
  std::string joblog;                     ///< a file; empty: none
  std::chrono::milliseconds progress{0};  ///< between two lines of it; zero: none
  std::optional<metrics::ListenAddress> metrics_listen;
  cli::LogOptions log;
  std::vector<std::string> arguments;
};

/// Reads the command line and the environment and starts the log. Returns false if `--help` or
/// `--version` was asked for and answered. Throws `std::invalid_argument` for what is wrong.
[[nodiscard]] bool read_worker_command_line(int argc, const char* const* argv,
                                            const WorkerProgram& program,
                                            WorkerCommandLine& command_line);

}  // namespace wq::internal
