#include "process/spawn.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <system_error>

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/start_thread.h"

// glibc's clone by its other name, which sanitizers do not replace. The thread sanitizer's
// replacement expects a child with a copy of the memory; this child shares it.
extern "C" int wq_clone(int (*function)(void*), void* stack, int flags, void* argument,
                        ...) __asm__("__clone");

// From here to the end of `child_main` everything runs in the child, inside the memory of the
// worker and while its other threads go on: system calls only, no lock, no allocation. Sanitizers
// keep records for the thread whose place the child takes, so they must not look.
#define WQ_IN_CHILD __attribute__((no_sanitize("address", "thread", "undefined")))

namespace wq::internal {
namespace {

using KernelSignalSet = std::uint64_t;
constexpr int kLastSignal = 64;
constexpr std::size_t kChildStackBytes = 32'768;

struct ChildArguments {
  const SpawnRequest* request;
  pid_t worker;
  int error;
};

WQ_IN_CHILD void close_all_but_stdio() {
  if (::syscall(SYS_close_range, 3U, ~0U, 0U) == 0) return;
  // A kernel before 5.9, or a container runtime that knows none later.
  const long folder = ::syscall(SYS_openat, AT_FDCWD, "/proc/self/fd", O_RDONLY | O_DIRECTORY, 0);
  alignas(dirent64) char entries[2048];
  for (;;) {
    const long size = ::syscall(SYS_getdents64, folder, entries, sizeof entries);
    if (size <= 0) break;
    for (long at = 0; at < size;) {
      const auto* entry = reinterpret_cast<const dirent64*>(entries + at);
      at += entry->d_reclen;
      long fd = 0;
      for (const char* digit = entry->d_name; *digit >= '0' && *digit <= '9'; ++digit) {
        fd = fd * 10 + (*digit - '0');
      }
      if (fd > STDERR_FILENO && fd != folder) ::syscall(SYS_close, fd);
    }
  }
  ::syscall(SYS_close, folder);
}

WQ_IN_CHILD void reset_signals() {
  // All zero is SIG_DFL without flags, in the kernel's layout of any processor. Dispositions go
  // first: a handler of the worker's must not run here.
  const unsigned long action[8] = {};
  for (int number = 1; number <= kLastSignal; ++number) {
    ::syscall(SYS_rt_sigaction, number, action, nullptr, sizeof(KernelSignalSet));
  }
  const KernelSignalSet none = 0;
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, sizeof none);
}

/// Returns only if no path could be executed: why.
WQ_IN_CHILD int execute(const SpawnRequest& request) {
  int denied = 0;
  int error = ENOENT;
  for (const char* const* path = request.paths; *path != nullptr; ++path) {
    ::syscall(SYS_execve, *path, request.arguments, request.environment);
    error = errno;
    if (error == EACCES) {
      denied = EACCES;
    } else if (error != ENOENT && error != ENOTDIR && error != ESTALE && error != ENODEV &&
               error != ETIMEDOUT) {
      return error;
    }
  }
  return denied != 0 ? denied : error;
}

WQ_IN_CHILD int child_main(void* pointer) {
  auto& arguments = *static_cast<ChildArguments*>(pointer);
  const SpawnRequest& request = *arguments.request;
  ::syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  // A worker that died before that line sends no signal.
  if (::syscall(SYS_getppid) == arguments.worker) {
    // Its own group, and no controlling terminal: what reads the terminal (a password, a host key)
    // gets an error then, where it would be stopped for ever as a background process.
    ::syscall(SYS_setsid);
    ::syscall(SYS_dup3, request.stdin_fd, STDIN_FILENO, 0);
    if (request.stdout_fd >= 0) ::syscall(SYS_dup3, request.stdout_fd, STDOUT_FILENO, 0);
    if (request.stderr_fd >= 0) ::syscall(SYS_dup3, request.stderr_fd, STDERR_FILENO, 0);
    close_all_but_stdio();
    ::syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &request.file_limit, nullptr);
    reset_signals();
    arguments.error = execute(request);
  }
  ::syscall(SYS_exit_group, 127);
  return 127;
}

}  // namespace

int spawn(const SpawnRequest& request, DirectChild& child, UniqueFd& pidfd) {
  ChildArguments arguments{.request = &request, .worker = ::getpid(), .error = 0};
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): written before it is read
  alignas(std::max_align_t) std::array<std::byte, kChildStackBytes> stack;

  // No handler may run in the child before it has reset them, not even those of the C library,
  // which its own functions do not let us block.
  const KernelSignalSet all = ~KernelSignalSet{0};
  KernelSignalSet before = 0;
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof all);
  int fd = -1;
  const int result = wq_clone(child_main, stack.data() + stack.size(),
                              CLONE_VM | CLONE_VFORK | CLONE_PIDFD | CLONE_CHILD_SETTID | SIGCHLD,
                              &arguments, &fd, nullptr, child.cell());
  const int error = errno;
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, nullptr, sizeof before);

  if (result < 0) {
    throw no_room("cannot start a process", {error, std::generic_category()});
  }
  pidfd = UniqueFd(fd);
  if (arguments.error != 0) {
    Used ignored;
    child.collect(ignored);
  }
  return arguments.error;
}

std::vector<std::string> executable_paths(std::string_view program) {
  if (program.empty() || program.find('/') != std::string_view::npos) return {std::string(program)};
  const char* variable = std::getenv("PATH");
  std::string_view folders = variable != nullptr ? variable : "/bin:/usr/bin";
  std::vector<std::string> paths;
  for (;;) {
    const std::size_t colon = folders.find(':');
    std::string path(folders.substr(0, colon));
    if (!path.empty()) path += '/';  // empty: the current folder
    paths.push_back(path.append(program));
    if (colon == std::string_view::npos) return paths;
    folders.remove_prefix(colon + 1);
  }
}

}  // namespace wq::internal
