#include <span>
#include <string>

#include <wq/admin.h>

#include "wqctl/items.h"
#include "wqctl/view/listing.h"

namespace wq::ctl {

cli::ExitCode run_drop(cli::Process& process, int argc, const char* const* argv) {
  Target target;
  cli::Options options{command_text(
      "drop",
      "Removes items and their records permanently; the queue counts them as dropped. Leased "
      "items\n"
      "are left alone. Exits with 1 if a named item was not removed. Searching a named item among\n"
      "the ready items blocks Redis for a time in proportion to their number.\n",
      "Examples:\n"
      "  wqctl drop shards shard-000017.tar\n"
      "  wqctl drop shards --match '*.tmp' --from ready\n"
      "  wqctl drop shards --all\n",
      item_arguments())};
  Selection selection;
  ItemState from = ItemState::dead;
  selection.declare(options);
  options.add_choice<ItemState>(
      "from", from,
      {{"dead", ItemState::dead}, {"delayed", ItemState::delayed}, {"ready", ItemState::ready}},
      "state from which items are removed");
  add_json_switch(options, target, "a line for people");
  if (!read_target(process, options, argc, argv, target)) return cli::ExitCode::done;
  selection.check(target);

  Admin admin{target.queue, target.redis};
  const Selection::Change change{
      .named = [&](std::span<const std::string> some) { return admin.drop(some, from); },
      .matching = [&](const std::string& all) { return admin.drop_matching(all, from); }};
  return selection.apply(admin, target, "dropped", std::string(state_name(from)), change).code;
}

}  // namespace wq::ctl
