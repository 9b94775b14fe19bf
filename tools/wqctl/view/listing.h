#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <wq/admin.h>
#include <wq/doctor.h>
#include <wq/queues.h>

#include "cli/units.h"

namespace wq::ctl {

// How workers, queues, items, results and findings are shown. Pure, for tests.

using cli::age_text;

/// `2026-11-21T09:30:00Z`, to the second.
[[nodiscard]] std::string time_text(ServerTime time);

/// Rows of equal length as lines with aligned columns; an empty row is skipped.
[[nodiscard]] std::string table_text(std::span<const std::vector<std::string>> rows);

/// A table with a heading.
[[nodiscard]] std::string workers_table(std::span<const WorkerInfo> workers);
[[nodiscard]] std::string worker_json(const WorkerInfo& worker);

/// Queues: a table with a heading.
[[nodiscard]] std::string queues_table(const QueueList& list);

/// One object, in one line: as in `wqctl status --json` without uncounted fields, or "refused" with
/// the error of Redis.
[[nodiscard]] std::string queue_json(const ListedQueue& queue);

/// The item for a line on any terminal: bytes that are not printable UTF-8 as \xNN, cut after 1000
/// bytes.
[[nodiscard]] std::string item_text(std::string_view item);

/// "12 MiB"
[[nodiscard]] std::string memory_text(std::uint64_t bytes);

/// The heading of the attempts, and an attempt in one line with its outcome, the item last.
[[nodiscard]] std::string attempt_heading();
[[nodiscard]] std::string attempt_line(const Attempt& each);
[[nodiscard]] std::string attempt_json(const Attempt& each);

[[nodiscard]] std::string_view state_name(ItemState state);
[[nodiscard]] std::optional<ItemState> state_called(std::string_view name);

/// The main facts of an item in its state, the item last.
[[nodiscard]] std::string item_line(const ItemInfo& item);
/// Everything, in several lines.
[[nodiscard]] std::string item_details(const ItemInfo& item);
[[nodiscard]] std::string item_json(const ItemInfo& item);

/// One JSON object: "id", "item", "result". A value that is not valid UTF-8 is in "item_base64" or
/// "result_base64" instead, so no byte is lost. A JSON result is included as JSON, on one line.
[[nodiscard]] std::string result_json(const Result& result);

/// For people: one line for each finding, those that need something done with why and what below
/// them, and a last line that sums up.
[[nodiscard]] std::string findings_text(std::span<const Finding> findings);

/// One JSON object: "queue", "level" (the worst), "findings".
[[nodiscard]] std::string findings_json(std::string_view queue, std::span<const Finding> findings);

}  // namespace wq::ctl
