#include "process/orphan_reaper.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <system_error>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/start_thread.h"
#include "base/wait.h"
#include "process/process_tree.h"

namespace wq::internal {
namespace {

constexpr std::chrono::seconds kSweepEvery{1};
constexpr int kPeek = WEXITED | WNOHANG | WNOWAIT;

}  // namespace

void Used::add(const rusage& usage) {
  max_rss_bytes = std::max(max_rss_bytes, static_cast<std::uint64_t>(usage.ru_maxrss) * 1024);
  for (const timeval& time : {usage.ru_utime, usage.ru_stime}) {
    cpu_time += std::chrono::seconds{time.tv_sec} + std::chrono::microseconds{time.tv_usec};
  }
}

OrphanReaper::OrphanReaper() {
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) {
    throw_errno("cannot adopt orphaned processes");
  }
  struct sigaction action {};
  ::sigaction(SIGCHLD, nullptr, &action);
  if (action.sa_handler == SIG_IGN || (action.sa_flags & SA_NOCLDWAIT) != 0) {
    action = {};
    ::sigaction(SIGCHLD, &action, nullptr);
  }
}

OrphanReaper::~OrphanReaper() { stop(); }

void OrphanReaper::start() {
  const std::lock_guard lock(mutex_);
  if (thread_.joinable()) return;
  thread_ = start_thread<std::jthread>("the thread that reaps processes",
                                       [this](const std::stop_token& stop) { run(stop); });
}

void OrphanReaper::stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

void OrphanReaper::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    try {
      sweep();
    } catch (...) {  // no memory: the rest is collected the next time
    }
    wait_for(kSweepEvery, stop);
  }
}

std::size_t OrphanReaper::sweep() {
  std::size_t collected = 0;
  siginfo_t dead{};
  for (;;) {
    dead.si_pid = 0;
    if (::waitid(P_ALL, 0, &dead, kPeek) != 0 || dead.si_pid == 0) return collected;
    if (!collect_if_orphan(dead.si_pid)) break;
    ++collected;
  }
  // A direct child that its own thread has yet to collect comes first and hides the others.
  for (const pid_t pid : children_of(::getpid())) collected += collect_if_orphan(pid) ? 1 : 0;
  return collected;
}

bool OrphanReaper::collect_if_orphan(pid_t pid) {
  const std::lock_guard lock(mutex_);
  siginfo_t dead{};
  // Dead first, direct second: a direct child that has ended was known before it began.
  if (::waitid(P_PID, static_cast<id_t>(pid), &dead, kPeek) != 0 || dead.si_pid != pid ||
      is_direct(pid)) {
    return false;
  }
  return ::waitpid(pid, nullptr, WNOHANG) == pid;
}

bool OrphanReaper::collect_group(pid_t group, bool kill_rest, Used& used) {
  const auto id = static_cast<id_t>(group);
  siginfo_t dead{};
  // Nearly always nothing is left; this spares the lock.
  if (::waitid(P_PGID, id, &dead, kPeek) != 0) return false;

  const std::lock_guard lock(mutex_);
  for (;;) {
    dead.si_pid = 0;
    if (::waitid(P_PGID, id, &dead, kPeek) != 0) return false;
    // A group's number is given away again only when the group is gone, so a new child that has
    // it tells as much.
    if (is_direct(group) || is_direct(dead.si_pid)) return false;
    if (dead.si_pid == 0) {
      // A member of the group was alive a moment ago. If it has ended since, it is uncollected and
      // keeps the number from being used for others: the signal cannot hit a stranger.
      if (kill_rest) ::kill(-group, SIGKILL);
      return true;
    }
    rusage usage{};
    if (::wait4(dead.si_pid, nullptr, WNOHANG, &usage) == dead.si_pid) used.add(usage);
  }
}

bool OrphanReaper::is_direct(pid_t pid) const {
  return pid != 0 && std::any_of(direct_.begin(), direct_.end(),
                                 [pid](const DirectChild* child) { return child->pid() == pid; });
}

DirectChild::DirectChild(OrphanReaper& reaper) : reaper_(reaper) {
  const std::lock_guard lock(reaper_.mutex_);
  reaper_.direct_.push_back(this);
}

DirectChild::~DirectChild() {
  if (const pid_t child = pid(); child != 0) {
    ::kill(-child, SIGKILL);
    try {
      Used ignored;
      collect(ignored);
    } catch (const std::system_error&) {  // it is gone, as intended
    }
  }
  const std::lock_guard lock(reaper_.mutex_);
  std::erase(reaper_.direct_, this);
}

pid_t DirectChild::pid() const noexcept {
  // The kernel writes it behind the compiler's back, while other threads look.
  return std::atomic_ref(const_cast<pid_t&>(pid_)).load();
}

int DirectChild::collect(Used& used) {
  // The wait that may take time comes first and collects nothing, so that it needs no lock.
  siginfo_t dead{};
  while (::waitid(P_PID, static_cast<id_t>(pid()), &dead, WEXITED | WNOWAIT) != 0 &&
         errno == EINTR) {
  }
  const std::lock_guard lock(reaper_.mutex_);
  int status = 0;
  rusage usage{};
  const pid_t collected = ::wait4(pid(), &status, WNOHANG, &usage);
  const int error = errno;
  std::atomic_ref(pid_).store(0);
  if (collected <= 0) {
    throw std::system_error(error, std::generic_category(), "the exit status of a child was lost");
  }
  used.add(usage);
  return status;
}

}  // namespace wq::internal
