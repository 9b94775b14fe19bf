#include "coprocess/handler.h"

#include "command/child_environment.h"
#include "process/spawn.h"

namespace wq::internal {

CoprocessHandler::CoprocessHandler(const CommandOptions& options, OrphanReaper& reaper)
    : memory_guard_(options.memory_limit_bytes),
      environment_(child_environment(options)),
      config_{.options = options} {
  config_.command.paths = executable_paths(options.command.front());
  config_.command.arguments = options.command;
  config_.command.shared_environment = environment_;
  config_.command.kill_delay = options.kill_delay;
  config_.command.origin.stderr_mode = options.stderr_mode;
  config_.command.origin.tag = options.tag;
  config_.command.memory_guard = &memory_guard_;
  config_.max_line_bytes += 2 * options.results_max_bytes;
  memory_guard_.start();
  for (unsigned number = 0; number < options.slots; ++number) {
    slots_.push_back(std::make_unique<CoprocessSlot>(config_, number, reaper, record_));
  }
}

CoprocessHandler::~CoprocessHandler() {
  for (const auto& slot : slots_) slot->begin_end();
}

void CoprocessHandler::prepare(unsigned slot, const std::stop_token& stop) const {
  slots_[slot]->prepare(stop);
}

std::vector<Outcome> CoprocessHandler::operator()(const Batch& batch) const {
  slots_[batch.slot]->work(batch);
  return {};
}

}  // namespace wq::internal
