#include <wq/admin.h>

#include "cli/output.h"
#include "wqctl/command.h"
#include "wqctl/view/text.h"

namespace wq::ctl {

cli::ExitCode run_pause(cli::Process& process, int argc, const char* const* argv) {
  cli::Options options{command_text("pause",
                                    "Stops leasing items, within a second on all workers. Workers "
                                    "finish the items that they hold,\n"
                                    "and stay. Items can be pushed. A paused queue is never "
                                    "drained. RedisWQ clients ignore the\n"
                                    "pause.\n",
                                    "Examples:\n"
                                    "  wqctl pause shards\n")};
  bool json = false;
  options.group("Pause");
  add_json_switch(options, json, "a line for people");
  Target target;
  if (!read_target(process, options, argc, argv, target)) return cli::ExitCode::done;
  const bool changed = Admin{target.queue, target.redis}.pause();
  cli::write_out(pause_text(target.queue, json, true, changed));
  return cli::ExitCode::done;
}

}  // namespace wq::ctl
