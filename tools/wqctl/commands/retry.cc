#include <span>
#include <string>

#include <wq/admin.h>

#include "cli/log.h"
#include "wqctl/items.h"

namespace wq::ctl {

cli::ExitCode run_retry(cli::Process& process, int argc, const char* const* argv) {
  Target target;
  cli::Options options{command_text(
      "retry",
      "Moves dead letters to the front of the ready items, with attempt and crash counts reset. A\n"
      "delayed item that is named becomes due now. --all and --match leave alone items that die\n"
      "again meanwhile. Exits with 1 if a named item is not dead or delayed.\n",
      "Examples:\n"
      "  wqctl retry shards shard-000017.tar\n"
      "  wqctl retry shards --match 'shard-0001*'\n"
      "  wqctl retry shards --all --delayed\n",
      item_arguments())};
  Selection selection;
  bool delayed = false;
  selection.declare(options);
  options.add_switch("delayed", delayed,
                     "with --all or --match: delayed items instead of dead ones");
  add_json_switch(options, target, "a line for people");
  if (!read_target(process, options, argc, argv, target)) return cli::ExitCode::done;
  selection.check(target);

  Admin admin{target.queue, target.redis};
  const ItemState from = delayed ? ItemState::delayed : ItemState::dead;
  const Selection::Change change{
      .named = [&](std::span<const std::string> some) { return admin.retry(some); },
      .matching = [&](const std::string& all) { return admin.retry_matching(all, from); }};
  const auto [changed, code] = selection.apply(admin, target, "retried", "dead or delayed", change);
  if (changed > 0 && admin.workers().empty()) {
    cli::log(LogLevel::warning, "no worker is running on this queue; start one");
  }
  return code;
}

}  // namespace wq::ctl
