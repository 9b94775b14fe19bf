#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/unique_fd.h"

namespace wq::test {

/// What a process is started with.
struct ProcessOptions {
  /// Its whole environment besides PATH, TMPDIR and what sanitizers read, which it has from us.
  std::map<std::string, std::string> environment{};
  /// What it reads on stdin, of any length. Without: nothing at all.
  std::optional<std::string> input{};
  /// Its stdin is a pipe that stays open until `close_input`; `input` comes first.
  bool open_input = false;
  /// The folder in which it starts; empty: ours.
  std::string folder{};
  /// A terminal that all its streams are, and that controls it (then its session is a new one, and
  /// Ctrl-C is for it); -1: none. See `Terminal`.
  int terminal = -1;
  /// With a terminal: stdout is kept in memory all the same, as behind a `>`.
  bool redirect_out = false;
};

/// A program that runs next to the test. What it and its descendants write to stdout and stderr is
/// kept in memory. It is the leader of a process group of its own and gets SIGKILL when the thread
/// that started it ends, however that happens.
///
/// Not thread-safe. Every method that waits throws `std::runtime_error`, with what the process
/// wrote to stderr, after a minute or when that has become impossible.
class Process {
 public:
  /// `command`: the program (a path, or a name to be found in $PATH) and its arguments. Throws
  /// `std::system_error` if it cannot be started, also if the program cannot be executed.
  explicit Process(std::vector<std::string> command, ProcessOptions options = {});

  /// Kills its group, unless `wait` has seen it end.
  ~Process();
  Process(Process&&) noexcept;
  Process& operator=(Process&&) = delete;

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }

  /// Writes to its stdin; needs `open_input`. Waits while the pipe is full.
  void write(std::string_view bytes);
  /// Writes what the pipe takes at once, and says how many bytes that were.
  std::size_t write_some(std::string_view bytes);
  void close_input() { input_.reset(); }

  /// To the process alone, not to its group.
  void signal(int number) const;

  /// Waits until it has ended. Returns its exit code; if a signal ended it, the negative number of
  /// the signal. May be called again.
  int wait();

  /// SIGKILL, and waits.
  void kill();

  /// Looks whether it has ended, without waiting.
  [[nodiscard]] bool ended();

  /// What was written so far.
  [[nodiscard]] std::string out() const;
  [[nodiscard]] std::string err() const;

  /// Waits until what was written to stderr (stdout) contains the text.
  void wait_for_err(std::string_view text);
  void wait_for_out(std::string_view text);

  /// The most memory that it has occupied at a time so far. Only while it runs.
  [[nodiscard]] std::size_t peak_memory_bytes() const;

  /// Between start and end. Only after `wait`.
  [[nodiscard]] std::chrono::milliseconds run_time() const { return ended_at_ - started_at_; }

 private:
  using Clock = std::chrono::steady_clock;

  void wait_for(std::string_view text, const internal::UniqueFd& stream, const char* name);
  [[noreturn]] void fail(const std::string& what) const;

  std::string name_;
  pid_t pid_ = 0;
  internal::UniqueFd pidfd_;  // empty when it was collected
  internal::UniqueFd input_;
  internal::UniqueFd out_;
  internal::UniqueFd err_;
  int status_ = 0;
  std::chrono::time_point<Clock, std::chrono::milliseconds> started_at_;
  std::chrono::time_point<Clock, std::chrono::milliseconds> ended_at_;
};

/// The most memory that a process has occupied at a time so far; 0 for one that is gone.
[[nodiscard]] std::size_t peak_memory_bytes(pid_t pid);

/// The processes, living or dead and uncollected, whose parent is the given one.
[[nodiscard]] std::vector<pid_t> children_of(pid_t parent);

/// Our children besides a redis-server. Collects the dead ones, so nobody may be waiting for one.
[[nodiscard]] std::vector<pid_t> stray_children();

/// True if the process exists and has not ended.
[[nodiscard]] bool is_alive(pid_t pid);

}  // namespace wq::test
