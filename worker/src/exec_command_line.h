#pragma once

#include <optional>

#include <wq/worker_main.h>

#include "coprocess/handler.h"
#include "exec/exec_handler.h"

namespace wq::internal {

/// How wq-worker runs its command.
struct CommandOptions {
  ExecOptions exec;
  bool is_coprocess = false;
  bool pass_redis = false;
  std::optional<unsigned> in_flight;  ///< batches of a coprocess at a time
  CoprocessOptions coprocess;         ///< if it is one; what both have stands in `exec`
};

/// What wq-worker adds to the command line of every worker; its options set `command`, which must
/// outlive what is returned. `make_batch` is left to the caller.
[[nodiscard]] WorkerProgram exec_program(CommandOptions& command);

}  // namespace wq::internal
