#include "support/process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/eventually.h"

namespace wq::test {
namespace {

using internal::UniqueFd;

constexpr std::chrono::seconds kDeadline{60};
// What a sanitizer or a test of a test may want to hand on.
constexpr std::array<const char*, 8> kInherited{"PATH",          "TMPDIR",       "LD_LIBRARY_PATH",
                                                "ASAN_OPTIONS",  "LSAN_OPTIONS", "TSAN_OPTIONS",
                                                "UBSAN_OPTIONS", "SSL_CERT_FILE"};

[[noreturn]] void throw_errno(const std::string& what, int error = errno) {
  throw std::system_error(error, std::generic_category(), what);
}

UniqueFd memory_file(std::string_view content = {}) {
  UniqueFd file(::memfd_create("stream", MFD_CLOEXEC));
  if (!file) throw_errno("cannot make a file in memory");
  while (!content.empty()) {
    const ssize_t written = ::write(file.get(), content.data(), content.size());
    if (written < 0) throw_errno("cannot write to a file in memory");
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  ::lseek(file.get(), 0, SEEK_SET);
  return file;
}

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

Pipe make_pipe() {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) throw_errno("cannot make a pipe");
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

// The whole file, without moving the place at which others write.
std::string content_of(const UniqueFd& file) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) throw_errno("cannot look at a file in memory");
  std::string text(static_cast<std::size_t>(status.st_size), '\0');
  for (std::size_t have = 0; have < text.size();) {
    const ssize_t got =
        ::pread(file.get(), text.data() + have, text.size() - have, static_cast<off_t>(have));
    if (got <= 0) throw_errno("cannot read a file in memory");
    have += static_cast<std::size_t>(got);
  }
  return text;
}

std::vector<std::string> environment_of(const ProcessOptions& options) {
  std::vector<std::string> variables;
  for (const char* name : kInherited) {
    const char* value = std::getenv(name);
    if (value == nullptr || options.environment.contains(name)) continue;
    variables.push_back(std::string(name) + "=" + value);
  }
  for (const auto& [name, value] : options.environment) variables.push_back(name + "=" + value);
  return variables;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (std::string& string : strings) result.push_back(string.data());
  result.push_back(nullptr);
  return result;
}

struct Start {
  char* const* command;
  char* const* environment;
  const char* folder;  // or null
  std::array<int, 3> streams;
  bool has_terminal;  // as its stderr
  int report;         // gets errno if it fails
  pid_t parent;
};

// In the forked process: only what is safe there.
[[noreturn]] void become(const Start& start) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != start.parent) ::_exit(127);
  if (start.has_terminal) {
    ::setsid();
    ::ioctl(start.streams[2], TIOCSCTTY, 0);
  } else {
    ::setpgid(0, 0);
  }
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  for (int fd = 0; fd < 3; ++fd) ::dup2(start.streams.at(static_cast<std::size_t>(fd)), fd);
  if (start.folder == nullptr || ::chdir(start.folder) == 0) {
    ::execvpe(start.command[0], start.command, start.environment);
  }
  const int error = errno;
  static_cast<void>(!::write(start.report, &error, sizeof error));
  ::_exit(127);
}

std::chrono::milliseconds until(std::chrono::steady_clock::time_point end) {
  return std::max(std::chrono::milliseconds{0}, std::chrono::ceil<std::chrono::milliseconds>(
                                                    end - std::chrono::steady_clock::now()));
}

auto now_ms() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now());
}

}  // namespace

Process::Process(std::vector<std::string> command, ProcessOptions options)
    : name_(command.at(0)), out_(memory_file()), err_(memory_file()) {
  Pipe input;
  if (options.open_input) {
    std::signal(SIGPIPE, SIG_IGN);  // a write to a process that has ended is an error
    input = make_pipe();
  } else if (options.input) {
    input.read = memory_file(*options.input);
  } else {
    input.read = UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  }
  Pipe report = make_pipe();
  std::vector<std::string> environment = environment_of(options);
  const std::vector<char*> words = pointers(command);
  const std::vector<char*> variables = pointers(environment);
  const bool has_terminal = options.terminal >= 0;
  const Start start{words.data(),
                    variables.data(),
                    options.folder.empty() ? nullptr : options.folder.c_str(),
                    {has_terminal ? options.terminal : input.read.get(),
                     has_terminal && !options.redirect_out ? options.terminal : out_.get(),
                     has_terminal ? options.terminal : err_.get()},
                    has_terminal,
                    report.write.get(),
                    ::getpid()};
  started_at_ = now_ms();
  pid_ = ::fork();
  if (pid_ < 0) throw_errno("cannot fork");
  if (pid_ == 0) become(start);
  report.write.reset();
  int error = 0;
  if (::read(report.read.get(), &error, sizeof error) == sizeof error) {
    ::waitpid(pid_, nullptr, 0);
    throw_errno("cannot start " + name_, error);
  }
  pidfd_ = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  if (!pidfd_) throw_errno("cannot watch " + name_);
  if (options.open_input) {
    input_ = std::move(input.write);
    ::fcntl(input_.get(), F_SETFL, O_WRONLY | O_NONBLOCK);
    if (options.input) write(*options.input);
  }
}

