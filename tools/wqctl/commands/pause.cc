#include <string>

#include <fmt/format.h>

#include <wq/admin.h>

#include "cli/output.h"
#include "wqctl/command.h"
#include "wqctl/commands.h"
#include "wqctl/view/json.h"

namespace wq::ctl {

namespace {

cli::ExitCode tell(const Target& target, bool json, bool paused, bool changed) {
  const std::string_view word = paused ? "paused" : "resumed";
  cli::write_out(
      json ? json_line({{"queue", target.queue}, {"paused", paused}, {"changed", changed}}) + "\n"
           : fmt::format("{}: {}\n", cli::one_line(target.queue),
                         changed  ? std::string(word)
                         : paused ? "was paused already"
                                  : "was not paused"));
  return cli::ExitCode::done;
}

}  // namespace

cli::ExitCode run_pause(int argc, const char* const* argv) {
  cli::Options options{command_text("pause",
                                    "From now on nothing is leased, within a second everywhere. "
                                    "Workers finish what they hold and\n"
                                    "stay; items can be pushed; the queue does not count as "
                                    "drained until it is resumed. RedisWQ\n"
                                    "clients do not know of it.\n",
                                    "Examples:\n"
                                    "  wqctl pause shards\n")};
  bool json = false;
  options.group("Pause");
  add_json_switch(options, json, "a line for people");
  Target target;
  if (!read_target(options, argc, argv, target)) return cli::ExitCode::done;
  return tell(target, json, true, Admin{target.queue, target.redis}.pause());
}

cli::ExitCode run_resume(int argc, const char* const* argv) {
  cli::Options options{command_text("resume", "Ends a pause: workers go on within a second.\n",
                                    "Examples:\n"
                                    "  wqctl resume shards\n")};
  bool json = false;
  options.group("Resume");
  add_json_switch(options, json, "a line for people");
  Target target;
  if (!read_target(options, argc, argv, target)) return cli::ExitCode::done;
  return tell(target, json, false, Admin{target.queue, target.redis}.resume());
}

}  // namespace wq::ctl
