#pragma once

#include <chrono>

#include "cli/exit_code.h"
#include "wqctl/command.h"

namespace wq::ctl {

struct WatchOptions {
  bool json = false;
  std::chrono::milliseconds interval{0};  ///< between two looks; zero: as suits the output
  std::chrono::milliseconds wait_open{std::chrono::minutes{10}};  ///< for the queue to begin
  bool fail_on_dead = false;
};

/// Shows the queue until it is drained, on a terminal in place, else a line for each look. Returns
/// what a worker would have ended with. Throws as `Queue` does, and `ProtocolError` when the
/// queue's data was lost.
[[nodiscard]] cli::ExitCode watch(cli::Process& process, const Target& target,
                                  const WatchOptions& options);

}  // namespace wq::ctl
