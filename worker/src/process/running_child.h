#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "base/unique_fd.h"
#include "process/child_process.h"
#include "process/memory_guard.h"
#include "process/orphan_reaper.h"
#include "process/output_relay.h"

namespace wq::internal {

struct Pipe {
  UniqueFd ours;  ///< never waits
  UniqueFd childs;
};

/// A pipe from the child, or to the child. Throws `std::system_error`.
[[nodiscard]] Pipe pipe_from_child();
[[nodiscard]] Pipe pipe_to_child();

/// The end of what a child writes: the last whole lines, at most 4 KiB.
class OutputTail {
 public:
  /// Reads a pipe once, as `read_pipe`. What was read, until the next call.
  std::string_view read(UniqueFd& pipe);
  /// When nothing more comes.
  [[nodiscard]] std::string take();

 private:
  void cut();

  std::string kept_;
};

/// The stderr of a child: passed on, and its end is kept.
class ChildStderr {
 public:
  /// A pipe of which the child's end is returned.
  [[nodiscard]] UniqueFd open(const OutputOrigin& from);
  /// -1 when the other side is closed.
  [[nodiscard]] int fd() const noexcept { return pipe_.get(); }
  std::size_t read();
  /// Reads what is there by now.
  void drain();
  /// When nothing more comes.
  [[nodiscard]] std::string take_tail();

 private:
  UniqueFd pipe_;
  StderrRelay relay_;
  OutputTail tail_;
};

/// Reads once, up to 64 KiB, and appends it to `bytes`. Returns how much; closes a pipe that has no
/// other side any more.
std::size_t read_pipe(UniqueFd& pipe, std::string& bytes);

/// For poll(2): how long until then, from zero to an hour.
[[nodiscard]] int milliseconds_until(std::chrono::steady_clock::time_point until);

/// How many bytes a pipe holds by now. Read only this much from a pipe of a child that has ended:
/// another process may hold the other side for ever, and keep writing.
[[nodiscard]] std::size_t waiting_bytes(const UniqueFd& pipe);

/// Calls `read`, which returns how much it has read, until that was what the pipe holds by now.
template <typename Read>
void read_waiting(const UniqueFd& pipe, Read read) {
  for (std::size_t left = waiting_bytes(pipe), got = 1; left > 0 && got > 0; left -= got) {
    got = std::min(left, read());
  }
}

/// A command that runs, and its process group. All calls come from the thread that started it.
class RunningChild {
 public:
  explicit RunningChild(OrphanReaper& reaper) : reaper_(reaper), child_(reaper) {}

  /// Starts it, as `spawn` does, with `spec`'s paths, arguments, environment and memory guard.
  /// `stdin_fd` -1: it is empty; `stdout_fd` and `stderr_fd` -1: inherited.
  [[nodiscard]] int start(const ChildSpec& spec, int stdin_fd, int stdout_fd, int stderr_fd);

  /// Readable when it has ended.
  [[nodiscard]] int pidfd() const noexcept { return pidfd_.get(); }

  /// Only until `collect`: that keeps the group's number from meaning another one.
  void signal_group(int signal) const;

  /// When it has ended: says how in `result`.
  void collect(ChildResult& result);

  /// After `collect`: true while something of the group is left, which gets SIGKILL if `kill_rest`.
  /// Adds the usage of collected processes to `result`.
  [[nodiscard]] bool collect_group(bool kill_rest, ChildResult& result) {
    return reaper_.collect_group(group_, kill_rest, result.used);
  }

 private:
  OrphanReaper& reaper_;
  DirectChild child_;
  MemoryGuard* guard_ = nullptr;
  std::uint64_t oom_kills_before_ = 0;
  std::optional<MemoryGuard::Watched> watched_;  // gone before the child is collected
  pid_t group_ = 0;
  UniqueFd pidfd_;
};

}  // namespace wq::internal
