#pragma once

#include "cli/exit_code.h"

namespace wq::ctl {

// One file each; see `Command::run`. `commands.cc` lists them.

cli::ExitCode run_status(int argc, const char* const* argv);
cli::ExitCode run_results(int argc, const char* const* argv);
cli::ExitCode run_gc(int argc, const char* const* argv);
cli::ExitCode run_workers(int argc, const char* const* argv);
cli::ExitCode run_doctor(int argc, const char* const* argv);
cli::ExitCode run_metrics(int argc, const char* const* argv);
cli::ExitCode run_serve_metrics(int argc, const char* const* argv);

}  // namespace wq::ctl
