#pragma once

#include "cli/exit_code.h"

namespace wq::ctl {

// One file each; see `Command::run`. `commands.cc` lists them.

cli::ExitCode run_queues(int argc, const char* const* argv);
cli::ExitCode run_status(int argc, const char* const* argv);
cli::ExitCode run_results(int argc, const char* const* argv);
cli::ExitCode run_gc(int argc, const char* const* argv);
cli::ExitCode run_workers(int argc, const char* const* argv);
cli::ExitCode run_ls(int argc, const char* const* argv);
cli::ExitCode run_inspect(int argc, const char* const* argv);
cli::ExitCode run_history(int argc, const char* const* argv);
cli::ExitCode run_retry(int argc, const char* const* argv);
cli::ExitCode run_drop(int argc, const char* const* argv);
cli::ExitCode run_pause(int argc, const char* const* argv);
cli::ExitCode run_resume(int argc, const char* const* argv);
cli::ExitCode run_purge(int argc, const char* const* argv);
cli::ExitCode run_verify(int argc, const char* const* argv);
cli::ExitCode run_doctor(int argc, const char* const* argv);
cli::ExitCode run_metrics(int argc, const char* const* argv);
cli::ExitCode run_serve_metrics(int argc, const char* const* argv);

}  // namespace wq::ctl
