#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include <wq/worker.h>

#include "command/command_options.h"
#include "coprocess/slot.h"
#include "process/memory_guard.h"
#include "process/orphan_reaper.h"

namespace wq::internal {

/// A `BatchHandler` with one coprocess for each slot. Its environment is that of the commands of
/// `ExecHandler`, without the variables of a single item. Thread-safe.
class CoprocessHandler {
 public:
  /// `reaper` must outlive the handler.
  CoprocessHandler(const CommandOptions& options, OrphanReaper& reaper);
  /// Lets the processes end: closes their stdin, and asks them after the kill delay.
  ~CoprocessHandler();
  CoprocessHandler(const CoprocessHandler&) = delete;
  CoprocessHandler& operator=(const CoprocessHandler&) = delete;

  /// Returns when the slot's process is ready for items; see `CoprocessSlot::prepare`.
  void prepare(unsigned slot, const std::stop_token& stop) const;

  /// Settles each item itself; see `CoprocessSlot::work`.
  [[nodiscard]] std::vector<Outcome> operator()(const Batch& batch) const;

 private:
  MemoryGuard memory_guard_;
  std::vector<std::string> environment_;
  CoprocessRecord record_;
  CoprocessConfig config_;
  std::vector<std::unique_ptr<CoprocessSlot>> slots_;
};

}  // namespace wq::internal
