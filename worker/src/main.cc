// wq-worker: runs a command for every item of a queue. What all workers have in common is in
// worker_main.cc, what only this one has on its command line in exec_command_line.cc, and how an
// item becomes a process in exec_handler.h.

#include <cstdint>
#include <memory>
#include <optional>

#include <wq/worker_main.h>

#include "cli/log.h"
#include "exec_command_line.h"
#include "exec_handler.h"
#include "orphan_reaper.h"
#include "process_memory.h"

namespace {

/// The rest is for the worker itself, and for what is used up between two looks.
std::uint64_t default_memory_limit() {
  return wq::internal::cgroup_memory_limit().value_or(0) / 10 * 9;
}

}  // namespace

int main(int argc, char** argv) {
  wq::internal::ExecOptions exec;
  std::optional<wq::internal::OrphanReaper> reaper;
  exec.memory_limit_bytes = default_memory_limit();
  wq::WorkerProgram program = wq::internal::exec_program(exec);
  program.make = [&](const wq::WorkerContext& context) -> wq::Handler {
    exec.command = context.arguments;
    exec.queue = context.queue;
    exec.lease = context.options.lease;
    exec.log = wq::cli::log;
    reaper.emplace();
    auto handler = std::make_shared<wq::internal::ExecHandler>(exec, *reaper);
    handler->set_session(context.session);
    reaper->start();
    return [handler](const wq::Job& job) { return (*handler)(job); };
  };
  return wq::worker_main(argc, argv, program);
}
