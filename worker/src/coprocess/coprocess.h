#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/unique_fd.h"
#include "process/child_process.h"
#include "process/running_child.h"

namespace wq::internal {

/// A command that stays, reads lines and answers them. All calls come from one thread, which must
/// not end before this does.
class Coprocess {
 public:
  using Clock = std::chrono::steady_clock;
  /// Given each line of its stdout, without its end.
  using OnLine = std::function<void(std::string_view)>;

  /// `spec.input` and `spec.stdout_limit_bytes` mean nothing here; `spec` must outlive this.
  Coprocess(const ChildSpec& spec, OrphanReaper& reaper, std::size_t max_line_bytes)
      : spec_(spec), child_(reaper), max_line_bytes_(max_line_bytes) {}

  /// Starts it. Returns and throws as `spawn`.
  [[nodiscard]] int start();

  /// Puts a line, with its end, on its stdin: here or in `wait`.
  void send(std::string_view line);

  /// Waits until the coprocess writes or ends, `wake_fd` is readable, or `until`, and handles these
  /// events. False when it has ended; all its lines were passed to `on_line`. Output after its last
  /// line end is dropped.
  bool wait(int wake_fd, Clock::time_point until, const OnLine& on_line);

  /// SIGTERM for its group, and SIGKILL after the kill delay. Again: nothing.
  void ask_to_end();

  /// Closes its stdin when all that was sent is written. It may go on for as long as it likes.
  void send_no_more();

  /// Nothing more comes: it should end by itself, and is asked to after the kill delay.
  void close_stdin();

  /// After `wait` has returned false: ends what is left of its group, and tells how it ended.
  [[nodiscard]] ChildResult end();

  [[nodiscard]] bool asked_to_end() const noexcept { return asked_to_end_; }
  /// It has closed its stdin, or its stdout, and ran on until it was asked to end.
  [[nodiscard]] bool closed_its_side() const noexcept { return asked_since_closed_; }
  /// Of its stdout, those given to `on_line`.
  [[nodiscard]] std::uint64_t lines() const noexcept { return lines_; }
  /// The beginning of a line that is longer than the limit; empty without one. It is not read on.
  [[nodiscard]] std::string_view too_long_line() const noexcept;

 private:
  void write_some();
  std::size_t read_some(const OnLine& on_line);
  void other_side_closed();
  void end_if_due();

  const ChildSpec& spec_;
  RunningChild child_;
  const std::size_t max_line_bytes_;
  UniqueFd stdin_;
  UniqueFd stdout_;
  ChildStderr stderr_;
  std::string unsent_;
  std::size_t sent_ = 0;  // of these
  bool no_more_ = false;
  std::string unread_;    // of its stdout, since the last line end
  std::size_t seen_ = 0;  // of these, without a line end
  std::uint64_t lines_ = 0;
  bool too_long_ = false;
  bool closed_ = false;
  bool asked_since_closed_ = false;
  bool asked_to_end_ = false;
  bool killed_ = false;
  Clock::time_point ask_at_ = Clock::time_point::max();
  Clock::time_point kill_at_ = Clock::time_point::max();
};

}  // namespace wq::internal
