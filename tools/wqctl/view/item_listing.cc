#include <array>

#include <fmt/format.h>

#include "base/failure_json.h"
#include "cli/output.h"
#include "cli/terminal.h"
#include "cli/units.h"
#include "wqctl/view/json.h"
#include "wqctl/view/listing.h"

namespace wq::ctl {

namespace {

using std::chrono::milliseconds;

constexpr std::array<std::string_view, 4> kStates{"ready", "leased", "delayed", "dead"};
constexpr std::size_t kLongestItem = 1'000;
constexpr std::size_t kMessageColumns = 60;

std::string holder_text(const ItemInfo& item) {
  if (item.holder.empty()) return "popped, not leased";
  const std::string who = cli::one_line(item.worker.empty() ? item.holder : item.worker);
  if (item.left == milliseconds::max()) return fmt::format("held by {}, never expires", who);
  if (item.left < milliseconds::zero()) {
    return fmt::format("held by {}, expired {} ago", who, age_text(-item.left));
  }
  return fmt::format("held by {}, {} left", who, age_text(item.left));
}

std::string attempts_text(const ItemInfo& item) {
  return fmt::format("{}, {}", cli::plural(item.failures, "failure"),
                     cli::plural(item.crashes, "crash", "crashes"));
}

// Of the last try: who made it, how long it took, what memory it used.
std::string short_try(const Failure& failure) {
  std::string text = cli::one_line(failure.worker.empty() ? failure.host : failure.worker);
  const auto add = [&text](const std::string& more) { text += (text.empty() ? "" : ", ") + more; };
  if (failure.wall_time) add(age_text(*failure.wall_time));
  if (failure.max_rss_bytes) add(memory_text(*failure.max_rss_bytes));
  return text;
}

std::string short_failure(const ItemInfo& item) {
  if (!item.failure) return "";
  const std::string why = cli::fit(
      cli::one_line(fmt::format("{}: {}", text(item.failure->kind), item.failure->message)),
      kMessageColumns);
  const std::string of_try = short_try(*item.failure);
  return of_try.empty() ? why : fmt::format("{}  ({})", why, of_try);
}

std::string said_text(const char* where, std::string_view lines) {
  if (lines.empty()) return "";
  std::string text = fmt::format("    {}:\n", where);
  for (std::string_view rest = lines; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    text += "      " + item_text(rest.substr(0, end)) + "\n";
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return text;
}

std::string failure_details(const ItemInfo& item) {
  const Failure& failure = *item.failure;
  std::string text = fmt::format("  last failure: {}: {}\n", wq::text(failure.kind),
                                 cli::one_line(failure.message));
  if (item.failed_at) text += fmt::format("    at:         {}\n", time_text(*item.failed_at));
  if (!failure.worker.empty())
    text += fmt::format("    worker:     {}\n", cli::one_line(failure.worker));
  if (!failure.host.empty())
    text += fmt::format("    host:       {}\n", cli::one_line(failure.host));
  if (failure.exit_code) text += fmt::format("    exit code:  {}\n", *failure.exit_code);
  if (failure.signal) text += fmt::format("    signal:     {}\n", *failure.signal);
  if (failure.max_rss_bytes)
    text += fmt::format("    memory:     {} (peak)\n", memory_text(*failure.max_rss_bytes));
  if (failure.wall_time) text += fmt::format("    took:       {}\n", age_text(*failure.wall_time));
  if (failure.cpu_time) text += fmt::format("    CPU time:   {}\n", age_text(*failure.cpu_time));
  return text + said_text("stdout", failure.stdout_tail) + said_text("stderr", failure.stderr_tail);
}

Json failure_json(const ItemInfo& item) {
  const Failure& failure = *item.failure;
  Json json = {{"kind", text(failure.kind)}, {"message", failure.message}};
  if (item.failed_at) json["at"] = time_text(*item.failed_at);
  internal::put_failure(json, failure);
  return json;
}

}  // namespace

std::string memory_text(std::uint64_t bytes) {
  constexpr std::uint64_t kMebibyte = std::uint64_t{1} << 20U;
  return fmt::format("{} MiB", (bytes + kMebibyte / 2) / kMebibyte);
}

std::string item_text(std::string_view item) { return cli::bytes_text(item, kLongestItem); }

std::string_view state_name(ItemState state) { return kStates.at(static_cast<std::size_t>(state)); }

std::optional<ItemState> state_called(std::string_view name) {
  for (std::size_t i = 0; i < kStates.size(); ++i) {
    if (kStates.at(i) == name) return static_cast<ItemState>(i);
  }
  return std::nullopt;
}

std::string item_line(const ItemInfo& item) {
  std::string shown = item_text(item.item);
  switch (item.state) {
    case ItemState::ready:
      return shown;
    case ItemState::leased:
      return fmt::format("{}  {}", holder_text(item), shown);
    case ItemState::delayed:
      return fmt::format("due {}  {}  {}", time_text(item.due.value_or(ServerTime{})),
                         attempts_text(item), shown);
    case ItemState::dead:
      return fmt::format("died {}  {}  {}  {}", time_text(item.died.value_or(ServerTime{})),
                         attempts_text(item), short_failure(item), shown);
  }
  return shown;
}

std::string item_details(const ItemInfo& item) {
  std::string text = item_text(item.item) + "\n";
  text += fmt::format("  state:        {}\n", state_name(item.state));
  if (item.state == ItemState::leased) {
    text += fmt::format("  lease:        {}\n", holder_text(item));
    if (!item.holder.empty())
      text += fmt::format("  session:      {}\n", cli::one_line(item.holder));
    if (item.fence > 0) text += fmt::format("  fence:        {}\n", item.fence);
  }
  if (item.due) text += fmt::format("  due:          {}\n", time_text(*item.due));
  if (item.died) text += fmt::format("  died:         {}\n", time_text(*item.died));
  text += fmt::format("  tried before: {}\n", attempts_text(item));
  text += fmt::format("  sha224:       {}\n", wq::text(hash_item(item.item)));
  if (item.failure) text += failure_details(item);
  return text;
}

std::string item_json(const ItemInfo& item) {
  Json json;
  put_bytes(json, "item", item.item);
  json["sha224"] = wq::text(hash_item(item.item));
  json["state"] = state_name(item.state);
  json["failures"] = item.failures;
  json["crashes"] = item.crashes;
  if (item.state == ItemState::leased) {
    json["holder"] = item.holder.empty() ? Json() : Json(item.holder);
    if (item.fence > 0) json["fence"] = item.fence;
    if (!item.worker.empty()) json["worker"] = item.worker;
    if (!item.holder.empty() && item.left != milliseconds::max()) {
      json["left_ms"] = item.left.count();
    }
  }
  if (item.due) json["due"] = time_text(*item.due);
  if (item.died) json["died"] = time_text(*item.died);
  if (item.failure) json["failure"] = failure_json(item);
  return json_line(json);
}

}  // namespace wq::ctl
