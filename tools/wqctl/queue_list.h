#pragma once

#include <chrono>
#include <string>

#include <wq/queues.h>

#include "cli/exit_code.h"
#include "wqctl/command.h"

namespace wq::ctl {

struct ShowQueues {
  std::string pattern = {};  ///< empty: all
  bool json = false;
  bool names = false;                   ///< bare names, one a line
  std::chrono::milliseconds longest{};  ///< see `QueueSearch`
};

/// Prints the queues there are.
[[nodiscard]] cli::ExitCode show_queues(const Target& target, const ShowQueues& how);

}  // namespace wq::ctl
