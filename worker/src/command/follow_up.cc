#include "command/follow_up.h"

#include <utility>

#include "cli/json_item.h"

namespace wq::internal {

FollowUp read_follow_up(std::string_view json) {
  cli::JsonItem read = cli::read_json_item(json, true);
  FollowUp follow_up(std::move(read.item));
  follow_up.queue = std::move(read.queue);
  follow_up.once_key = std::move(read.once_key);
  follow_up.delay = read.delay.value_or(follow_up.delay);
  return follow_up;
}

}  // namespace wq::internal