Process::Process(Process&&) noexcept = default;

Process::~Process() {
  if (!pidfd_) return;
  ::kill(-pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) continue;
}

std::size_t Process::write_some(std::string_view bytes) {
  const ssize_t written = ::write(input_.get(), bytes.data(), bytes.size());
  if (written >= 0) return static_cast<std::size_t>(written);
  if (errno != EAGAIN) fail("does not read its input any more");
  return 0;
}

void Process::write(std::string_view bytes) {
  const auto end = Clock::now() + kDeadline;
  while (true) {
    bytes.remove_prefix(write_some(bytes));
    if (bytes.empty()) return;
    pollfd room{.fd = input_.get(), .events = POLLOUT, .revents = 0};
    if (::poll(&room, 1, static_cast<int>(until(end).count())) == 0)
      fail("does not read its input");
  }
}

void Process::signal(int number) const {
  if (!pidfd_ || ::kill(pid_, number) != 0) fail("cannot be sent a signal: it has ended");
}

int Process::wait() {
  const auto end = Clock::now() + kDeadline;
  while (!ended()) {
    pollfd fd{.fd = pidfd_.get(), .events = POLLIN, .revents = 0};
    if (::poll(&fd, 1, static_cast<int>(until(end).count())) == 0) fail("does not end");
  }
  return WIFSIGNALED(status_) ? -WTERMSIG(status_) : WEXITSTATUS(status_);
}

void Process::kill() {
  if (!ended()) signal(SIGKILL);
  wait();
}

bool Process::ended() {
  if (!pidfd_) return true;
  if (::waitpid(pid_, &status_, WNOHANG) != pid_) return false;
  ended_at_ = now_ms();
  pidfd_.reset();
  return true;
}

std::string Process::out() const { return content_of(out_); }
std::string Process::err() const { return content_of(err_); }

void Process::wait_for_err(std::string_view text) { wait_for(text, err_, "stderr"); }
void Process::wait_for_out(std::string_view text) { wait_for(text, out_, "stdout"); }

void Process::wait_for(std::string_view text, const UniqueFd& stream, const char* name) {
  const std::string what = "does not write '" + std::string(text) + "' to " + name;
  const bool came = eventually(
      [&] {
        const bool over = ended();  // first: what it wrote last must be seen
        if (content_of(stream).find(text) != std::string::npos) return true;
        if (over) fail(what + ", it has ended");
        return false;
      },
      kDeadline);
  if (!came) fail(what);
}

std::size_t Process::peak_memory_bytes() const {
  const std::size_t bytes = test::peak_memory_bytes(pid_);
  if (bytes == 0) fail("has no memory any more");
  return bytes;
}

void Process::fail(const std::string& what) const {
  throw std::runtime_error(name_ + " (process " + std::to_string(pid_) + ") " + what +
                           "; its stderr:\n" + err());
}

std::size_t peak_memory_bytes(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stoul(line.substr(6)) * 1024;
  }
  return 0;
}

std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> found;
  // Of every thread; a single-threaded parent has one.
  std::error_code ignored;
  const std::string tasks = "/proc/" + std::to_string(parent) + "/task";
  for (const auto& task : std::filesystem::directory_iterator(tasks, ignored)) {
    std::ifstream list(task.path() / "children");
    for (pid_t pid = 0; list >> pid;) found.push_back(pid);
  }
  return found;
}

std::vector<pid_t> stray_children() {
  std::vector<pid_t> found;
  for (const pid_t child : children_of(::getpid())) {
    if (::waitpid(child, nullptr, WNOHANG) == child) continue;
    std::ifstream comm("/proc/" + std::to_string(child) + "/comm");
    std::string name;
    std::getline(comm, name);
    if (name != "redis-server" && name != "valkey-server") found.push_back(child);
  }
  return found;
}

bool is_alive(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(stat, text);
  // The state follows the name, which may hold parentheses itself.
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return false;
  const char state = text.at(name_end + 2);
  return state != 'Z' && state != 'X';
}

}  // namespace wq::test
