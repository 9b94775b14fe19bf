// wq-worker: runs a command for the items of a queue. What all workers have in common is in
// worker_main.cc, what only this one has on its command line in exec_command_line.cc; how an item
// becomes a process in exec_handler.h, and how it is told to one that stays in coprocess_slot.h.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <vector>

#include <unistd.h>

#include <wq/worker_main.h>

#include "cli/log.h"
#include "coprocess/handler.h"
#include "exec/command_check.h"
#include "exec/command_template.h"
#include "exec/exec_handler.h"
#include "exec_command_line.h"
#include "job_log.h"
#include "process/orphan_reaper.h"
#include "process/process_memory.h"
#include "shell_words.h"
#include "worker_progress.h"

namespace {

using wq::internal::CommandOptions;
using wq::internal::CommandTemplate;
using wq::internal::CoprocessHandler;
using wq::internal::OrphanReaper;

/// The rest is for the worker itself, and for what is used up between two looks.
std::uint64_t default_memory_limit() {
  return wq::internal::cgroup_memory_limit().value_or(0) / 10 * 9;
}

/// Before there is any item.
void check(const CommandTemplate& command) {
  wq::internal::refuse_missing_program(command);
  if (const auto warning = wq::internal::shell_operator_warning(command)) {
    wq::cli::log(wq::LogLevel::warning, *warning);
  }
}

/// As a shell would take it.
std::string command_line(const CommandTemplate& command, const wq::Settlement& settlement) {
  const auto& [lease, outcome] = settlement;
  const std::string line = wq::internal::shell_line(
      command.fill({.item = lease.item, .sequence = lease.fence, .slot = outcome.usage.slot}));
  return command.takes_item() ? line : wq::internal::with_item(line, lease.item);
}

wq::BatchHandler one_process_each(CommandOptions& command, const wq::WorkerContext& context,
                                  OrphanReaper& reaper) {
  command.exec.command = context.arguments;
  command.exec.queue = context.queue;
  command.exec.lease = context.options.lease;
  command.exec.log = wq::cli::log;
  // What it printed would stand within the line that shows the progress.
  command.exec.stdout_as_stderr =
      wq::internal::WorkerProgress::is_in_place() && ::isatty(STDOUT_FILENO) == 1;
  command.exec.stdout_at_once = context.options.concurrency == 1;  // no other line to stand within
  if (command.pass_redis) command.exec.pass_redis = context.redis;
  auto handler = std::make_shared<wq::internal::ExecHandler>(command.exec, reaper);
  check(handler->command());
  handler->set_session(context.session);
  return [handler](const wq::Batch& batch) {
    const wq::Lease& lease = batch.leases.front();
    std::vector<wq::Outcome> outcomes;
    outcomes.push_back((*handler)({lease, lease.item, batch.slot, batch.stop}));
    return outcomes;
  };
}

std::shared_ptr<CoprocessHandler> coprocesses(CommandOptions& command,
                                              const wq::WorkerContext& context,
                                              OrphanReaper& reaper) {
  const wq::internal::ExecOptions& exec = command.exec;
  const auto& words = context.arguments;
  const auto refused = std::find_if(words.begin(), words.end(), [&exec](const auto& word) {
    return wq::internal::find_placeholder(word, exec.marker).has_value();
  });
  if (refused != words.end()) {
    const auto found = *wq::internal::find_placeholder(*refused, exec.marker);
    throw std::invalid_argument(
        "--coprocess tells items on stdin: " + refused->substr(found.at, found.size) +
        " has no place in the command (-I '' leaves it as it is)");
  }
  check(CommandTemplate(words, ""));
  command.coprocess.command = words;
  command.coprocess.hello.queue = context.queue;
  command.coprocess.hello.session = context.session;
  command.coprocess.hello.batch = context.options.batch;
  command.coprocess.slots = context.options.concurrency;
  command.coprocess.lease = context.options.lease;
  command.coprocess.results_max_bytes = exec.results_max_bytes;
  command.coprocess.memory_limit_bytes = exec.memory_limit_bytes;
  command.coprocess.log = wq::cli::log;
  if (command.pass_redis) command.coprocess.pass_redis = context.redis;
  return std::make_shared<CoprocessHandler>(command.coprocess, reaper);
}

}  // namespace

int main(int argc, char** argv) {
  CommandOptions command;
  std::optional<OrphanReaper> reaper;
  command.exec.memory_limit_bytes = default_memory_limit();
  wq::WorkerProgram program = wq::internal::exec_program(command);
  CoprocessHandler* coprocess = nullptr;  // made before the worker prepares its slots
  program.adjust = [&, adjust = program.adjust](wq::WorkerOptions& options) {
    adjust(options);
    if (!command.is_coprocess) return;
    options.prepare = [&coprocess](unsigned slot, const std::stop_token& stop) {
      coprocess->prepare(slot, stop);
    };
  };
  std::optional<CommandTemplate> words;  // made with the handler
  program.command_line = [&words](const wq::Settlement& settlement) {
    return command_line(*words, settlement);
  };
  program.make_batch = [&](const wq::WorkerContext& context) -> wq::BatchHandler {
    reaper.emplace();
    wq::BatchHandler handler;
    if (command.is_coprocess) {
      auto owned = coprocesses(command, context, *reaper);
      coprocess = owned.get();
      handler = [owned](const wq::Batch& batch) { return (*owned)(batch); };
    } else {
      handler = one_process_each(command, context, *reaper);
    }
    words.emplace(context.arguments, command.is_coprocess ? "" : command.exec.marker);
    reaper->start();
    return handler;
  };
  return wq::worker_main(argc, argv, program);
}
