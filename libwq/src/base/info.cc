#include "base/info.h"

#include <algorithm>

namespace wq::internal {

void read_info(std::string_view text, Info& info) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    const std::size_t colon = line.find(':');
    if (line.starts_with('#') || colon == std::string_view::npos) continue;
    info[std::string(line.substr(0, colon))] = line.substr(colon + 1);
  }
}

std::string info_field(const Info& info, const std::string& name) {
  const auto found = info.find(name);
  return found == info.end() ? "" : found->second;
}

std::string server_mode(const Info& info) {
  const std::string mode = info_field(info, "redis_mode");
  return mode.empty() ? info_field(info, "server_mode") : mode;
}

}  // namespace wq::internal
