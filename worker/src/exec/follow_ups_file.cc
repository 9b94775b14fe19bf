#include "exec/follow_ups_file.h"

#include <algorithm>
#include <cstddef>
#include <stdexcept>

#include <fmt/format.h>

#include "command/follow_up.h"

namespace wq::internal {

std::vector<FollowUp> read_follow_ups(std::string_view lines) {
  std::vector<FollowUp> follow_ups;
  for (std::size_t number = 1; !lines.empty(); ++number) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    try {
      follow_ups.push_back(read_follow_up(lines.substr(0, end)));
    } catch (const std::invalid_argument& error) {
      throw std::invalid_argument(
          fmt::format("line {} of $WQ_FOLLOWUPS_FILE: {}", number, error.what()));
    }
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  return follow_ups;
}

}  // namespace wq::internal
