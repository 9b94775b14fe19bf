#pragma once

#include <map>
#include <string>
#include <string_view>

namespace wq::internal {

/// The answer of a server to INFO, by field.
using Info = std::map<std::string, std::string>;

/// Adds the fields of one answer.
void read_info(std::string_view text, Info& info);

/// Empty if the field is missing.
[[nodiscard]] std::string info_field(const Info& info, const std::string& name);

/// "standalone", "sentinel" or "cluster": `redis_mode` or, of Valkey, `server_mode`.
[[nodiscard]] std::string server_mode(const Info& info);

}  // namespace wq::internal
