#include "process/running_child.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <span>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/start_thread.h"
#include "process/spawn.h"

namespace wq::internal {
namespace {

constexpr std::size_t kTailBytes = 4096;
constexpr std::size_t kReadBytes = 65'536;  // what a pipe holds

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

// Only the worker's end is non-blocking: the child expects a blocking one.
Pipe make_pipe(std::size_t ours) {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) throw_errno("cannot make a pipe");
  ::fcntl(fds.at(ours), F_SETFL, O_NONBLOCK);
  return {UniqueFd(fds.at(ours)), UniqueFd(fds.at(1 - ours))};
}

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

}  // namespace

Pipe pipe_from_child() { return make_pipe(0); }
Pipe pipe_to_child() { return make_pipe(1); }

std::size_t read_pipe(UniqueFd& pipe, std::string& bytes) {
  std::array<char, kReadBytes> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled
  const ssize_t size = ::read(pipe.get(), buffer.data(), buffer.size());
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  if (size <= 0) {
    pipe.reset();
    return 0;
  }
  bytes.append(buffer.data(), static_cast<std::size_t>(size));
  return static_cast<std::size_t>(size);
}

int milliseconds_until(std::chrono::steady_clock::time_point until) {
  const auto now = std::chrono::steady_clock::now();
  if (until <= now) return 0;
  const auto left = std::min<std::chrono::nanoseconds>(until - now, std::chrono::hours{1});
  return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count());
}

std::size_t waiting_bytes(const UniqueFd& pipe) {
  int waiting = 0;
  if (!pipe || ::ioctl(pipe.get(), FIONREAD, &waiting) != 0) return 0;
  return static_cast<std::size_t>(waiting);
}

std::string_view OutputTail::read(UniqueFd& pipe) {
  if (kept_.size() > 4 * kTailBytes) cut();
  const std::size_t before = kept_.size();
  read_pipe(pipe, kept_);
  return std::string_view(kept_).substr(before);
}

std::string OutputTail::take() {
  cut();
  // Without a line that was cut off at its beginning.
  if (kept_.size() > kTailBytes) {
    const std::size_t line_end = kept_.find('\n');
    kept_.erase(0, line_end < kept_.size() - 1 ? line_end + 1 : 1);
  }
  return std::exchange(kept_, {});
}

// One byte more than is kept: it tells whether the rest begins a line.
void OutputTail::cut() {
  if (kept_.size() > kTailBytes + 1) kept_.erase(0, kept_.size() - kTailBytes - 1);
}

UniqueFd ChildStderr::open(const OutputOrigin& from) {
  relay_ = StderrRelay(from);
  Pipe pipe = pipe_from_child();
  pipe_ = std::move(pipe.ours);
  return std::move(pipe.childs);
}

std::size_t ChildStderr::read() {
  const std::string_view bytes = tail_.read(pipe_);
  relay_.add(bytes);
  return bytes.size();
}

void ChildStderr::drain() {
  read_waiting(pipe_, [this] { return read(); });
}

std::string ChildStderr::take_tail() {
  relay_.end();
  return tail_.take();
}

int RunningChild::start(const ChildSpec& spec, int stdin_fd, int stdout_fd, int stderr_fd) {
  const ProcessSetup& setup = process_setup();
  const std::vector<char*> paths = pointers(spec.paths);
  const std::vector<char*> arguments = pointers(spec.arguments);
  const std::vector<char*> environment = pointers(spec.shared_environment, spec.environment);
  guard_ = spec.memory_guard;
  if (guard_ != nullptr) oom_kills_before_ = guard_->oom_kills();
  const int error = spawn({.paths = paths.data(),
                           .arguments = arguments.data(),
                           .environment = environment.data(),
                           .stdin_fd = stdin_fd >= 0 ? stdin_fd : setup.null.get(),
                           .stdout_fd = stdout_fd,
                           .stderr_fd = stderr_fd,
                           .file_limit = setup.file_limit},
                          child_, pidfd_);
  group_ = child_.pid();
  if (error == 0 && guard_ != nullptr) watched_.emplace(*guard_, group_);
  return error;
}

void RunningChild::signal_group(int signal) const {
  if (::kill(-group_, signal) != 0) ::kill(group_, signal);  // it may have joined another group
}

void RunningChild::collect(ChildResult& result) {
  if (watched_) result.killed_at_bytes = watched_->killed_at_bytes();
  watched_.reset();
  const int status = child_.collect(result.used);
  pidfd_.reset();
  if (WIFSIGNALED(status)) {
    result.signal = WTERMSIG(status);
  } else {
    result.exit_code = WEXITSTATUS(status);
  }
  // A shell says with this code that its command died of SIGKILL.
  const bool killed = result.signal == SIGKILL || result.exit_code == 128 + SIGKILL;
  result.oom_killed = killed && !result.killed_at_bytes && guard_ != nullptr &&
                      guard_->claim_oom_kill(oom_kills_before_);
}

}  // namespace wq::internal
