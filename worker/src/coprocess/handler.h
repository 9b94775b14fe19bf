#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <wq/redis_options.h>
#include <wq/worker.h>

#include "coprocess/slot.h"
#include "process/memory_guard.h"
#include "process/orphan_reaper.h"

namespace wq::internal {

struct CoprocessOptions {
  std::vector<std::string> command;         ///< the program, then its arguments
  CoprocessHello hello;                     ///< without the slot
  unsigned slots = 1;                       ///< processes
  std::chrono::milliseconds lease{60'000};  ///< for the child's environment
  std::chrono::milliseconds timeout{0};     ///< see `CoprocessConfig`
  std::chrono::milliseconds start_timeout{std::chrono::minutes{10}};
  std::chrono::milliseconds restart_delay{100};
  std::chrono::milliseconds kill_delay{3'000};
  std::size_t results_max_bytes = std::size_t{1} << 20;
  std::uint64_t memory_limit_bytes = 0;  ///< of all processes together, see `MemoryGuard`; 0: none
  StderrMode stderr_mode = StderrMode::lines;
  bool tag = false;                        ///< see `OutputOrigin`
  std::optional<RedisOptions> pass_redis;  ///< see `ExecOptions`
  Log log;                                 ///< may be empty
};

/// A `BatchHandler` with one coprocess for each slot. Its environment is that of the commands of
/// `ExecHandler`, without what is said of a single item. Thread-safe.
class CoprocessHandler {
 public:
  /// `reaper` must outlive the handler.
  CoprocessHandler(const CoprocessOptions& options, OrphanReaper& reaper);
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
