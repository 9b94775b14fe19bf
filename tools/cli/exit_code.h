#pragma once

#include <string>
#include <vector>

namespace wq::cli {

/// The exit codes of all programs. Each comment ends with the action of a Kubernetes Job
/// (`podFailurePolicy`).
enum class ExitCode : int {
  done = 0,            ///< all was done; for a worker: the queue is drained. Success.
  failure = 1,         ///< a program or file error, or lost data. Counts towards backoffLimit.
  usage = 2,           ///< usage, configuration, rights, or a command that cannot be executed:
                       ///< trying again does not help. FailJob.
  dead_or_halted = 3,  ///< drained but dead letters remain (`--fail-on-dead`), or halted
                       ///< (`--halt`). FailJob.
  no_redis = 4,        ///< Redis was away for longer than `--redis-patience`. Counts.
  left_early = 5,      ///< as asked (`--max-items`, `--max-idle`). Ignored, replaced.
  never_opened = 6,    ///< the queue did not begin within `--wait-open`. FailJob.
  interrupted = 130,   ///< SIGINT. Ignored, replaced.
  terminated = 143,    ///< SIGTERM. Ignored, replaced.
};

/// The exit code of a shell for a program that this signal killed: 128 + its number.
[[nodiscard]] ExitCode exit_code_for_signal(int signal) noexcept;

/// The section of `--help` that explains these codes, one a line.
[[nodiscard]] std::string exit_code_help(const std::vector<ExitCode>& codes);

}  // namespace wq::cli
