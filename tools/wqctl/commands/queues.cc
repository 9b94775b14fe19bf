#include "cli/options.h"
#include "wqctl/command.h"
#include "wqctl/queue_list.h"

namespace wq::ctl {

cli::ExitCode run_queues(cli::Process& process, int argc, const char* const* argv) {
  cli::Options options{command_text(
      "queues",
      "Lists the queues that have begun in the database of the URL, drained ones too until they\n"
      "are purged, with what is in them. PATTERN is a glob as Redis has them; quote it. Redis "
      "keeps\n"
      "no list of queues: this looks at the names of all keys, 1,000 at a time, which takes about "
      "a\n"
      "second for a million. On a Redis Cluster it sees the node of the URL. Our user needs the\n"
      "right to SCAN; a queue whose keys it may not read is shown without its counts.\n",
      "Examples:\n"
      "  wqctl queues\n"
      "  wqctl queues 'shards-*' --json | jq 'select(.dead > 0) | .queue'\n",
      {{.value = cli::Value::text("PATTERN"), .optional = true}})};
  ShowQueues how;
  options.group("Queues");
  add_json_switch(options, how.json, "a table");
  options.add_switch("names", how.names, "the names alone, one a line");
  options.add_duration("within", how.longest, "stop looking after this time; 0: never");
  Target target;
  if (!read_target(process, options, argc, argv, target)) return cli::ExitCode::done;
  if (how.json && how.names) throw cli::UsageError("--json and --names exclude each other");
  only_look(target);
  how.pattern = target.queue;
  return show_queues(target, how);
}

}  // namespace wq::ctl
