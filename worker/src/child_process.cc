#include "child_process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <optional>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "spawn.h"
#include "unique_fd.h"

namespace wq::internal {
namespace {

// Not the library's clock: while the machine sleeps the child cannot use its time either.
using Clock = std::chrono::steady_clock;

constexpr std::size_t kStderrTailBytes = 4096;
constexpr std::size_t kReadBytes = 65'536;  // what a pipe holds
constexpr std::chrono::milliseconds kFirstGroupCheck{1};
constexpr std::chrono::milliseconds kSlowestGroupCheck{50};

[[noreturn]] void throw_errno(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

struct ProcessSetup {
  UniqueFd null;
  rlimit file_limit{};  // of open files, as it was
};

ProcessSetup set_up_process() {
  ProcessSetup setup{.null = UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC))};
  if (!setup.null) throw_errno("cannot open /dev/null");
  ::getrlimit(RLIMIT_NOFILE, &setup.file_limit);
  rlimit raised = setup.file_limit;
  raised.rlim_cur = raised.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &raised);
  return setup;
}

const ProcessSetup& process_setup() {
  static const ProcessSetup setup = set_up_process();
  return setup;
}

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

struct Pipe {
  UniqueFd ours;
  UniqueFd childs;
};

Pipe make_pipe() {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) throw_errno("cannot make a pipe");
  // Our end only: the child expects its stdout and stderr to wait.
  ::fcntl(fds[0], F_SETFL, O_RDONLY | O_NONBLOCK);
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

void write_to_stderr(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {
      pollfd room{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
      ::poll(&room, 1, -1);
    } else if (errno != EINTR) {
      return;  // there is nobody left to tell
    }
  }
}

/// The end of a text that arrives in pieces.
class Tail {
 public:
  void add(std::string_view bytes) {
    kept_ += bytes;
    if (kept_.size() > 4 * kStderrTailBytes) cut();
  }

  /// What is left of it without a line that was cut off at its beginning.
  std::string take() {
    cut();
    if (kept_.size() > kStderrTailBytes) {
      const std::size_t line_end = kept_.find('\n');
      kept_.erase(0, line_end < kept_.size() - 1 ? line_end + 1 : 1);
    }
    return std::move(kept_);
  }

 private:
  // One byte more than we want: it tells whether the others begin a line.
  void cut() {
    if (kept_.size() > kStderrTailBytes + 1) kept_.erase(0, kept_.size() - kStderrTailBytes - 1);
  }

  std::string kept_;
};

std::vector<char*> pointers(std::span<const std::string> first,
                            std::span<const std::string> second = {}) {
  std::vector<char*> result;
  result.reserve(first.size() + second.size() + 1);
  for (const auto strings : {first, second}) {
    for (const std::string& string : strings) result.push_back(const_cast<char*>(string.c_str()));
  }
  result.push_back(nullptr);
  return result;
}

/// One run of one command.
class Run {
 public:
  Run(const ChildSpec& spec, OrphanReaper& reaper) : spec_(spec), reaper_(reaper), child_(reaper) {}

  ChildResult operator()(const std::stop_token& stop) {
    result_.exec_error = start();
    if (result_.exec_error != 0) return std::move(result_);
    {
      const std::stop_callback on_stop(stop, [fd = stop_event_.get()] { ::eventfd_write(fd, 1); });
      while (!wait_for_something(milliseconds_to_kill())) kill_if_due();
    }
    end_group();
    drain(stdout_);
    drain(stderr_);
    result_.stderr_tail = tail_.take();
    return std::move(result_);
  }

 private:
  int start() {
    const ProcessSetup& setup = process_setup();
    const UniqueFd input = spec_.input ? file_holding(*spec_.input) : UniqueFd();
    Pipe out = spec_.stdout_limit_bytes ? make_pipe() : Pipe{};
    Pipe err = make_pipe();
    stop_event_ = UniqueFd(::eventfd(0, EFD_CLOEXEC));
    if (!stop_event_) throw_errno("cannot make an event descriptor");

    const std::vector<char*> paths = pointers(spec_.paths);
    const std::vector<char*> arguments = pointers(spec_.arguments);
    const std::vector<char*> environment = pointers(spec_.shared_environment, spec_.environment);
    const int error = spawn({.paths = paths.data(),
                             .arguments = arguments.data(),
                             .environment = environment.data(),
                             .stdin_fd = input ? input.get() : setup.null.get(),
                             .stdout_fd = out.childs.get(),
                             .stderr_fd = err.childs.get(),
                             .file_limit = setup.file_limit},
                            child_, pidfd_);
    stdout_ = std::move(out.ours);
    stderr_ = std::move(err.ours);
    group_ = child_.pid();
    if (error == 0 && spec_.memory_guard != nullptr) watched_.emplace(*spec_.memory_guard, group_);
    return error;
  }

