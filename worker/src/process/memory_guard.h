#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include <sys/types.h>

#include "process/process_memory.h"

namespace wq::internal {

/// Keeps the memory of all children together below a limit, by killing the largest. Otherwise, in a
/// Kubernetes pod, the kernel would kill the worker together with its child (kubelet sets
/// memory.oom.group), and the item would be unknown. It also detects a child that the kernel killed
/// alone.
///
/// A look every 100 ms, and more often the less is left. Thread-safe, except for `start`.
class MemoryGuard {
 public:
  /// `limit_bytes` 0: no limit, and nothing is killed. `root` is for tests.
  explicit MemoryGuard(std::uint64_t limit_bytes, const std::filesystem::path& root = "/")
      : limit_bytes_(limit_bytes), oom_kills_(root) {}

  /// Stops. Every `Watched` must be gone.
  ~MemoryGuard() = default;
  MemoryGuard(const MemoryGuard&) = delete;
  MemoryGuard& operator=(const MemoryGuard&) = delete;

  /// Starts the thread that looks.
  void start();

  /// The thread's step. Returns the memory of the children, or an upper bound that is below the
  /// limit; the limit while a killed child is dying.
  std::uint64_t look();

  /// The number of processes of this cgroup that the kernel has killed so far for lack of memory.
  [[nodiscard]] std::uint64_t oom_kills() const { return oom_kills_.count(); }

  /// For a child that was killed, but not by the worker: true if the kernel counts an OOM kill
  /// after the first `before` that was not attributed to another child yet. It is attributed to
  /// this one, though it may have been another process.
  [[nodiscard]] bool claim_oom_kill(std::uint64_t before);

  /// A direct child of this process that leads a process group, from its start until just before it
  /// is collected. Processes that it has started count too.
  class Watched {
   public:
    Watched(MemoryGuard& guard, pid_t child);
    ~Watched();
    Watched(const Watched&) = delete;
    Watched& operator=(const Watched&) = delete;

    /// Its memory, if it was killed for it.
    [[nodiscard]] std::optional<std::uint64_t> killed_at_bytes() const;

   private:
    friend class MemoryGuard;

    MemoryGuard& guard_;
    const pid_t child_;
    std::optional<std::uint64_t> killed_at_bytes_;
  };

 private:
  struct Family {
    Watched* watched = nullptr;
    std::vector<pid_t> members;
  };

  [[nodiscard]] std::vector<Family> families() const;
  void run(const std::stop_token& stop);

  const std::uint64_t limit_bytes_;
  const OomKills oom_kills_;
  mutable std::mutex mutex_;  // held while a child is killed: it is not collected meanwhile
  std::vector<Watched*> watched_;
  std::uint64_t oom_kills_claimed_ = 0;
  std::condition_variable_any wake_;
  std::jthread thread_;  // the last, so that it ends first
};

/// How long to wait for the next look: the shorter, the less of the limit is left, and longer after
/// a look that took long.
[[nodiscard]] std::chrono::steady_clock::duration pause_before_look(
    std::uint64_t used, std::uint64_t limit, std::chrono::steady_clock::duration last_look);

}  // namespace wq::internal
