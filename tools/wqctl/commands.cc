#include <array>

#include "wqctl/command.h"

// The first one runs where no command is named. `run_command` finds a command here; nothing else
// has to know of it.
// clang-format off
#define WQCTL_COMMANDS(row) \
  row("queues", run_queues, "list the queues with their counts") \
  row("status", run_status, "show the number of items per state, once or with --watch") \
  row("workers", run_workers, "list the workers and the items that they hold") \
  row("ls", run_ls, "list items that are ready, leased, delayed or dead") \
  row("inspect", run_inspect, "show the state, lease and failures of an item") \
  row("history", run_history, "list the last attempts of all items or of one") \
  row("retry", run_retry, "retry dead letters, or make delayed items due") \
  row("drop", run_drop, "remove items for good") \
  row("pause", run_pause, "stop leasing items") \
  row("resume", run_resume, "end a pause") \
  row("purge", run_purge, "remove a queue with all its data") \
  row("verify", run_verify, "check that every item is accounted for") \
  row("results", run_results, "print the results so far as JSON lines") \
  row("totals", run_totals, "show the totals of wq-worker --reduce") \
  row("gc", run_gc, "return the items of dead workers, end the holds of dead producers") \
  row("doctor", run_doctor, "check that the Redis server is suitable for a queue") \
  row("metrics", run_metrics, "print Prometheus metrics of the queue once") \
  row("serve-metrics", run_serve_metrics, "serve the metrics for Prometheus")
// clang-format on

namespace wq::ctl {

#define WQCTL_DECLARE(name, run, summary) \
  cli::ExitCode run(cli::Process& process, int argc, const char* const* argv);
WQCTL_COMMANDS(WQCTL_DECLARE)

std::span<const Command> commands() {
#define WQCTL_ROW(name, run, summary) Command{name, summary, run},
  static constexpr std::array kCommands{WQCTL_COMMANDS(WQCTL_ROW)};
  return kCommands;
}

}  // namespace wq::ctl
