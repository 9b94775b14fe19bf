#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <wq/lease.h>
#include <wq/worker.h>

#include "command/command_options.h"
#include "command/command_template.h"
#include "exec/checkpoint_file.h"
#include "exec/exchange_folder.h"
#include "process/child_process.h"
#include "process/memory_guard.h"
#include "process/orphan_reaper.h"

namespace wq::internal {

/// Runs one process for each item, as `run_child` describes.
///
/// The child's environment is that of the worker when the handler was made, and WQ_ITEM (left out
/// when the item holds a zero byte or is too long), WQ_ITEM_SHA224, WQ_QUEUE, WQ_ATTEMPT, WQ_FENCE,
/// WQ_SESSION, WQ_SLOT, WQ_LEASE_SECONDS. It is not given the options of this program in
/// WQ_WORKER_*, nor those names from a worker that started this one, nor a password of Redis;
/// see `child_environment`.
///
/// Thread-safe.
class ExecHandler {
 public:
  /// `reaper` must outlive the handler. Throws `std::invalid_argument` for a bad option, with one
  /// line for the user, and `std::system_error` if there is no room for a folder that it needs.
  ExecHandler(CommandOptions options, OrphanReaper& reaper);

  /// What the process did:
  /// - exit code 0: complete, with its stdout as the result if results are on, and as totals if
  ///   it reduces. If stdout is too long: fatal, of the kind `result`. If a line of it is no total:
  ///   a failure of that kind;
  /// - 99: release;
  /// - another exit code: a failure of the kind `exit`, fatal if it is one of those;
  /// - a signal: a crash of the kind `signal` (also one that the worker sent after `job.stop` was
  ///   requested; the worker then replaces it by the outcome that fits the reason);
  /// - killed for its memory, by the memory guard or by the kernel, itself or the command of a
  ///   shell that then ends with 137: a crash of the kind `oom`, or fatal if 137 is one of those;
  /// - an item that cannot be an argument: fatal, of the kind `unpassable`;
  /// - a program whose name comes from the item and that cannot be executed: a failure of the kind
  ///   `error`;
  /// - the system has no room for a process, or the program is being written: release, logged;
  /// - `job.stop` was requested before the start, or the stdout of the worker did not take all
  ///   output of a process that ended with 0: release.
  ///
  /// Throws `CannotRun` if the program cannot be executed at all, `CannotGoOn` if its output
  /// cannot be written to the stdout of the worker.
  [[nodiscard]] Outcome operator()(const Job& job) const;

 private:
  [[nodiscard]] std::vector<std::string> environment(const Job& job) const;
  [[nodiscard]] Outcome outcome(ChildResult result) const;
  [[nodiscard]] Outcome complete(std::string output) const;
  static void add_follow_ups(const ExchangedFile& file, Outcome& outcome);
  void hint_at_stdin(const Outcome& outcome) const;
  [[nodiscard]] Outcome not_executed(const ChildSpec& spec, int error) const;
  [[nodiscard]] Outcome release_for(std::string_view reason) const;

  CommandOptions options_;
  CommandTemplate command_;
  OrphanReaper& reaper_;
  std::optional<ExchangeFolder> exchange_;
  mutable std::atomic<std::uint64_t> attempts_{0};  // that have had a file there
  mutable MemoryGuard memory_guard_;
  mutable std::atomic<bool> hint_is_due_{false};
  std::vector<std::string> paths_;  // of the program, if it is the same for every item
  std::vector<std::string> shared_environment_;
};

}  // namespace wq::internal
