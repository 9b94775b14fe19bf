// wq-push: fills a queue. See push_options.cc for what a user types.

#include "cli/redis_flags.h"
#include "cli/run_main.h"
#include "wq-push/push.h"
#include "wq-push/push_options.h"

int main(int argc, char** argv) {
  return wq::cli::run_main("wq-push", [&](wq::cli::Process& process) {
    const wq::cli::CommandLine line(argc, argv);
    const auto options = wq::push::read_push_options(process, line.size(), line.words());
    if (!options) return wq::cli::ExitCode::done;
    return options->dry_run ? wq::push::dry_run(*options) : wq::push::push(process, *options);
  });
}
