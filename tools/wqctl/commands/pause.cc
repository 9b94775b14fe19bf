#include <string>
#include <utility>

#include <fmt/format.h>

#include <wq/admin.h>

#include "cli/output.h"
#include "wqctl/command.h"
#include "wqctl/view/json.h"

namespace wq::ctl {

namespace {

/// `changed`: it was not so before.
std::string pause_text(const std::string& queue, bool json, bool paused, bool changed) {
  if (json) return json_line({{"queue", queue}, {"paused", paused}, {"changed", changed}}) + "\n";
  const char* now = paused ? "paused" : "resumed";
  const char* before = paused ? "was already paused" : "was not paused";
  return fmt::format("{}: {}\n", cli::one_line(queue), changed ? now : before);
}

cli::ExitCode run(cli::Process& process, int argc, const char* const* argv, cli::ProgramText text,
                  bool pause) {
  Target target;
  cli::Options options{std::move(text)};
  add_json_switch(options, target, "a line for people");
  if (!read_target(process, options, argc, argv, target)) return cli::ExitCode::done;
  Admin admin{target.queue, target.redis};
  const bool changed = pause ? admin.pause() : admin.resume();
  cli::write_out(pause_text(target.queue, target.json, pause, changed));
  return cli::ExitCode::done;
}

}  // namespace

cli::ExitCode run_pause(cli::Process& process, int argc, const char* const* argv) {
  return run(process, argc, argv,
             command_text(
                 "pause",
                 "Stops leasing items, within a second on all workers. Workers finish the items "
                 "that they hold,\n"
                 "and stay. Items can be pushed. A paused queue is never drained. RedisWQ clients "
                 "ignore the\n"
                 "pause.\n",
                 "Examples:\n"
                 "  wqctl pause shards\n"),
             true);
}

cli::ExitCode run_resume(cli::Process& process, int argc, const char* const* argv) {
  return run(process, argc, argv,
             command_text("resume", "Ends a pause: workers continue within a second.\n",
                          "Examples:\n"
                          "  wqctl resume shards\n"),
             false);
}

}  // namespace wq::ctl
