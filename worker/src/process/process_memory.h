#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include <sys/types.h>

#include "base/unique_fd.h"

namespace wq::internal {

/// The anonymous memory of a process, each shared page counted in full: an upper bound of its
/// usage. Cheap. 0 for a process that is gone.
[[nodiscard]] std::uint64_t most_memory_bytes(pid_t pid);

/// The same with each shared page divided among those who share it, so that the figures of
/// processes can be added up. Takes time in proportion to its memory: about 5 ms a GiB. Where the
/// kernel does not tell, the same as `most_memory_bytes`.
[[nodiscard]] std::uint64_t memory_share_bytes(pid_t pid);

/// How much memory this process's cgroup may use, or one that it lies in: for cgroup v2 and v1;
/// nothing if there is no limit. `root` is for tests.
[[nodiscard]] std::optional<std::uint64_t> cgroup_memory_limit(
    const std::filesystem::path& root = "/");

/// How many processes of this process's cgroup the kernel has killed because memory had run out,
/// the cgroup's or the machine's: `oom_kill` of memory.events (cgroup v2) or memory.oom_control
/// (v1). The kernel counts before it kills, so the count includes every process that is seen dead.
class OomKills {
 public:
  /// `root` is for tests.
  explicit OomKills(const std::filesystem::path& root = "/");

  /// 0 where the kernel does not tell. Cheap. Thread-safe.
  [[nodiscard]] std::uint64_t count() const;

 private:
  UniqueFd file_;
};

}  // namespace wq::internal
