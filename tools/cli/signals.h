#pragma once

#include <atomic>
#include <functional>
#include <thread>

namespace wq::cli {

/// Takes the place of handlers for SIGINT and SIGTERM: both are blocked in every thread, and one
/// thread of its own waits for them and calls back, from where anything may be done that an
/// ordinary thread may do. Works for process 1 of a container as well. A signal that was ignored
/// when the program started (`nohup`, `&` in a script) stays ignored.
///
/// Create it before there is any other thread: threads inherit the block. A child process inherits
/// it too and must lift it before it executes a program.
class SignalWatcher {
 public:
  /// `count` is 1 for the first signal, 2 for the second, whichever of the two they are. Calls do
  /// not overlap; a signal that comes during a call waits for its end. Signals a few milliseconds
  /// apart count as one, since one Ctrl-C or one `timeout` may send several; the call comes after
  /// that time, so whoever has seen its effect may send the next signal at once. What it throws is
  /// dropped, and the next signal calls again.
  using Callback = std::function<void(int signal, int count)>;

  /// Throws `std::system_error` if the system is out of what it takes.
  explicit SignalWatcher(Callback callback);

  /// Waits for a call that is under way. Signals that came unseen are dropped; the block is lifted
  /// from the calling thread.
  ~SignalWatcher();
  SignalWatcher(const SignalWatcher&) = delete;
  SignalWatcher& operator=(const SignalWatcher&) = delete;

  /// The first signal that came; 0: none so far. Set before the callback runs. Any thread.
  [[nodiscard]] int first() const noexcept { return first_.load(); }

 private:
  void watch(int signal_fd, int stop_fd, const Callback& callback);

  std::atomic<int> first_{0};
  int signal_fd_ = -1;
  int stop_fd_ = -1;
  std::thread thread_;
};

}  // namespace wq::cli
