#include "queue_hints.h"

#include <chrono>
#include <cstddef>
#include <exception>
#include <map>
#include <vector>

#include <fmt/format.h>

#include <wq/admin.h>
#include <wq/error.h>
#include <wq/queues.h>

#include "cli/log.h"
#include "cli/nearest.h"
#include "cli/output.h"

namespace wq::internal {
namespace {

// A hint is worth no longer wait for Redis.
constexpr std::chrono::seconds kLookAtDead{5};
constexpr std::chrono::seconds kLookAtQueues{2};
constexpr std::size_t kQueuesShown = 5;

// How many dead letters there are of each kind of failure, such as "12 exit, 1 timeout"; empty
// where that cannot be known.
std::string kinds_of_dead(const std::string& queue, RedisOptions redis) {
  redis.patience = kLookAtDead;
  redis.log = no_log;
  std::map<std::string_view, std::size_t> kinds;
  try {
    for (const ItemInfo& each :
         Admin(queue, redis).list(ItemState::dead, "", Admin::kMaxItems).items) {
      ++kinds[each.failure ? wq::text(each.failure->kind) : "unknown"];
    }
  } catch (const Error&) {  // Redis is unreachable, or the user lacks the right: the known facts
                            // are logged
    return "";
  }
  std::string text;
  for (const auto& [kind, n] : kinds) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", n, kind);
  }
  return text;
}

}  // namespace

void log_dead(const std::string& queue, const RedisOptions& redis, const Counts& counts) {
  if (counts.dead == 0) return;
  std::string kinds = kinds_of_dead(queue, redis);
  if (!kinds.empty()) kinds = fmt::format(" ({})", cli::one_line(kinds));
  if (counts.dead > Admin::kMaxItems && !kinds.empty()) {
    kinds += fmt::format(" among the first {}", Admin::kMaxItems);
  }
  cli::log(LogLevel::warning,
           fmt::format("{} dead letter{} remain{}{}; list them: wqctl ls {} dead; retry them: "
                       "wqctl retry {} --all",
                       counts.dead, counts.dead == 1 ? "" : "s", counts.dead == 1 ? "s" : "", kinds,
                       queue, queue));
}

void log_dead_of_group(const std::string& pattern, const Counts& counts) {
  if (counts.dead == 0) return;
  cli::log(LogLevel::warning,
           fmt::format("{} dead letter{} remain{} in the queues that match {}; find them: wqctl "
                       "queues '{}'",
                       counts.dead, counts.dead == 1 ? "" : "s", counts.dead == 1 ? "s" : "",
                       pattern, pattern));
}

std::string other_queues(const std::string& queue, RedisOptions redis) noexcept {
  try {
    redis.patience = kLookAtQueues;
    redis.log = no_log;
    std::vector<std::string> names;
    for (const ListedQueue& each : list_queues(redis, {.longest = kLookAtQueues}).queues) {
      names.push_back(cli::one_line(each.name));
    }
    if (names.empty()) return " (there is no queue in this database)";
    const std::size_t all = names.size();
    std::string text;
    for (const std::string& name : cli::nearest_first(queue, names, kQueuesShown)) {
      text += (text.empty() ? "" : ", ") + name;
    }
    return fmt::format(" (there {} {}{})", all == 1 ? "is" : "are", text,
                       all > kQueuesShown ? fmt::format(" and {} more", all - kQueuesShown) : "");
  } catch (const std::exception&) {  // the user lacks the right: no hint
    return "";
  }
}

}  // namespace wq::internal
