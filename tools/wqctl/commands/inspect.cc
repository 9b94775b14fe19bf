#include <cstdint>
#include <string>

#include <fmt/format.h>

#include <wq/admin.h>

#include "cli/output.h"
#include "wqctl/command.h"
#include "wqctl/items.h"
#include "wqctl/view/json.h"
#include "wqctl/view/listing.h"

namespace wq::ctl {

namespace {

std::string inspected_text(const std::string& item, const Inspection& inspection, bool json) {
  std::string text;
  for (const ItemInfo& info : inspection.found) {
    text += json ? item_json(info) + "\n" : item_details(info);
  }
  if (!inspection.found.empty()) return text;
  if (json) {
    Json line;
    put_bytes(line, "item", item);
    line["state"] = nullptr;
    line["searched_all"] = inspection.complete;
    return json_line(line) + "\n";
  }
  return fmt::format("{}\n  {}\n", item_text(item),
                     inspection.complete ? "not in the queue: done, dropped, or never pushed"
                                         : "not found, but the lists are longer than --max-scan");
}

}  // namespace

cli::ExitCode run_inspect(cli::Process& process, int argc, const char* const* argv) {
  Target target;
  cli::Options options{command_text(
      "inspect",
      "Shows the state of an item: the holder and the rest of its lease, when it is due or died,\n"
      "its failures and crashes, and the last failure. Exits with 1 if an item is not in the\n"
      "queue. Searching ready and leased items blocks Redis for a time in proportion to their\n"
      "number, some 10 ms for a million.\n",
      "Examples:\n"
      "  wqctl inspect shards shard-000017.tar\n"
      "  wqctl ls shards dead -0 | wqctl inspect shards -0 --json\n",
      item_arguments())};
  ItemArguments arguments;
  std::uint64_t max_scan = 1'000'000;
  arguments.declare(options);
  options.add_number("max-scan", max_scan,
                     "how many ready and how many leased items to search; 0: all");
  add_json_switch(options, target, "lines for people");
  if (!read_target(process, options, argc, argv, target)) return cli::ExitCode::done;
  only_look(target);
  if (!arguments.given(target)) {
    throw cli::UsageError("the item is missing: wqctl inspect QUEUE ITEM; see --help");
  }

  Admin admin{target.queue, target.redis};
  bool all_found = true;
  for (const std::string& item : arguments.read(target)) {
    const Inspection inspection = admin.inspect(item, max_scan);
    all_found = all_found && !inspection.found.empty();
    cli::write_out(inspected_text(item, inspection, target.json));
  }
  return all_found ? cli::ExitCode::done : cli::ExitCode::failure;
}

}  // namespace wq::ctl
