#include <iostream>
#include <string>

#include <fmt/format.h>
#include <unistd.h>

#include <wq/admin.h>
#include <wq/queue.h>

#include "cli/output.h"
#include "cli/units.h"
#include "wqctl/command.h"
#include "wqctl/view/json.h"
#include "wqctl/view/snapshot.h"

namespace wq::ctl {

namespace {

bool is_empty(const Counts& counts) {
  return counts.id.empty() && counts.ready + counts.processing + counts.delayed + counts.dead == 0;
}

// On the terminal, not on standard output, which may be a file.
bool confirmed(const Target& target) {
  if (isatty(STDIN_FILENO) == 0) {
    throw cli::UsageError("purge removes a queue permanently: use --yes without a terminal");
  }
  Snapshot now;
  now.queue = target.queue;
  now.counts = Queue{target.queue, target.redis}.counts();
  now.crew = crew_of(Admin{target.queue, target.redis}.workers());
  std::cerr << status_line(now)
            << "\nAll its data will be removed permanently. Type the queue's name to continue: "
            << std::flush;
  std::string answer;
  if (!std::getline(std::cin, answer)) std::cerr << '\n';  // Ctrl-D
  return answer == target.queue;
}

std::string report_line(const std::string& queue, const PurgeReport& report) {
  if (report.keys == 0 && is_empty(report.counts)) {
    return fmt::format("{}: there was nothing to remove\n", cli::one_line(queue));
  }
  return fmt::format(
      "{}: removed ready {}, processing {}, delayed {}, dead {}, results {}, leases {}; {} in "
      "all\n",
      cli::one_line(queue), report.counts.ready, report.counts.processing, report.counts.delayed,
      report.counts.dead, report.results, report.leases, cli::plural(report.keys, "key"));
}

}  // namespace

cli::ExitCode run_purge(cli::Process& process, int argc, const char* const* argv) {
  Target target;
  cli::Options options{command_text(
      "purge",
      "Removes all data of a queue, including results and the memory of --once, without blocking\n"
      "Redis. Running workers and producers stop with an error. Only the last fencing token is\n"
      "kept, so that no token ever repeats. Asks for confirmation: type the queue's name.\n"
      "Searches all keys of the database for leftover leases, some hundred at a time.\n",
      "Examples:\n"
      "  wqctl purge shards\n"
      "  wqctl purge shards --yes\n")};
  bool yes = false;
  options.add_switch("yes", yes, "do not ask");
  add_json_switch(options, target, "a line for people");
  if (!read_target(process, options, argc, argv, target)) return cli::ExitCode::done;
  if (!yes && !confirmed(target)) {
    throw cli::UsageError("the name does not match; nothing was removed");
  }

  const PurgeReport report = Admin{target.queue, target.redis}.purge();
  cli::write_out(target.json ? json_line({{"queue", target.queue},
                                          {"ready", report.counts.ready},
                                          {"processing", report.counts.processing},
                                          {"delayed", report.counts.delayed},
                                          {"dead", report.counts.dead},
                                          {"results", report.results},
                                          {"leases", report.leases},
                                          {"keys", report.keys}}) +
                                   "\n"
                             : report_line(target.queue, report));
  return cli::ExitCode::done;
}

}  // namespace wq::ctl
