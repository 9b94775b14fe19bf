#pragma once

#include "cli/exit_code.h"
#include "wq-push/push_options.h"

namespace wq::push {

/// Pushes what the options ask for and says on standard error what became of it: at the end, at an
/// error and when interrupted it tells how many items are in and how to go on. Takes over SIGINT
/// and SIGTERM, so no other thread may exist. Throws only for what is wrong before the first item.
[[nodiscard]] cli::ExitCode push(const PushOptions& options);

/// Prints the items instead.
[[nodiscard]] cli::ExitCode dry_run(const PushOptions& options);

/// What to say after an end that came too early, `given` items after the first of them was handed
/// to the producer.
[[nodiscard]] std::string how_to_go_on(const PushOptions& options, const PushReport& report,
                                       std::uint64_t given);

}  // namespace wq::push
