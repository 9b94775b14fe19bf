#include "cli/signals.h"

#include <array>
#include <cerrno>
#include <cstdint>
#include <system_error>

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/start_thread.h"

namespace wq::cli {

namespace {

sigset_t stop_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

// One request to stop may come as two signals: timeout(1), and a terminal whose foreground program
// passes signals on, send them to a process and to its group. What comes so soon is the same one.
constexpr int kSameRequestMs = 20;

/// The signal that is waiting, or 0.
int take_signal(int signal_fd) {
  signalfd_siginfo info{};
  return read(signal_fd, &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
}

void drop_signals(int signal_fd) {
  while (take_signal(signal_fd) != 0) {
  }
}

}  // namespace

SignalWatcher::SignalWatcher(Callback callback) {
  const sigset_t signals = stop_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal_fd_ = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  stop_fd_ = eventfd(0, EFD_CLOEXEC);
  if (signal_fd_ < 0 || stop_fd_ < 0) {
    const int error = errno;
    if (signal_fd_ >= 0) close(signal_fd_);
    throw internal::no_room("cannot wait for signals", {error, std::generic_category()});
  }
  try {
    thread_ = internal::start_thread<std::thread>(
        "the thread that waits for signals",
        [this, call = std::move(callback)] { watch(signal_fd_, stop_fd_, call); });
  } catch (...) {
    close(signal_fd_);
    close(stop_fd_);
    throw;
  }
}

SignalWatcher::~SignalWatcher() {
  const std::uint64_t one = 1;
  // Cannot fail: the counter is nowhere near its end.
  [[maybe_unused]] const ssize_t written = write(stop_fd_, &one, sizeof one);
  thread_.join();
  drop_signals(signal_fd_);
  close(signal_fd_);
  close(stop_fd_);
  const sigset_t signals = stop_signals();
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

void SignalWatcher::watch(int signal_fd, int stop_fd, const Callback& callback) {
  std::array<pollfd, 2> wanted{{{signal_fd, POLLIN, 0}, {stop_fd, POLLIN, 0}}};
  for (int count = 1;;) {
    if (poll(wanted.data(), wanted.size(), -1) < 0) continue;  // EINTR
    if (wanted[1].revents != 0) return;
    const int signal = take_signal(signal_fd);
    if (signal == 0) continue;
    int none = 0;
    first_.compare_exchange_strong(none, signal);
    poll(&wanted[1], 1, kSameRequestMs);
    drop_signals(signal_fd);
    try {
      callback(signal, count++);
    } catch (...) {  // out of memory, or of threads: the process is to live on for all that
    }
  }
}

}  // namespace wq::cli
