#pragma once

#include <chrono>

#include "cli/exit_code.h"
#include "wqctl/command.h"
#include "wqctl/results_folder.h"

namespace wq::ctl {

struct ResultsOptions {
  bool follow = false;  ///< until the queue is drained
  bool trim = false;    ///< remove from Redis what the output has synced
  std::chrono::milliseconds wait_open{std::chrono::minutes{10}};  ///< with `follow`
};

/// Hands the results to `output`, oldest first, each once. Throws as `Queue` and the output do, and
/// `ProtocolError` when the queue's data was lost: what was read by then is in the output.
[[nodiscard]] cli::ExitCode read_results(cli::Process& process, const Target& target,
                                         const ResultsOptions& options, ResultsOutput& output);

}  // namespace wq::ctl
