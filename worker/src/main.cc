// wq-worker: runs a command for the items of a queue. See wq_worker_options.cc for what a user
// types.

#include <string>
#include <utility>

#include "cli/redis_flags.h"
#include "cli/run_main.h"
#include "process/orphan_reaper.h"
#include "wq_worker.h"
#include "wq_worker_options.h"

int main(int argc, char** argv) {
  const std::string name = wq::cli::program_name(argc > 0 ? argv[0] : "wq-worker");
  return wq::cli::run_main(name, [&](wq::cli::Process& process) {
    const wq::cli::CommandLine words(argc, argv);
    wq::internal::WqWorkerCommandLine line;
    if (!wq::internal::read_wq_worker_command_line(process, words.size(), words.words(), line)) {
      return wq::cli::ExitCode::done;
    }
    wq::internal::OrphanReaper reaper;
    return wq::internal::run_wq_worker(process, reaper, std::move(line));
  });
}
