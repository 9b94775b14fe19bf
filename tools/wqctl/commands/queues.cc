#include "cli/options.h"
#include "wqctl/command.h"
#include "wqctl/queue_list.h"

namespace wq::ctl {

cli::ExitCode run_queues(cli::Process& process, int argc, const char* const* argv) {
  cli::Options options{command_text(
      "queues",
      "Lists the queues in the database of the URL with their counts, from the first push until\n"
      "they are purged. PATTERN is a Redis glob; quote it. Redis keeps no list of queues: wqctl\n"
      "scans the names of all keys, 1,000 at a time, about a second for a million. On a Redis\n"
      "Cluster it sees only the node of the URL. The user needs the right to SCAN; a queue whose\n"
      "keys the user may not read is shown without counts.\n",
      "Examples:\n"
      "  wqctl queues\n"
      "  wqctl queues 'shards-*' --json | jq 'select(.dead > 0) | .queue'\n",
      {{.value = cli::Value::text("PATTERN"), .optional = true}})};
  ShowQueues how;
  options.group("Queues");
  add_json_switch(options, how.json, "a table");
  options.add_switch("names", how.names, "only the names, one per line");
  options.add_duration("within", how.longest, "stop the scan after this time; 0: never");
  Target target;
  if (!read_target(process, options, argc, argv, target)) return cli::ExitCode::done;
  if (how.json && how.names) throw cli::UsageError("--json and --names exclude each other");
  only_look(target);
  how.pattern = target.queue;
  return show_queues(target, how);
}

}  // namespace wq::ctl
