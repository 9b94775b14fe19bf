#pragma once

#include <array>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/unique_fd.h"
#include "support/temporary_folder.h"

// What tests that start processes share.
namespace wq::internal {

/// How a child that inherits nothing can tell the test something: it opens `path` and writes.
class Channel {
 public:
  Channel() {
    std::array<int, 2> fds{};
    if (::pipe2(fds.data(), O_CLOEXEC) != 0) throw std::runtime_error("cannot make a pipe");
    read_ = UniqueFd(fds[0]);
    write_ = UniqueFd(fds[1]);
    path_ = "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(write_.get());
  }

  [[nodiscard]] const std::string& path() const { return path_; }

  /// Waits for a line and returns it without its end.
  [[nodiscard]] std::string line() const {
    std::string line;
    for (char next = 0;;) {
      pollfd ready{.fd = read_.get(), .events = POLLIN, .revents = 0};
      if (::poll(&ready, 1, 60'000) != 1 || ::read(read_.get(), &next, 1) != 1) {
        throw std::runtime_error("nothing came within a minute");
      }
      if (next == '\n') return line;
      line += next;
    }
  }

  [[nodiscard]] pid_t number() const { return static_cast<pid_t>(std::stol(line())); }

 private:
  UniqueFd read_;
  UniqueFd write_;
  std::string path_;
};

/// While it lives no file may grow, so that there is no room for an item on stdin. (With no room
/// for descriptors instead, sanitizers would stumble.)
class NoRoomForFiles {
 public:
  NoRoomForFiles() : signal_before_(::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit none = before_;
    none.rlim_cur = 0;
    ::setrlimit(RLIMIT_FSIZE, &none);
  }
  ~NoRoomForFiles() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    ::signal(SIGXFSZ, signal_before_);
  }
  NoRoomForFiles(const NoRoomForFiles&) = delete;
  NoRoomForFiles& operator=(const NoRoomForFiles&) = delete;

 private:
  sighandler_t signal_before_;
  rlimit before_{};
};

/// A file that is a program if it is executable.
inline std::string program_file(const test::TemporaryFolder& folder, const std::string& name,
                                std::string_view text, bool executable = true) {
  std::string path = folder.file(name, text);
  ::chmod(path.c_str(), executable ? 0755 : 0644);
  return path;
}

/// Every byte there is, in an order without a pattern.
inline std::string binary_bytes(std::size_t size) {
  std::string bytes(size, '\0');
  std::uint32_t state = 1;
  for (char& byte : bytes) {
    state = state * 1'664'525 + 1'013'904'223;
    byte = static_cast<char>(state >> 24);
  }
  return bytes;
}

/// For the forked process of an EXPECT_EXIT: ends it, with 0 if all is as it should be.
[[noreturn]] inline void end_with(bool all_well) { std::_Exit(all_well ? 0 : 1); }

}  // namespace wq::internal
