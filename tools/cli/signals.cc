#include "cli/signals.h"

#include <array>
#include <cerrno>
#include <cstdint>
#include <utility>

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/start_thread.h"
#include "base/wait.h"
#include "cli/terminal.h"

namespace wq::cli {

namespace {

const sigset_t kStopSignals = [] {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}();

// One request to stop may come as two signals: timeout(1), and a terminal whose foreground program
// passes signals on, send them to a process and to its group. A second signal within this time is
// the same request.
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

void StopSignals::start() {
  signal_fd_ = internal::UniqueFd(signalfd(-1, &kStopSignals, SFD_CLOEXEC | SFD_NONBLOCK));
  stop_fd_ = internal::UniqueFd(eventfd(0, EFD_CLOEXEC));
  if (!signal_fd_ || !stop_fd_) internal::throw_errno("cannot wait for signals");
  thread_ =
      internal::start_thread<std::thread>("the thread that waits for signals", [this] { watch(); });
}

void StopSignals::stop() {
  const std::uint64_t one = 1;
  // Cannot fail: the counter is nowhere near its end.
  [[maybe_unused]] const ssize_t written = write(stop_fd_.get(), &one, sizeof one);
  thread_.join();
  drop_signals(signal_fd_.get());
  signal_fd_.reset();
  stop_fd_.reset();
  pthread_sigmask(SIG_UNBLOCK, &kStopSignals, nullptr);
}

void StopSignals::add(SignalWatcher& watcher) {
  pthread_sigmask(SIG_BLOCK, &kStopSignals, nullptr);
  const std::lock_guard alive(life_);
  if (!thread_.joinable()) start();
  const std::lock_guard lock(calling_);
  watchers_.push_back(&watcher);
}

void StopSignals::remove(SignalWatcher& watcher) {
  const std::lock_guard alive(life_);
  bool last = false;
  {
    const std::lock_guard lock(calling_);
    std::erase(watchers_, &watcher);
    last = watchers_.empty();
  }
  if (last) stop();
}

void StopSignals::watch() {
  std::array<pollfd, 2> wanted{{{signal_fd_.get(), POLLIN, 0}, {stop_fd_.get(), POLLIN, 0}}};
  for (;;) {
    if (poll(wanted.data(), wanted.size(), -1) < 0) continue;  // EINTR
    if (wanted[1].revents != 0) return;
    const int signal = take_signal(signal_fd_.get());
    if (signal == 0) continue;
    const auto for_each = [this](const auto& call) {
      const std::lock_guard lock(calling_);
      for (SignalWatcher* watcher : watchers_) call(*watcher);
    };
    for_each([signal](SignalWatcher& watcher) {
      int none = 0;
      watcher.first_.compare_exchange_strong(none, signal);
    });
    poll(&wanted[1], 1, kSameRequestMs);
    drop_signals(signal_fd_.get());
    for_each([signal](SignalWatcher& watcher) {
      try {
        watcher.callback_(signal, ++watcher.count_);
      } catch (...) {  // out of memory, or of threads: the process is to live on for all that
      }
    });
  }
}

SignalWatcher::SignalWatcher(StopSignals& signals, Callback callback)
    : signals_(signals), callback_(std::move(callback)) {
  signals_.add(*this);
}

SignalWatcher::~SignalWatcher() { signals_.remove(*this); }

StopRequest::StopRequest(StopSignals& signals)
    : signals_(signals, [this](int signal, int count) {
        source_.request_stop();
        if (count == 1) return;
        leave_live_text();
        _exit(static_cast<int>(exit_code_for_signal(signal)));
      }) {}

ExitCode StopRequest::exit_code(ExitCode otherwise) const noexcept {
  return signals_.first() == 0 ? otherwise : exit_code_for_signal(signals_.first());
}

void StopRequest::wait_for(std::chrono::milliseconds time) const {
  internal::wait_for(time, token());
}

}  // namespace wq::cli
