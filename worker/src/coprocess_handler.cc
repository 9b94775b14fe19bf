#include "coprocess_handler.h"

#include "child_failure.h"
#include "spawn.h"

namespace wq::internal {

CoprocessHandler::CoprocessHandler(const CoprocessOptions& options, OrphanReaper& reaper)
    : memory_guard_(options.memory_limit_bytes),
      environment_(child_environment(options.hello.queue, options.lease, options.pass_redis)) {
  environment_.push_back("WQ_SESSION=" + options.hello.session);
  terms_.command.paths = executable_paths(options.command.front());
  terms_.command.arguments = options.command;
  terms_.command.shared_environment = environment_;
  terms_.command.kill_delay = options.kill_delay;
  terms_.command.origin.stderr_mode = options.stderr_mode;
  terms_.command.origin.tag = options.tag;
  terms_.command.memory_guard = &memory_guard_;
  terms_.hello = options.hello;
  terms_.timeout = options.timeout;
  terms_.start_timeout = options.start_timeout;
  terms_.restart_delay = options.restart_delay;
  terms_.results_max_bytes = options.results_max_bytes;
  terms_.max_line_bytes += 2 * options.results_max_bytes;
  terms_.memory_limit_bytes = options.memory_limit_bytes;
  terms_.log = options.log;
  memory_guard_.start();
  for (unsigned number = 0; number < options.slots; ++number) {
    slots_.push_back(std::make_unique<CoprocessSlot>(terms_, number, reaper, record_));
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
