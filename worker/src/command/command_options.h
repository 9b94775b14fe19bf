#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <wq/log.h>
#include <wq/redis_options.h>
#include <wq/worker.h>

#include "command/placeholder.h"
#include "process/output_relay.h"

namespace wq::internal {

/// How a command does the work of a queue: one process for each item (`ExecHandler`), or one
/// coprocess for each slot (`CoprocessHandler`).
struct CommandOptions {
  std::vector<std::string> command;  ///< the program, then its arguments
  std::string queue;                 ///< of a coprocess; empty: each line of items says its own
  std::string session;               ///< for the child's environment
  std::chrono::milliseconds lease = WorkerOptions{}.lease;  ///< the same
  std::optional<RedisOptions> pass_redis;       ///< what the child may log in with; none: nothing
  std::chrono::milliseconds kill_delay{3'000};  ///< from SIGTERM to SIGKILL
  std::size_t results_max_bytes = std::size_t{1} << 20;  ///< a longer result fails its item
  std::uint64_t memory_limit_bytes = 0;  ///< of all children together, see `MemoryGuard`; 0: none
  StderrMode stderr_mode = StderrMode::lines;
  bool tag = false;  ///< see `OutputOrigin`
  Log log;           ///< may be empty

  // One process for each item.

  std::string marker{kDefaultMarker};  ///< see `CommandTemplate`; empty: the item is on stdin
  std::vector<int> fatal_exit_codes;   ///< 1 to 255 without 99: no use in trying such an item again
  bool results = false;                ///< stdout is the item's result
  /// stdout is totals, see `read_totals`; of a coprocess those in its answers are reduced so.
  std::optional<Reduction> reduce{};
  bool follow_ups = false;        ///< $WQ_FOLLOWUPS_FILE names a file, see `read_follow_ups`
  bool checkpoints = false;       ///< $WQ_CHECKPOINT_FILE names a file, see `CheckpointFile`
  bool stdout_as_stderr = false;  ///< without results: stdout is the same terminal as stderr
  bool stdout_at_once = false;    ///< see `OutputOrigin`
  bool records_stderr = false;    ///< for the history

  // Coprocesses.

  unsigned slots = 1;                       ///< processes
  std::size_t batch = 1;                    ///< most items of a line
  std::uint64_t max_items_per_process = 0;  ///< 0: no limit
  std::chrono::milliseconds timeout{0};     ///< without an answer or progress; zero: for ever
  std::chrono::milliseconds start_timeout{std::chrono::minutes{10}};  ///< until it is ready
  /// Before it is started again; doubled each time that it did not answer anything.
  std::chrono::milliseconds restart_delay{100};
};

}  // namespace wq::internal
