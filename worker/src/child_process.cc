#include "child_process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "running_child.h"
#include "throw_errno.h"
#include "unique_fd.h"

namespace wq::internal {
namespace {

// Not the library's clock: while the machine sleeps the child cannot use its time either.
using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kFirstGroupCheck{1};
constexpr std::chrono::milliseconds kSlowestGroupCheck{50};

UniqueFd file_holding(std::string_view bytes) {
  UniqueFd file(::memfd_create("item", MFD_CLOEXEC));
  if (!file) throw_errno("cannot make a file in memory for the item");
  while (!bytes.empty()) {
    const ssize_t written = ::write(file.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw_errno("cannot write the item to a file in memory");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  ::lseek(file.get(), 0, SEEK_SET);
  return file;
}

/// One run of one command.
class Run {
 public:
  Run(const ChildSpec& spec, OrphanReaper& reaper) : spec_(spec), child_(reaper) {}

  ChildResult operator()(const std::stop_token& stop) {
    result_.exec_error = start();
    if (result_.exec_error != 0) return std::move(result_);
    {
      const std::stop_callback on_stop(stop, [fd = stop_event_.get()] { ::eventfd_write(fd, 1); });
      while (!wait_for_something(milliseconds_to_kill())) kill_if_due();
    }
    end_group();
    for (std::size_t left = waiting_bytes(stdout_), got = 0; left > 0; left -= got) {
      got = std::min(left, read_output());
      if (got == 0) break;
    }
    stderr_.drain();
    result_.stderr_tail = stderr_.take_tail();
    return std::move(result_);
  }

 private:
  int start() {
    const UniqueFd input = spec_.input ? file_holding(*spec_.input) : UniqueFd();
    Pipe out = spec_.stdout_limit_bytes ? pipe_from_child() : Pipe{};
    const UniqueFd err = stderr_.open(spec_.stderr_origin);
    stop_event_ = UniqueFd(::eventfd(0, EFD_CLOEXEC));
    if (!stop_event_) throw_errno("cannot make an event descriptor");
    stdout_ = std::move(out.ours);
    const bool as_stderr = spec_.stdout_as_stderr && !spec_.stdout_limit_bytes;
    return child_.start(spec_, input.get(), as_stderr ? err.get() : out.childs.get(), err.get());
  }

  /// Waits for output, the child's end or a request to stop, and sees to what came. True: the
  /// child has ended.
  bool wait_for_something(int timeout_ms) {
    std::array<pollfd, 4> fds{};
    fds[0].fd = child_.pidfd();
    fds[1].fd = asked_to_end_ ? -1 : stop_event_.get();
    fds[2].fd = stdout_.get();
    fds[3].fd = stderr_.fd();
    for (pollfd& fd : fds) fd.events = POLLIN;
    if (::poll(fds.data(), fds.size(), timeout_ms) <= 0) return false;
    if (fds[2].revents != 0) read_output();
    if (fds[3].revents != 0) stderr_.read();
    if (fds[0].revents != 0) return true;
    if (fds[1].revents != 0) {
      child_.signal_group(SIGTERM);
      asked_to_end_ = true;
      kill_at_ = Clock::now() + spec_.kill_delay;
    }
    return false;
  }

  /// -1, which is for ever to poll, when no time is set.
  [[nodiscard]] int milliseconds_to_kill() const {
    if (!asked_to_end_ || killed_) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(kill_at_ - Clock::now());
    return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 3'600'000));
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
    const std::size_t size = read_pipe(stdout_, result_.output);
    // Past the limit we go on reading, so that the child does not wait for us.
    result_.output_too_long =
        result_.output_too_long || result_.output.size() > *spec_.stdout_limit_bytes;
    if (result_.output_too_long) result_.output.clear();
    return size;
  }

  const ChildSpec& spec_;
  RunningChild child_;
  UniqueFd stop_event_;
  UniqueFd stdout_;
  ChildStderr stderr_;
  bool asked_to_end_ = false;
  bool killed_ = false;
  Clock::time_point kill_at_{};
  ChildResult result_;
};

}  // namespace

ChildResult run_child(const ChildSpec& spec, OrphanReaper& reaper, const std::stop_token& stop) {
  return Run(spec, reaper)(stop);
}

}  // namespace wq::internal
