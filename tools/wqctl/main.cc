// wqctl: shows and tends a queue. commands.cc lists what it can do.

#include "cli/run_main.h"
#include "wqctl/command.h"

int main(int argc, char** argv) {
  return wq::cli::run_main("wqctl", [&] { return wq::ctl::run_command(argc, argv); });
}
