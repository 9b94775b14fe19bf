#include "wqctl/commands.h"

#include <array>

#include "wqctl/command.h"

namespace wq::ctl {

namespace {

constexpr std::array kCommands{
    Command{"status", "how many items are where, in one line or as JSON", run_status},
    Command{"workers", "who works on the queue, and what each holds", run_workers},
    Command{"results", "the results kept so far, as JSON lines", run_results},
    Command{"gc", "hand back what dead workers and producers left", run_gc},
    Command{"doctor", "what about the server would hurt the queue", run_doctor},
    Command{"metrics", "what Prometheus reads of the queue, printed once", run_metrics},
    Command{"serve-metrics", "the same, for Prometheus to come and read", run_serve_metrics},
};

}  // namespace

std::span<const Command> commands() { return kCommands; }

}  // namespace wq::ctl
