#include "wqctl/commands.h"

#include <array>

#include "wqctl/command.h"

namespace wq::ctl {

namespace {

constexpr std::array kCommands{
    Command{"queues", "which queues there are, with what is in them", run_queues},
    Command{"status", "how many items are where, in one line or as JSON", run_status},
    Command{"workers", "who works on the queue, and what each holds", run_workers},
    Command{"ls", "the items that are ready, leased, delayed or dead", run_ls},
    Command{"inspect", "where an item is and what is known of it", run_inspect},
    Command{"history", "the last tries of all items, or of one", run_history},
    Command{"retry", "put dead letters back, or make delayed items due", run_retry},
    Command{"drop", "remove items for good", run_drop},
    Command{"pause", "lease nothing from now on", run_pause},
    Command{"resume", "end a pause", run_resume},
    Command{"purge", "remove everything of a queue", run_purge},
    Command{"verify", "is every item accounted for, and nothing there that should not be",
            run_verify},
    Command{"results", "the results kept so far, as JSON lines", run_results},
    Command{"gc", "hand back what dead workers and producers left", run_gc},
    Command{"doctor", "what about the server would hurt the queue", run_doctor},
    Command{"metrics", "what Prometheus reads of the queue, printed once", run_metrics},
    Command{"serve-metrics", "the same, for Prometheus to come and read", run_serve_metrics},
};

}  // namespace

std::span<const Command> commands() { return kCommands; }

}  // namespace wq::ctl
