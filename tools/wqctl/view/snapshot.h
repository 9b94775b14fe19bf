#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <wq/admin.h>
#include <wq/queue.h>

#include "cli/eta.h"
#include "wqctl/view/json.h"

namespace wq::ctl {

using cli::Eta;
using cli::EtaHistory;
using cli::left_text;
using cli::rate_text;
using cli::Seconds;

// How `wqctl status` shows a queue. Pure, for tests.

/// A summary of `Admin::workers`.
struct Crew {
  std::size_t alive = 0;
  std::size_t overdue = 0;  ///< without a heartbeat for more than ten seconds
  std::optional<std::chrono::milliseconds> oldest;  ///< lease
};
[[nodiscard]] Crew crew_of(std::span<const WorkerInfo> workers);

/// A queue at one moment.
struct Snapshot {
  std::string queue;
  Counts counts;
  Crew crew;
  std::optional<std::chrono::milliseconds> last_due;  ///< of the delayed items
  QueueState state = QueueState::not_begun;           ///< with the stages before it
};

/// `Queue::state`; only a queue behind stages is read again for it.
[[nodiscard]] QueueState state_with_stages(Queue& queue, const Counts& counts);

[[nodiscard]] inline bool is_drained(const Snapshot& now) {
  return now.state == QueueState::drained;
}

/// Workers tell of themselves every two seconds: takes away what the counts contradict.
void drop_outdated(Snapshot& now);

/// One line for people, without a line end.
[[nodiscard]] std::string status_line(const Snapshot& now);
/// The same while it is watched: with rates and the time left.
[[nodiscard]] std::string watch_line(const Snapshot& now, const Eta& eta);

/// The counts in the JSON of all commands.
[[nodiscard]] Json counts_json(const Counts& counts);

/// The same for programs. Bytes of the name that are no UTF-8 become U+FFFD when it is printed.
[[nodiscard]] Json status_json(const Snapshot& now);
[[nodiscard]] Json watch_json(const Snapshot& now, const Eta& eta);

/// The frame on a terminal: lines of fewer than `columns` columns, as many as it takes. With escape
/// sequences for colours only if `colour`.
[[nodiscard]] std::vector<std::string> watch_frame(const Snapshot& now, const Eta& eta,
                                                   std::size_t columns, bool colour);

/// Such as `nothing was completed for 5m00s; oldest lease 7m12s`; empty unless it is silent.
[[nodiscard]] std::string silence_text(const Snapshot& now, const Eta& eta);

}  // namespace wq::ctl
