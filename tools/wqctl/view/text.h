#pragma once

#include <string>

#include <wq/queue.h>

namespace wq::ctl {

// How wqctl writes what it found. Pure, for tests.

/// One JSON object: "id", "item", "result". A value that is not valid UTF-8 is in "item_base64" or
/// "result_base64" instead, so no byte is lost. A JSON result is included as JSON, on one line.
[[nodiscard]] std::string result_json(const Result& result);

}  // namespace wq::ctl
