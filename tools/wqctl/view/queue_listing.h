#pragma once

#include <string>

#include <wq/queues.h>

namespace wq::ctl {

// How a list of queues is shown. Pure, for tests.

/// A table with a heading.
[[nodiscard]] std::string queues_table(const QueueList& list);

/// One object, in one line: as in `wqctl status --json` without uncounted fields, or "refused" with
/// the error of Redis.
[[nodiscard]] std::string queue_json(const ListedQueue& queue);

}  // namespace wq::ctl
