#pragma once

#include <span>
#include <string>
#include <string_view>

#include <wq/doctor.h>

namespace wq::ctl {

// How `wqctl doctor` shows what it found. Pure, for tests.

/// For people: one line for each finding, those that need something done with why and what below
/// them, and a last line that sums up.
[[nodiscard]] std::string findings_text(std::span<const Finding> findings);

/// One JSON object: "queue", "level" (the worst), "findings".
[[nodiscard]] std::string findings_json(std::string_view queue, std::span<const Finding> findings);

}  // namespace wq::ctl