  /// Waits for output, the child's end or a request to stop, and sees to what came. True: the
  /// child has ended.
  bool wait_for_something(int timeout_ms) {
    std::array<pollfd, 4> fds{};
    fds[0].fd = pidfd_.get();
    fds[1].fd = asked_to_end_ ? -1 : stop_event_.get();
    fds[2].fd = stdout_.get();
    fds[3].fd = stderr_.get();
    for (pollfd& fd : fds) fd.events = POLLIN;
    if (::poll(fds.data(), fds.size(), timeout_ms) <= 0) return false;
    if (fds[2].revents != 0) read_some(stdout_);
    if (fds[3].revents != 0) read_some(stderr_);
    if (fds[0].revents != 0) return true;
    if (fds[1].revents != 0) {
      signal_group(SIGTERM);
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
    signal_group(SIGKILL);
    killed_ = true;
  }

  /// Only while the child is uncollected: that keeps the group's number from meaning another one.
  void signal_group(int signal) const {
    if (::kill(-group_, signal) != 0) ::kill(group_, signal);  // it may have joined another group
  }

  void end_group() {
    if (!asked_to_end_) {
      signal_group(SIGKILL);
      killed_ = true;
    }
    collect_child();

    asked_to_end_ = true;
    auto pause = kFirstGroupCheck;
    while (reaper_.collect_group(group_, killed_)) {
      wait_for_something(static_cast<int>(pause.count()));
      pause = std::min(2 * pause, kSlowestGroupCheck);
      killed_ = killed_ || Clock::now() >= kill_at_;
    }
  }

  void collect_child() {
    if (watched_) result_.killed_at_bytes = watched_->killed_at_bytes();
    watched_.reset();
    rusage usage{};
    const int status = child_.collect(usage);
    pidfd_.reset();
    if (WIFSIGNALED(status)) {
      result_.signal = WTERMSIG(status);
    } else {
      result_.exit_code = WEXITSTATUS(status);
    }
    result_.max_rss_bytes = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
  }

  /// Reads what is there by now. Not until the end: somebody may hold the other side for ever, and
  /// may go on writing.
  void drain(UniqueFd& pipe) {
    int waiting = 0;
    if (!pipe || ::ioctl(pipe.get(), FIONREAD, &waiting) != 0) return;
    for (std::size_t left = static_cast<std::size_t>(waiting), got = 0; left > 0; left -= got) {
      got = std::min(left, read_some(pipe));
      if (got == 0) return;
    }
  }

  /// Returns how much. Closes a pipe that has no other side any more.
  std::size_t read_some(UniqueFd& pipe) {
    std::array<char, kReadBytes> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled
    const ssize_t size = ::read(pipe.get(), buffer.data(), buffer.size());
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    if (size <= 0) {
      pipe.reset();
      return 0;
    }
    const std::string_view bytes(buffer.data(), static_cast<std::size_t>(size));
    if (&pipe == &stderr_) {
      write_to_stderr(bytes);
      tail_.add(bytes);
    } else {
      keep_output(bytes);
    }
    return bytes.size();
  }

  void keep_output(std::string_view bytes) {
    if (result_.output.size() + bytes.size() > *spec_.stdout_limit_bytes) {
      result_.output_too_long = true;
      result_.output.clear();
    }
    // Past the limit we go on reading, so that the child does not wait for us.
    if (!result_.output_too_long) result_.output += bytes;
  }

  const ChildSpec& spec_;
  OrphanReaper& reaper_;
  DirectChild child_;
  std::optional<MemoryGuard::Watched> watched_;  // gone before the child is collected
  pid_t group_ = 0;
  UniqueFd pidfd_;
  UniqueFd stop_event_;
  UniqueFd stdout_;
  UniqueFd stderr_;
  bool asked_to_end_ = false;
  bool killed_ = false;
  Clock::time_point kill_at_{};
  Tail tail_;
  ChildResult result_;
};

}  // namespace

ChildResult run_child(const ChildSpec& spec, OrphanReaper& reaper, const std::stop_token& stop) {
  return Run(spec, reaper)(stop);
}

}  // namespace wq::internal
