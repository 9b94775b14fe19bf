#include <utility>

#include <wq/worker_main.h>

#include "cli/redis_flags.h"
#include "cli/run_main.h"
#include "worker_options.h"
#include "worker_run.h"

namespace wq {

namespace {

/// The handler is made after the worker, since it may ask for the worker's name.
template <typename AnyHandler, typename Argument, typename Make>
cli::ExitCode run_worker(cli::Process& process, const internal::WorkerCommandLine& line,
                         const Make& make) {
  AnyHandler handler;
  internal::WorkerRun worker(process, line, AnyHandler{[&handler](const Argument& argument) {
                               return handler(argument);
                             }});
  handler = make({line.queues.empty() ? "" : line.queues.front().queue, worker.session(),
                  line.worker, line.arguments, line.redis});
  return worker.run();
}

}  // namespace

int worker_main(int argc, char** argv, const WorkerProgram& program) {
  const std::string name = cli::program_name(argc > 0 ? argv[0] : "wq-worker");
  return cli::run_main(name, [&](cli::Process& process) {
    const cli::CommandLine words(argc, argv);
    internal::WorkerCommandLine line;
    if (!internal::read_worker_command_line(process, words.size(), words.words(), program, line)) {
      return cli::ExitCode::done;
    }
    if (program.adjust) program.adjust(line.worker);
    if (program.make_batch)
      return run_worker<BatchHandler, Batch>(process, line, program.make_batch);
    return run_worker<Handler, Job>(process, line, program.make);
  });
}

int worker_main(int argc, char** argv, Handler handler) {
  WorkerProgram program;
  program.make = [&handler](const WorkerContext&) { return std::move(handler); };
  return worker_main(argc, argv, program);
}

int worker_main(int argc, char** argv, BatchHandler handler) {
  WorkerProgram program;
  program.make_batch = [&handler](const WorkerContext&) { return std::move(handler); };
  return worker_main(argc, argv, program);
}

}  // namespace wq
