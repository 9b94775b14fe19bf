#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include <wq/worker.h>

#include "command/command_options.h"
#include "command/command_template.h"
#include "coprocess/handler.h"
#include "exec/handler.h"
#include "process/orphan_reaper.h"

namespace wq::internal {

/// How wq-worker handles items: with a process for each, or a coprocess for each slot.
class CommandHandler {
 public:
  /// Looks at the command: throws `std::invalid_argument` for one that cannot be meant. No thread
  /// or process yet. `reaper` must outlive it.
  CommandHandler(CommandOptions options, bool is_coprocess, OrphanReaper& reaper);

  /// Before the first item, with SIGINT and SIGTERM blocked. Throws `std::invalid_argument` for a
  /// program that is not there.
  void start(const std::string& session);

  /// See `WorkerOptions::prepare` and `BatchHandler`.
  void prepare(unsigned slot, const std::stop_token& stop) const;
  [[nodiscard]] std::vector<Outcome> operator()(const Batch& batch) const;

  /// The try as a shell would take it.
  [[nodiscard]] std::string attempt_text(const Settlement& settlement) const;

 private:
  CommandOptions options_;
  const CommandTemplate command_;
  const bool is_coprocess_;
  OrphanReaper& reaper_;
  std::unique_ptr<ExecHandler> exec_;
  std::unique_ptr<CoprocessHandler> coprocess_;
};

}  // namespace wq::internal
