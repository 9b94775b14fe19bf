#include <vector>

#include <fmt/format.h>

#include <wq/admin.h>

#include "cli/output.h"
#include "wqctl/command.h"
#include "wqctl/view/listing.h"

namespace wq::ctl {

cli::ExitCode run_workers(cli::Process& process, int argc, const char* const* argv) {
  Target target;
  cli::Options options{command_text(
      "workers",
      "Lists the workers of the queue: host, start, items held and for how long, items\n"
      "done and failed, and last heartbeat. A worker without a heartbeat for more than\n"
      "10 s is marked with '!'. A drained queue has no workers.\n",
      "Examples:\n"
      "  wqctl workers shards\n"
      "  wqctl workers shards --json | jq 'select(.silent_ms > 10000)'\n")};
  add_json_switch(options, target, "a table");
  if (!read_target(process, options, argc, argv, target)) return cli::ExitCode::done;
  only_look(target);

  const std::vector<WorkerInfo> workers = Admin{target.queue, target.redis}.workers();
  if (target.json) {
    for (const WorkerInfo& worker : workers) cli::write_out(worker_json(worker) + "\n");
  } else if (workers.empty()) {
    cli::write_out(fmt::format("{}: no workers\n", cli::one_line(target.queue)));
  } else {
    cli::write_out(workers_table(workers));
  }
  return cli::ExitCode::done;
}

}  // namespace wq::ctl
