#include "command_handler.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "command/command_check.h"
#include "command/placeholder.h"
#include "command/shell_words.h"
#include "job_log.h"

namespace wq::internal {

namespace {

/// The command of a coprocess has no place for an item.
CommandTemplate command_of(const CommandOptions& options, bool is_coprocess) {
  if (!is_coprocess) return {options.command, options.marker};
  for (const std::string& word : options.command) {
    if (const auto found = find_placeholder(word, options.marker)) {
      throw std::invalid_argument("--coprocess sends items on stdin: remove " +
                                  word.substr(found->at, found->size) +
                                  " from the command (or keep it literally with -I '')");
    }
  }
  return {options.command, ""};
}

}  // namespace

CommandHandler::CommandHandler(CommandOptions options, bool is_coprocess, OrphanReaper& reaper)
    : options_(std::move(options)),
      command_(command_of(options_, is_coprocess)),
      is_coprocess_(is_coprocess),
      reaper_(reaper) {}

void CommandHandler::start(const std::string& session) {
  options_.session = session;
  refuse_missing_program(command_);
  if (const auto warning = shell_operator_warning(command_)) {
    options_.log(LogLevel::warning, *warning);
  }
  reaper_.start();
  if (is_coprocess_) {
    coprocess_ = std::make_unique<CoprocessHandler>(options_, reaper_);
  } else {
    exec_ = std::make_unique<ExecHandler>(options_, reaper_);
  }
}

void CommandHandler::prepare(unsigned slot, const std::stop_token& stop) const {
  coprocess_->prepare(slot, stop);
}

std::vector<Outcome> CommandHandler::operator()(const Batch& batch) const {
  if (is_coprocess_) return (*coprocess_)(batch);
  const Lease& lease = batch.leases.front();
  std::vector<Outcome> outcomes;
  outcomes.push_back(
      (*exec_)({lease, lease.item, batch.slot, batch.stop, batch.queue,
                [&batch](std::string text) { batch.checkpoint(0, std::move(text)); }}));
  return outcomes;
}

std::string CommandHandler::attempt_text(const Settlement& settlement) const {
  const auto& [lease, outcome] = settlement;
  const std::string line = shell_line(
      command_.fill({.item = lease.item, .sequence = lease.fence, .slot = outcome.usage.slot}));
  return command_.takes_item() ? line : with_item(line, lease.item);
}

}  // namespace wq::internal
