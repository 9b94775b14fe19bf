#include <array>

#include "wqctl/command.h"

// The first one runs where no command is named. `run_command` finds a command here; nothing else
// has to know of it.
#define WQCTL_COMMANDS(row)                                                                       \
  row("queues", run_queues, "which queues there are, with what is in them")                       \
      row("status", run_status, "how many items are where, in one line or as JSON") row(          \
          "workers", run_workers, "who works on the queue, and what each holds")                  \
          row("ls", run_ls, "the items that are ready, leased, delayed or dead") row(             \
              "inspect", run_inspect, "where an item is and what is known of it")                 \
              row("history", run_history, "the last tries of all items, or of one") row(          \
                  "retry", run_retry, "put dead letters back, or make delayed items due")         \
                  row("drop", run_drop, "remove items for good") row(                             \
                      "pause", run_pause, "lease nothing from now on") row("resume", run_resume,  \
                                                                           "end a pause")         \
                      row("purge", run_purge, "remove everything of a queue") row(                \
                          "verify", run_verify,                                                   \
                          "is every item accounted for, and nothing there that should not be")    \
                          row("results", run_results, "the results kept so far, as JSON lines")   \
                              row("gc", run_gc, "hand back what dead workers and producers left") \
                                  row("doctor", run_doctor,                                       \
                                      "what about the server would hurt the queue")               \
                                      row("metrics", run_metrics,                                 \
                                          "what Prometheus reads of the queue, printed once")     \
                                          row("serve-metrics", run_serve_metrics,                 \
                                              "the same, for Prometheus to come and read")

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
