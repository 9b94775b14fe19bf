#pragma once

#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include <sys/types.h>

#include "process_memory.h"

namespace wq::internal {

/// Keeps what all our children use together below a limit, by killing the one that uses most. In a
/// Kubernetes pod the kernel would kill the worker with its child otherwise (kubelet sets
/// memory.oom.group), and nobody would know which item it was. Where the kernel kills one child
/// alone, it tells that too.
///
/// A look every 100 ms, and more often the less is left: what takes all of the rest between two
/// looks the kernel is faster to see. Thread-safe, except for `start`.
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

  /// The thread's step. Returns what the children use, or an upper bound of it if that is below
  /// the limit.
  std::uint64_t look();

  /// A direct child of this process that leads a process group, from its start until just before
  /// it is collected. What it has started counts too.
  class Watched {
   public:
    Watched(MemoryGuard& guard, pid_t child);
    ~Watched();
    Watched(const Watched&) = delete;
    Watched& operator=(const Watched&) = delete;

    /// What it used, if it was killed for that.
    [[nodiscard]] std::optional<std::uint64_t> killed_at_bytes() const;

    /// Whether the kernel has killed since its start, for want of memory, a process of our cgroup:
    /// this one, if it has died of SIGKILL.
    [[nodiscard]] bool saw_oom_kill() const;

   private:
    friend class MemoryGuard;

    MemoryGuard& guard_;
    const pid_t child_;
    const std::uint64_t oom_kills_before_;
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
  std::condition_variable_any wake_;
  std::jthread thread_;  // the last, so that it ends first
};

}  // namespace wq::internal
