#include <cstdint>
#include <limits>
#include <string>

#include <fmt/format.h>

#include <wq/error.h>
#include <wq/reclaimer.h>

#include "cli/log.h"
#include "cli/output.h"
#include "cli/signals.h"
#include "cli/units.h"
#include "wqctl/command.h"
#include "wqctl/view/json.h"

namespace wq::ctl {

namespace {

std::string pass_line(const ReclaimReport& report) {
  return fmt::format(
      "returned {} (expired leases {}, unleased {}), dead {}, promoted {}, holds ended "
      "{}\n",
      report.reclaimed + report.returned, report.reclaimed, report.returned, report.died,
      report.promoted, report.holds);
}

std::string report_json(const std::string& queue, const ReclaimReport& report) {
  return json_line({{"queue", queue},
                    {"reclaimed", report.reclaimed},
                    {"returned", report.returned},
                    {"died", report.died},
                    {"promoted", report.promoted},
                    {"holds_ended", report.holds}}) +
         "\n";
}

}  // namespace

cli::ExitCode run_gc(cli::Process& process, int argc, const char* const* argv) {
  Target target;
  cli::Options options{command_text(
      "gc",
      "Returns the items of dead workers to the queue and ends the holds of dead producers, until\n"
      "nothing is left; this takes as long as the waiting periods. Workers do the same: use gc\n"
      "for a queue without running workers.\n",
      "Examples:\n"
      "  wqctl gc shards\n"
      "  wqctl gc shards --lease 10m\n")};
  ReclaimerOptions reclaimer;
  options.group("Reclaiming");
  options.add(
      "lease", cli::Value::time(),
      "the --lease of the workers; gc gives them a third of it to renew",
      [&](const std::string& text) { reclaimer.lease = cli::parse_duration(text); },
      "as recorded by the workers");
  options.add(
      "max-crashes", cli::Value::number(), "crashes that make an item a dead letter",
      [&](const std::string& text) {
        reclaimer.max_crashes = static_cast<std::uint32_t>(
            cli::parse_number(text, 1, std::numeric_limits<std::uint32_t>::max()));
      },
      "as recorded by the workers");
  add_json_switch(options, target, "a line for people");
  if (!read_target(process, options, argc, argv, target)) return cli::ExitCode::done;

  const cli::StopRequest stop{process.signals()};
  try {
    const ReclaimReport report =
        Reclaimer{target.queue, target.redis, reclaimer, stop.token()}.run();
    cli::write_out(target.json ? report_json(target.queue, report) : pass_line(report));
  } catch (const ConnectionError&) {
    if (!stop.is_made()) throw;
  }
  return stop.exit_code(cli::ExitCode::done);
}

}  // namespace wq::ctl
