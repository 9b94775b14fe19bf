#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace wq::ctl {

// The common part of `--json` of all commands. Pure, for tests.

/// Members keep the order in which they were added.
using Json = nlohmann::ordered_json;

/// Sets `name` to the text, or, where it is not valid UTF-8, `name_base64` to its bytes in base64,
/// so that no byte is lost.
void put_bytes(Json& json, const std::string& name, std::string_view bytes);

/// One line without a line end, with no control character in it. Other strings than those of
/// `put_bytes` that are no UTF-8 get U+FFFD in place of what is not.
[[nodiscard]] std::string json_line(const Json& json);

}  // namespace wq::ctl
