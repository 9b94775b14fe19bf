#include <vector>

#include <fmt/format.h>

#include <wq/admin.h>

#include "cli/output.h"
#include "wqctl/command.h"
#include "wqctl/view/listing.h"

namespace wq::ctl {

cli::ExitCode run_workers(cli::Process& process, int argc, const char* const* argv) {
  cli::Options options{command_text(
      "workers",
      "Who works on the queue: where, since when, how many items it holds and for how\n"
      "long, what it did, and when it was last heard of. A worker that was not heard of\n"
      "for more than 10 s is marked with '!'. A drained queue has none.\n",
      "Examples:\n"
      "  wqctl workers shards\n"
      "  wqctl workers shards --json | jq 'select(.silent_ms > 10000)'\n")};
  bool json = false;
  options.group("Workers");
  add_json_switch(options, json, "a table");
  Target target;
  if (!read_target(process, options, argc, argv, target)) return cli::ExitCode::done;
  only_look(target);

  const std::vector<WorkerInfo> workers = Admin{target.queue, target.redis}.workers();
  if (json) {
    for (const WorkerInfo& worker : workers) cli::write_out(worker_json(worker) + "\n");
  } else if (workers.empty()) {
    cli::write_out(fmt::format("{}: no workers\n", cli::one_line(target.queue)));
  } else {
    cli::write_out(workers_table(workers));
  }
  return cli::ExitCode::done;
}

}  // namespace wq::ctl
