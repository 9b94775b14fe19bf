// wqctl: shows and tends a queue. commands.cc lists what it can do.

#include "cli/redis_flags.h"
#include "cli/run_main.h"
#include "wqctl/command.h"

int main(int argc, char** argv) {
  return wq::cli::run_main("wqctl", [&](wq::cli::Process& process) {
    const wq::cli::CommandLine line(argc, argv);
    return wq::ctl::run_command(process, line.size(), line.words());
  });
}
