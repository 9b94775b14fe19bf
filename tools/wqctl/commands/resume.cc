#include <wq/admin.h>

#include "cli/output.h"
#include "wqctl/command.h"
#include "wqctl/view/text.h"

namespace wq::ctl {

cli::ExitCode run_resume(cli::Process& process, int argc, const char* const* argv) {
  cli::Options options{command_text("resume", "Ends a pause: workers continue within a second.\n",
                                    "Examples:\n"
                                    "  wqctl resume shards\n")};
  bool json = false;
  options.group("Resume");
  add_json_switch(options, json, "a line for people");
  Target target;
  if (!read_target(process, options, argc, argv, target)) return cli::ExitCode::done;
  const bool changed = Admin{target.queue, target.redis}.resume();
  cli::write_out(pause_text(target.queue, json, false, changed));
  return cli::ExitCode::done;
}

}  // namespace wq::ctl
