#pragma once

#include <wq/worker_main.h>

#include "exec_handler.h"

namespace wq::internal {

/// What wq-worker adds to the command line of every worker; its options set `exec`, which must
/// outlive what is returned. `make` is left to the caller.
[[nodiscard]] WorkerProgram exec_program(ExecOptions& exec);

}  // namespace wq::internal
