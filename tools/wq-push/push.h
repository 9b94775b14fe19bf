#pragma once

#include "cli/exit_code.h"
#include "cli/process.h"
#include "wq-push/push_options.h"

namespace wq::push {

/// Pushes what the options ask for and says on standard error what became of it: at the end, at an
/// error and when interrupted it tells how many items are in and how to go on. SIGINT and SIGTERM
/// interrupt it, see `cli::SignalWatcher`. Throws only for what is wrong before the first item.
[[nodiscard]] cli::ExitCode push(cli::Process& process, const PushOptions& options);

/// Prints the items instead.
[[nodiscard]] cli::ExitCode dry_run(const PushOptions& options);

}  // namespace wq::push
