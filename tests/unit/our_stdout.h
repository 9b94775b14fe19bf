#pragma once

#include <array>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <stdexcept>
#include <string>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/unique_fd.h"

namespace wq::test {

/// While it lives our stdout is a pipe of 64 KiB, and SIGPIPE is ignored.
class OurStdout {
 public:
  OurStdout() : signal_before_(::signal(SIGPIPE, SIG_IGN)) {
    std::fflush(stdout);
    std::array<int, 2> fds{};
    before_ = internal::UniqueFd(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
    if (::pipe2(fds.data(), O_CLOEXEC) != 0) throw std::runtime_error("cannot make a pipe");
    read_ = internal::UniqueFd(fds[0]);
    const internal::UniqueFd write(fds[1]);
    ::fcntl(write.get(), F_SETPIPE_SZ, 65'536);
    ::dup2(write.get(), STDOUT_FILENO);
  }
  ~OurStdout() {
    ::dup2(before_.get(), STDOUT_FILENO);
    ::signal(SIGPIPE, signal_before_);
  }
  OurStdout(const OurStdout&) = delete;
  OurStdout& operator=(const OurStdout&) = delete;

  void close_reader() const { read_.reset(); }

  /// Waits for so many bytes.
  std::string read(std::size_t size) const {
    std::string bytes(size, '\0');
    for (std::size_t at = 0; at < size;) {
      pollfd ready{.fd = read_.get(), .events = POLLIN, .revents = 0};
      if (::poll(&ready, 1, 60'000) != 1) throw std::runtime_error("nothing came within a minute");
      const ssize_t got = ::read(read_.get(), bytes.data() + at, size - at);
      if (got <= 0) throw std::runtime_error("stdout has ended");
      at += static_cast<std::size_t>(got);
    }
    return bytes;
  }

  void wait_until_full() const {
    for (pollfd room{.fd = STDOUT_FILENO, .events = POLLOUT, .revents = 0};
         ::poll(&room, 1, 0) > 0;) {
      ::poll(nullptr, 0, 1);
    }
  }

 private:
  sighandler_t signal_before_;
  internal::UniqueFd before_;
  mutable internal::UniqueFd read_;
};

}  // namespace wq::test
