#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <wq/admin.h>

#include "wqctl/changes.h"
#include "wqctl/view/listing.h"

namespace wq::ctl {

cli::ExitCode run_drop(cli::Process& process, int argc, const char* const* argv) {
  cli::Options options{command_text(
      "drop",
      "Removes items for good, and what is recorded about them; the queue counts them as dropped.\n"
      "An item that somebody works on is left alone. Ends with 1 if one that was named was not\n"
      "removed. Looking a named item up among the ready ones takes Redis time in proportion to\n"
      "their number, in which it does nothing else.\n",
      "Examples:\n"
      "  wqctl drop shards shard-000017.tar\n"
      "  wqctl drop shards --match '*.tmp' --from ready\n"
      "  wqctl drop shards --all\n",
      item_arguments())};
  Selection selection;
  ItemState from = ItemState::dead;
  bool json = false;
  options.group("Drop");
  selection.declare(options);
  options.add_choice<ItemState>(
      "from", from,
      {{"dead", ItemState::dead}, {"delayed", ItemState::delayed}, {"ready", ItemState::ready}},
      "where they are removed");
  add_json_switch(options, json, "a line for people");
  Target target;
  if (!read_target(process, options, argc, argv, target)) return cli::ExitCode::done;
  selection.check(target);

  Admin admin{target.queue, target.redis};
  if (selection.named(target)) {
    const std::vector<std::string> items = selection.items(target);
    const std::uint64_t n =
        change_named(admin, items, json, "dropped", std::string(state_name(from)),
                     [&](std::span<const std::string> some) { return admin.drop(some, from); });
    return n == items.size() ? cli::ExitCode::done : cli::ExitCode::failure;
  }
  write_changed(admin.drop_matching(selection.pattern(), from), json, "dropped");
  return cli::ExitCode::done;
}

}  // namespace wq::ctl
