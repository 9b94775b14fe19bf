#include <wq/queue.h>

#include "cli/output.h"
#include "wqctl/command.h"
#include "wqctl/commands.h"
#include "wqctl/text.h"

namespace wq::ctl {

cli::ExitCode run_status(int argc, const char* const* argv) {
  cli::Options options{command_text("status",
                                    "How many items are where, read in one atomic step.\n",
                                    "Examples:\n"
                                    "  wqctl status shards\n"
                                    "  wqctl status shards --json | jq .dead\n")};
  bool json = false;
  options.group("Status");
  options.add_switch("json", json, "one JSON object instead of a line for people");
  Target target;
  if (!read_target(options, argc, argv, target)) return cli::ExitCode::done;

  Queue queue{target.queue, target.redis};
  const Counts counts = queue.counts();
  cli::write_out((json ? status_json(target.queue, counts) : status_line(target.queue, counts)) +
                 "\n");
  return cli::ExitCode::done;
}

}  // namespace wq::ctl
