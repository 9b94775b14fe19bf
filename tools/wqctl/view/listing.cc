#include "wqctl/view/listing.h"

#include <algorithm>
#include <vector>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "cli/output.h"
#include "cli/terminal.h"
#include "cli/units.h"
#include "wqctl/view/json.h"
#include "wqctl/view/snapshot.h"

namespace wq::ctl {

namespace {

using Row = std::vector<std::string>;

Row row_of(const WorkerInfo& worker) {
  const bool holds = worker.holding > 0;
  return {worker.overdue() ? "!" : "",
          worker.label.empty() ? "-" : cli::one_line(worker.label),
          worker.host.empty() ? "-" : cli::one_line(worker.host),
          fmt::to_string(worker.pid),
          age_text(worker.age),
          fmt::to_string(worker.slots),
          fmt::to_string(worker.holding),
          holds ? age_text(worker.oldest) : "-",
          fmt::format("{}/{}", worker.completed, worker.failed),
          age_text(worker.silent) + " ago"};
}

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

Row row_of(const ListedQueue& queue) {
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

std::string time_text(ServerTime time) {
  // A value of another client may be out of range.
  constexpr ServerTime kLast{std::chrono::milliseconds{253'402'300'799'000}};  // of year 9999
  if (time.time_since_epoch().count() < 0 || time > kLast) return "?";
  const auto s = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  return fmt::format("{:%FT%TZ}", fmt::gmtime(static_cast<std::time_t>(s)));
}

std::string table_text(std::span<const std::vector<std::string>> rows) {
  std::vector<std::size_t> widths(rows.empty() ? 0 : rows.front().size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < widths.size(); ++i) {
      widths[i] = std::max(widths[i], cli::columns_of(row[i]));
    }
  }
  std::string table;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < widths.size(); ++i) {
      if (widths[i] == 0) continue;
      line += cli::padded(row[i], widths[i] + 2);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    table += line + "\n";
  }
  return table;
}

std::string workers_table(std::span<const WorkerInfo> workers) {
  std::vector<Row> rows{{"", "WORKER", "HOST", "PID", "SINCE", "SLOTS", "HOLDS", "OLDEST",
                         "DONE/FAILED", "HEARTBEAT"}};
  for (const WorkerInfo& worker : workers) rows.push_back(row_of(worker));
  return table_text(rows);  // the first column is left out if no worker is marked
}

std::string worker_json(const WorkerInfo& worker) {
  return json_line({{"session", worker.session},
                    {"label", worker.label},
                    {"host", worker.host},
                    {"pid", worker.pid},
                    {"started", time_text(worker.started)},
                    {"age_ms", worker.age.count()},
                    {"slots", worker.slots},
                    {"holding", worker.holding},
                    {"oldest_ms", worker.oldest.count()},
                    {"completed", worker.completed},
                    {"failed", worker.failed},
                    {"silent_ms", worker.silent.count()},
                    {"overdue", worker.overdue()}});
}

std::string queues_table(const QueueList& list) {
  std::vector<Row> rows{{"QUEUE", "READY", "PROCESSING", "DELAYED", "DEAD", "COMPLETED", ""}};
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
