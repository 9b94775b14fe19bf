#pragma once

#include <exception>
#include <functional>
#include <string>

#include "cli/exit_code.h"
#include "cli/process.h"

namespace wq::cli {

/// Runs the body of a program and returns the exit status. Before: SIGPIPE is ignored,
/// closed standard streams are filled, and the `Process` is made. After: standard
/// output is flushed. Whatever the body throws becomes one line on standard error and an exit code,
/// see `report_failure`; so does output that could not be written. If only its reader has gone the
/// program ends without a word by SIGPIPE, as other tools do: with 141 for a shell.
[[nodiscard]] int run_main(const std::string& program,
                           const std::function<ExitCode(Process&)>& body);

/// Writes the error's one line to standard error (as JSON where the log is JSON) and returns the
/// exit code for it: `usage` for `std::invalid_argument`, `RefusedError` and `CannotRun`,
/// `no_redis` for `ConnectionError`, otherwise `failure`.
[[nodiscard]] ExitCode report_failure(const std::string& program, const std::exception& error);

/// The last part of a path: what a program calls itself.
[[nodiscard]] std::string program_name(const char* path);

}  // namespace wq::cli
