#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include <sys/resource.h>
#include <sys/types.h>

namespace wq::internal {

class DirectChild;

/// The usage of collected processes, including the children that they waited for.
struct Used {
  std::uint64_t max_rss_bytes = 0;        ///< the largest resident set of any of them
  std::chrono::microseconds cpu_time{0};  ///< of all together

  void add(const rusage& usage);
};

/// Collects dead processes that have no other waiter. It makes this process a child subreaper, so
/// that a descendant whose parent has ended becomes its child instead of that of process 1; as
/// process 1 of a container it adopts them in any case. A direct child, which is one with a
/// `DirectChild`, is never collected here: its exit status belongs to the thread that started it.
///
/// Only one in a process, and nothing else in the process may start children and wait for them
/// without a `DirectChild`. Thread-safe, except for `stop`.
class OrphanReaper {
 public:
  /// Becomes the subreaper. Has SIGCHLD handled in the default way if it was ignored, as some
  /// parents hand it down: exit statuses would be lost otherwise. No thread yet.
  OrphanReaper();

  /// Stops. No `DirectChild` may exist. Running processes go to the next subreaper.
  ~OrphanReaper();
  OrphanReaper(const OrphanReaper&) = delete;
  OrphanReaper& operator=(const OrphanReaper&) = delete;

  /// Starts a thread that sweeps once a second: a single system call while there is nothing to do.
  /// Does nothing when there is one.
  void start();
  /// Ends it. Does nothing without one.
  void stop();

  /// The thread's step: collects every adopted process that has ended, and returns how many.
  std::size_t sweep();

  /// For what a child that was collected has left in its process group: collects those that have
  /// ended and, if `kill_rest`, sends the others SIGKILL. Returns whether any remain. Cheap if
  /// there are none. Does not see processes whose live parent has left the group. Adds the usage of
  /// collected processes to `used`.
  [[nodiscard]] bool collect_group(pid_t group, bool kill_rest, Used& used);

 private:
  friend class DirectChild;

  [[nodiscard]] bool is_direct(pid_t pid) const;
  bool collect_if_orphan(pid_t pid);
  void run(const std::stop_token& stop);

  // Held while a process is collected: one that was seen dead under it stays dead, and its number
  // unused, until the holder collects it.
  mutable std::mutex mutex_;
  std::vector<const DirectChild*> direct_;
  std::jthread thread_;
};

/// A child from just before it is started until it is collected. Not thread-safe.
class DirectChild {
 public:
  explicit DirectChild(OrphanReaper& reaper);

  /// If the child was not collected: kills its process group and collects it.
  ~DirectChild();
  DirectChild(const DirectChild&) = delete;
  DirectChild& operator=(const DirectChild&) = delete;

  /// Where the kernel must write the child's number before the child's first instruction
  /// (CLONE_CHILD_SETTID with the memory shared). A child can then not have ended unknown to us.
  [[nodiscard]] pid_t* cell() noexcept { return &pid_; }

  /// 0 before the start and after `collect`.
  [[nodiscard]] pid_t pid() const noexcept;

  /// Waits for the child, which should have ended already, and returns its status as `waitpid`
  /// does. Adds its usage to `used`.
  int collect(Used& used);

 private:
  OrphanReaper& reaper_;
  pid_t pid_ = 0;
};

}  // namespace wq::internal
