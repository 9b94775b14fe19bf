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

/// A table with a heading. Pure, as is the next.
[[nodiscard]] std::string queues_table(const QueueList& list);

/// One object, in one line: as that of `wqctl status --json` without what is not counted, or
/// "refused" with what Redis said.
[[nodiscard]] std::string queue_json(const ListedQueue& queue);

}  // namespace wq::ctl
