#include "wqctl/view/queue_listing.h"

#include <vector>

#include <fmt/format.h>

#include "cli/output.h"
#include "cli/units.h"
#include "wqctl/view/json.h"
#include "wqctl/view/listing.h"
#include "wqctl/view/snapshot.h"

namespace wq::ctl {

namespace {

std::string state_of(const Counts& counts) {
  std::string state;
  if (counts.paused) state = "paused";
  if (counts.drained()) state = "drained";
  if (counts.producers > 0) {
    state +=
        (state.empty() ? "" : ", ") + cli::plural(counts.producers, "producer") + " filling it";
  }
  return state;
}

std::vector<std::string> row_of(const ListedQueue& queue) {
  const std::string name = cli::one_line(queue.name);
  if (!queue.counts) {
    const bool right = queue.refusal.starts_with("NOPERM");
    return {name, "?", "?", "?", "?", "?", right ? "no permission to read it" : queue.refusal};
  }
  const Counts& counts = *queue.counts;
  return {name,
          fmt::to_string(counts.ready),
          fmt::to_string(counts.processing),
          fmt::to_string(counts.delayed),
          fmt::to_string(counts.dead),
          counts.pushed > 0 ? fmt::format("{} of {}", counts.completed, counts.pushed)
                            : fmt::to_string(counts.completed),
          state_of(counts)};
}

}  // namespace

std::string queues_table(const QueueList& list) {
  std::vector<std::vector<std::string>> rows{
      {"QUEUE", "READY", "PROCESSING", "DELAYED", "DEAD", "COMPLETED", ""}};
  for (const ListedQueue& queue : list.queues) rows.push_back(row_of(queue));
  return table_text(rows);
}

std::string queue_json(const ListedQueue& queue) {
  Json json;
  put_bytes(json, "queue", queue.name);
  if (queue.counts) {
    json.update(counts_json(*queue.counts));
  } else {
    json["refused"] = queue.refusal;
  }
  return json_line(json);
}

}  // namespace wq::ctl
