#pragma once

#include <chrono>
#include <span>
#include <string>

#include <wq/admin.h>

namespace wq::ctl {

// How workers and items are shown. Pure, for tests.

/// For people, in two units at most: `850ms`, `12s`, `3m20s`, `5h07m`, `2d03h`.
[[nodiscard]] std::string age_text(std::chrono::milliseconds age);

/// `2026-11-21T09:30:00Z`, to the second.
[[nodiscard]] std::string time_text(ServerTime time);

/// A table with a heading.
[[nodiscard]] std::string workers_table(std::span<const WorkerInfo> workers);
[[nodiscard]] std::string worker_json(const WorkerInfo& worker);

}  // namespace wq::ctl
