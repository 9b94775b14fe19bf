#include <algorithm>
#include <cstdint>
#include <string>

#include <fmt/format.h>

#include <wq/admin.h>

#include "cli/log.h"
#include "cli/output.h"
#include "wqctl/command.h"
#include "wqctl/view/listing.h"

namespace wq::ctl {

namespace {

// Items may be megabytes each: few at a time, so that a page stays small in that case too.
constexpr std::size_t kFirstListPage = 8;
constexpr std::size_t kListPageBytes = 4 * 1024 * 1024;

std::string listing_line(const ItemInfo& item, bool json, bool null_ended) {
  if (json) return item_json(item) + "\n";
  if (null_ended) return item.item + '\0';
  return item_line(item) + "\n";
}

ItemState read_state(const Target& target, const std::string& word) {
  if (const auto state = state_called(word)) return *state;
  const bool swapped = state_called(target.queue).has_value();
  throw cli::UsageError(fmt::format("'{}' is not ready, leased, delayed or dead{}",
                                    cli::one_line(word), swapped ? "; the queue comes first" : ""));
}

}  // namespace

cli::ExitCode run_ls(cli::Process& process, int argc, const char* const* argv) {
  Target target;
  cli::Options options{command_text(
      "ls",
      "Lists the items in one state, and reads no more of the queue than it shows. Order of ready\n"
      "items: next to be leased first. Leased: oldest lease first, roughly. Delayed: by due time.\n"
      "Dead: by time of death. Each line ends with the item; bytes that are not text are shown as\n"
      "\\xNN. While the queue changes, an item that stays in its state is always listed, except\n"
      "for leased items.\n",
      "Examples:\n"
      "  wqctl ls shards dead\n"
      "  wqctl ls shards leased --json | jq 'select(.left_ms < 5000)'\n"
      "  wqctl ls shards dead --limit 0 -0 > dead-items\n",
      {{cli::Value::queue()}, {cli::Value::choice({"ready", "leased", "delayed", "dead"})}})};
  std::uint64_t limit = 50;
  std::string after;
  bool null_ended = false;
  options.group("List");
  options.add_number("limit", limit, "how many to show; 0: all");
  options.add_text("after", cli::Value::text("PLACE"), after,
                   "continue a list at the place that it printed");
  add_json_switch(options, target, "a line for people");
  options.add_switch("null,0", null_ended, "the bare items, each followed by a NUL byte");
  if (!read_target(process, options, argc, argv, target)) return cli::ExitCode::done;
  only_look(target);
  const ItemState state = read_state(target, target.more.front());
  if (target.json && null_ended) throw cli::UsageError("--json and -0 exclude each other");

  Admin admin{target.queue, target.redis};
  std::uint64_t shown = 0;
  std::size_t n = kFirstListPage;
  while (true) {
    if (limit > 0) n = static_cast<std::size_t>(std::min<std::uint64_t>(n, limit - shown));
    const ItemPage page = admin.list(state, after, n);
    std::size_t bytes = 1;
    for (const ItemInfo& item : page.items) {
      cli::write_out(listing_line(item, target.json, null_ended));
      bytes += item.item.size();
      if (item.failure)
        bytes += item.failure->stdout_tail.size() + item.failure->stderr_tail.size();
    }
    shown += page.items.size();
    after = page.next;
    if (after.empty()) return cli::ExitCode::done;
    if (limit > 0 && shown >= limit) break;
    n = std::clamp(kListPageBytes * page.items.size() / bytes, std::size_t{1}, Admin::kMaxItems);
  }
  cli::flush_out();
  cli::log(LogLevel::info, fmt::format("the list continues: --after {}", after));
  return cli::ExitCode::done;
}

}  // namespace wq::ctl
