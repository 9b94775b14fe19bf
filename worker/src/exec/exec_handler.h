#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <wq/lease.h>
#include <wq/redis_options.h>
#include <wq/worker.h>

#include "exec/command_template.h"
#include "process/child_process.h"
#include "process/memory_guard.h"
#include "process/orphan_reaper.h"

namespace wq::internal {

struct ExecOptions {
  std::vector<std::string> command;    ///< the program, then its arguments
  std::string marker{kDefaultMarker};  ///< see `CommandTemplate`; empty: the item is on stdin
  std::vector<int> fatal_exit_codes;   ///< 1 to 255 without 99: no use in trying such an item again
  bool results = false;                ///< stdout is the item's result
  std::size_t results_max_bytes = std::size_t{1} << 20;  ///< a longer one fails the item
  bool stdout_as_stderr = false;  ///< where stdout is no result: it is the same terminal as stderr
  std::chrono::milliseconds kill_delay{3'000};  ///< from SIGTERM to SIGKILL
  std::string queue;                            ///< for the child's environment
  std::chrono::milliseconds lease{60'000};      ///< for the child's environment
  StderrMode stderr_mode = StderrMode::lines;
  bool stdout_at_once = false;             ///< see `OutputOrigin`
  bool tag = false;                        ///< the same
  std::optional<RedisOptions> pass_redis;  ///< what the child may log in with; none: nothing
  bool records_stderr = false;             ///< for the history
  Log log;                                 ///< may be empty
  std::uint64_t memory_limit_bytes = 0;    ///< of all children together, see `MemoryGuard`; 0: none
};

/// Runs one process for each item, as `run_child` describes.
///
/// The child's environment is ours as it was when the handler was made, and WQ_ITEM (left out when
/// the item holds a zero byte or is too long), WQ_ITEM_SHA224, WQ_QUEUE, WQ_ATTEMPT, WQ_FENCE,
/// WQ_SESSION, WQ_SLOT, WQ_LEASE_SECONDS. It is not given the options of this program in
/// WQ_WORKER_*, nor any of the former names from a worker that started us, nor a password of Redis;
/// see `child_environment`.
///
/// Thread-safe, except for `set_session`.
class ExecHandler {
 public:
  /// `reaper` must outlive the handler. Throws `std::invalid_argument` for a bad option, with one
  /// line for the user.
  ExecHandler(ExecOptions options, OrphanReaper& reaper);

  /// What WQ_SESSION says, if the worker is made only after its handler. Before the first item.
  void set_session(std::string session) { session_ = std::move(session); }

  [[nodiscard]] const CommandTemplate& command() const noexcept { return command_; }

  /// What the process did:
  /// - exit code 0: complete, with its stdout as the result if results are on; if that is too
  ///   long, fatal, of the kind `result`;
  /// - 99: release;
  /// - another exit code: a failure of the kind `exit`, fatal if it is one of those;
  /// - a signal: a crash of the kind `signal` (also one of ours, after `job.stop` was requested;
  ///   then the worker puts what the reason calls for in its place);
  /// - killed for its memory, by the memory guard or by the kernel, itself or the command of a
  /// shell
  ///   that then ends with 137: a crash of the kind `oom`, or fatal if 137 is one of those;
  /// - an item that cannot be an argument: fatal, of the kind `unpassable`;
  /// - a program whose name comes from the item and that cannot be executed: a failure of the kind
  ///   `error`;
  /// - the system has no room for a process, or the program is being written: release, logged;
  /// - `job.stop` was requested before the start, or when our stdout did not take what a process
  ///   that ended with 0 had written: release.
  ///
  /// Throws `CannotRun` if the program cannot be executed at all, `CannotGoOn` if what it wrote
  /// cannot be written to our stdout.
  [[nodiscard]] Outcome operator()(const Job& job) const;

 private:
  [[nodiscard]] std::vector<std::string> environment(const Job& job) const;
  [[nodiscard]] Outcome outcome(ChildResult result) const;
  void hint_at_stdin(const Outcome& outcome) const;
  [[nodiscard]] Outcome not_executed(const ChildSpec& spec, int error) const;
  [[nodiscard]] Outcome release_for(std::string_view reason) const;

  ExecOptions options_;
  CommandTemplate command_;
  OrphanReaper& reaper_;
  mutable MemoryGuard memory_guard_;
  mutable std::atomic<bool> hint_is_due_{false};
  std::string session_;
  std::vector<std::string> paths_;  // of the program, if it is the same for every item
  std::vector<std::string> shared_environment_;
};

}  // namespace wq::internal
