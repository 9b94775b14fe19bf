#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "base/unique_fd.h"
#include "cli/exit_code.h"

namespace wq::cli {

class SignalWatcher;

/// Takes the place of handlers for SIGINT and SIGTERM while there is a `SignalWatcher`: both are
/// blocked, and one thread waits for them and calls every watcher, from where anything may be done
/// that an ordinary thread may do. Works for process 1 of a container as well. A signal that was
/// ignored when the program started (`nohup`, `&` in a script) stays ignored.
///
/// One in a process, see `Process`. Thread-safe.
class StopSignals {
 public:
  StopSignals() = default;
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

 private:
  friend class SignalWatcher;

  void add(SignalWatcher& watcher);
  void remove(SignalWatcher& watcher);
  void start();
  void stop();
  void watch();

  std::mutex life_;     // held while the thread is started or stopped
  std::mutex calling_;  // held while watchers are called; guards what follows
  std::vector<SignalWatcher*> watchers_;
  internal::UniqueFd signal_fd_;
  internal::UniqueFd stop_fd_;
  std::thread thread_;
};

/// Calls back for SIGINT and SIGTERM.
///
/// Create the first one of a process before there is any other thread: threads inherit the block. A
/// child process inherits it too and must lift it before it executes a program.
class SignalWatcher {
 public:
  /// `count` is 1 for the first signal, 2 for the second, whichever of the two they are. Calls do
  /// not overlap; a signal that comes during a call waits for its end. Signals a few milliseconds
  /// apart count as one, since one Ctrl-C or one `timeout` may send several; the call comes after
  /// that time, so a user who sees its effect can send the next signal at once. Exceptions of the
  /// callback are ignored, and the next signal calls it again. It must not end a watcher.
  using Callback = std::function<void(int signal, int count)>;

  /// `signals` must outlive it. Throws `std::system_error` if the system is out of what it takes.
  SignalWatcher(StopSignals& signals, Callback callback);

  /// Waits for a call that is under way. With the last watcher, signals that came unseen are
  /// dropped, and the block is lifted from the calling thread.
  ~SignalWatcher();
  SignalWatcher(const SignalWatcher&) = delete;
  SignalWatcher& operator=(const SignalWatcher&) = delete;

  /// The first signal that came; 0: none so far. Set before the callback runs. Any thread.
  [[nodiscard]] int first() const noexcept { return first_.load(); }

 private:
  friend class StopSignals;

  StopSignals& signals_;
  const Callback callback_;
  int count_ = 0;
  std::atomic<int> first_{0};
};

/// The request to stop of a program that has nothing to undo: the first signal makes it, and the
/// second, which waits neither for Redis nor for a reader of the output, ends the process.
class StopRequest {
 public:
  explicit StopRequest(StopSignals& signals);

  [[nodiscard]] std::stop_token token() const noexcept { return source_.get_token(); }
  [[nodiscard]] bool is_made() const noexcept { return source_.stop_requested(); }
  /// The exit code for the first signal; `otherwise` before there was one.
  [[nodiscard]] ExitCode exit_code(ExitCode otherwise = ExitCode::failure) const noexcept;
  /// Waits for this time, or until the request is made.
  void wait_for(std::chrono::milliseconds time) const;

 private:
  std::stop_source source_;
  SignalWatcher signals_;
};

}  // namespace wq::cli
