#pragma once

#include <string>
#include <string_view>

#include <wq/queue.h>

namespace wq::ctl {

// How wqctl writes what it found. Pure, for tests.

/// One line for people, without a line end.
[[nodiscard]] std::string status_line(std::string_view queue, const Counts& counts);

/// The same for programs: one JSON object. Bytes of the name that are no UTF-8 become U+FFFD.
[[nodiscard]] std::string status_json(std::string_view queue, const Counts& counts);

/// One JSON object: "id", "item", "result", "fence". A value that is not valid UTF-8 stands in
/// "item_base64" or "result_base64" instead, so no byte is lost.
[[nodiscard]] std::string result_json(const Result& result);

}  // namespace wq::ctl
