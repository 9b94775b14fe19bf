#include "process/child_process.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <utility>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/start_thread.h"
#include "base/unique_fd.h"
#include "base/write_all.h"
#include "process/running_child.h"

namespace wq::internal {
namespace {

// Not the library's clock: while the machine sleeps the child cannot use its time either.
using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kFirstGroupCheck{1};
constexpr std::chrono::milliseconds kSlowestGroupCheck{50};
constexpr std::chrono::milliseconds kLookInterval{1'000};

UniqueFd file_holding(std::string_view bytes) {
  UniqueFd file(::memfd_create("item", MFD_CLOEXEC));
  if (!file) throw_errno("cannot make a file in memory for the item");
  if (write_all(file.get(), bytes) != 0) throw_errno("cannot write the item to a file in memory");
  ::lseek(file.get(), 0, SEEK_SET);
  return file;
}

/// One run of one command.
class Run {
 public:
  Run(const ChildSpec& spec, OrphanReaper& reaper)
      : spec_(spec), child_(reaper), relay_(spec.origin) {}

  ChildResult operator()(const std::stop_token& stop) {
    result_.exec_error = start();
    if (result_.exec_error != 0) return std::move(result_);
    const std::stop_callback on_stop(stop, [fd = stop_event_.get()] { ::eventfd_write(fd, 1); });
    while (!wait_for_something(milliseconds_to_act())) {
      kill_if_due();
      look_if_due();
    }
    end_group();
    stderr_.drain();
    result_.stderr_tail = stderr_.take_tail();
    end_output();
    result_.stdout_tail = tail_.take();
    return std::move(result_);
  }

 private:
  int start() {
    const UniqueFd input = spec_.input ? file_holding(*spec_.input) : UniqueFd();
    const bool as_stderr = spec_.stdout_as_stderr && !spec_.stdout_limit_bytes;
    Pipe out = as_stderr ? Pipe{} : pipe_from_child();
    const UniqueFd err = stderr_.open(spec_.origin);
    stop_event_ = UniqueFd(::eventfd(0, EFD_CLOEXEC));
    if (!stop_event_) throw_errno("cannot make an event descriptor");
    stdout_ = std::move(out.ours);
    return child_.start(spec_, input.get(), as_stderr ? err.get() : out.childs.get(), err.get());
  }

  /// Waits for output, the child's end or a request to stop, and sees to what came. True: the
  /// child has ended.
  bool wait_for_something(int timeout_ms) {
    std::array<pollfd, 4> fds{};
    fds[0].fd = child_.pidfd();
    fds[1].fd = asked_to_end_ ? -1 : stop_event_.get();
    fds[2].fd = relay_.is_full() ? STDOUT_FILENO : stdout_.get();
    fds[3].fd = stderr_.fd();
    for (pollfd& fd : fds) fd.events = POLLIN;
    if (relay_.is_full()) fds[2].events = POLLOUT;
    if (::poll(fds.data(), fds.size(), timeout_ms) <= 0) return false;
    if (fds[2].revents != 0 && relay_.is_full()) {
      write_output();
    } else if (fds[2].revents != 0) {
      read_output();
    }
    if (fds[3].revents != 0) stderr_.read();
    if (fds[0].revents != 0) return true;
    if (fds[1].revents != 0) ask_to_end();
    return false;
  }

  void ask_to_end() {
    if (asked_to_end_) return;
    child_.signal_group(SIGTERM);
    asked_to_end_ = true;
    kill_at_ = Clock::now() + spec_.kill_delay;
  }

  /// -1 when no time is set: poll waits for ever.
  [[nodiscard]] int milliseconds_to_act() const {
    auto next = Clock::time_point::max();
    if (asked_to_end_ && !killed_) next = kill_at_;
    if (spec_.look) next = std::min(next, look_at_);
    return next == Clock::time_point::max() ? -1 : milliseconds_until(next);
  }

  void look_if_due() {
    if (!spec_.look || Clock::now() < look_at_) return;
    look_at_ = Clock::now() + kLookInterval;
    spec_.look();
  }

  void kill_if_due() {
    if (!asked_to_end_ || killed_ || Clock::now() < kill_at_) return;
    child_.signal_group(SIGKILL);
    killed_ = true;
  }

  void end_group() {
    if (!asked_to_end_) {
      child_.signal_group(SIGKILL);
      killed_ = true;
    }
    child_.collect(result_);

    asked_to_end_ = true;
    auto pause = kFirstGroupCheck;
    while (child_.collect_group(killed_, result_)) {
      wait_for_something(static_cast<int>(pause.count()));
      pause = std::min(2 * pause, kSlowestGroupCheck);
      killed_ = killed_ || Clock::now() >= kill_at_;
    }
  }

  std::size_t read_output() {
    const std::string_view bytes = tail_.read(stdout_);
    if (!spec_.stdout_limit_bytes) {
      relay_.add(bytes);
      write_output();
      return bytes.size();
    }
    // Past the limit the rest is read too, so that the child does not block.
    result_.output_too_long =
        result_.output_too_long || result_.output.size() + bytes.size() > *spec_.stdout_limit_bytes;
    if (result_.output_too_long) {
      result_.output.clear();
    } else {
      result_.output += bytes;
    }
    return bytes.size();
  }

  void write_output() {
    if (!relay_.is_full()) return;
    const int error = relay_.write();
    if (error == 0) return;
    result_.stdout_error = error;
    stdout_.reset();  // further writes of the child raise SIGPIPE
    ask_to_end();
  }

  /// Moves the rest of the pipe to the stdout of the worker, or to the result.
  void end_output() {
    for (std::size_t left = waiting_bytes(stdout_), got = 0; left > 0; left -= got) {
      if (!wait_for_room()) return;
      got = std::min(left, read_output());
      if (got == 0) break;
    }
    if (!wait_for_room()) return;
    relay_.end();
    write_output();
    wait_for_room();
  }

  /// Until the stdout of the worker has taken all output. False if `stop` is requested first.
  bool wait_for_room() {
    while (relay_.is_full()) {
      std::array<pollfd, 2> fds{{{.fd = stop_event_.get(), .events = POLLIN, .revents = 0},
                                 {.fd = STDOUT_FILENO, .events = POLLOUT, .revents = 0}}};
      ::poll(fds.data(), fds.size(), -1);
      if (fds[1].revents != 0) {
        write_output();
      } else if (fds[0].revents != 0) {
        result_.stdout_is_cut = true;
        return false;
      }
    }
    return true;
  }

  const ChildSpec& spec_;
  RunningChild child_;
  UniqueFd stop_event_;
  UniqueFd stdout_;
  OutputTail tail_;    // of stdout
  StdoutRelay relay_;  // where it is not kept
  ChildStderr stderr_;
  bool asked_to_end_ = false;
  bool killed_ = false;
  Clock::time_point kill_at_{};
  Clock::time_point look_at_ = Clock::now() + kLookInterval;
  ChildResult result_;
};

}  // namespace

ChildResult run_child(const ChildSpec& spec, OrphanReaper& reaper, const std::stop_token& stop) {
  return Run(spec, reaper)(stop);
}

}  // namespace wq::internal
