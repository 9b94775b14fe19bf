#include "wq-push/input.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/start_thread.h"
#include "cli/options.h"
#include "wq-push/item_source.h"

namespace wq::push {

namespace {

constexpr const char* kStandardInput = "-";

}  // namespace

InputWait::InputWait(std::stop_token stop, std::function<void()> idle)
    : stop_(std::move(stop)),
      idle_(std::move(idle)),
      wake_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!wake_fd_) internal::throw_errno("cannot wait for input");
  on_stop_.emplace(stop_, [this] {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(wake_fd_.get(), &one, sizeof one);
  });
}

bool InputWait::until_readable(int fd) {
  std::array<pollfd, 2> wanted{{{fd, POLLIN, 0}, {wake_fd_.get(), POLLIN, 0}}};
  int timeout_ms = 0;
  while (!stop_.stop_requested()) {
    const int ready = poll(wanted.data(), wanted.size(), timeout_ms);
    if (ready > 0 && wanted[1].revents == 0) return true;
    if (ready == 0) {
      idle_();
      timeout_ms = -1;
    }
  }
  return false;
}

Input::Input(const std::string& path, InputWait& wait)
    : name_(path == kStandardInput ? "standard input" : path),
      wait_(wait),
      file_(path == kStandardInput ? -1 : open(path.c_str(), O_RDONLY | O_CLOEXEC)),
      fd_(path == kStandardInput ? STDIN_FILENO : file_.get()) {
  if (fd_ < 0) throw InputError("cannot open '" + name_ + "': " + std::strerror(errno));
}

std::string_view Input::read() {
  while (wait_.until_readable(fd_)) {
    const ssize_t n = ::read(fd_, buffer_.data(), buffer_.size());
    if (n >= 0) {
      read_bytes_ += static_cast<std::uint64_t>(n);
      return {buffer_.data(), static_cast<std::size_t>(n)};
    }
    if (errno != EINTR && errno != EAGAIN) throw InputError(std::strerror(errno));
  }
  return {};
}

std::optional<std::uint64_t> Input::size() const {
  struct stat status {};
  if (fstat(fd_, &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  return static_cast<std::uint64_t>(status.st_size);
}

std::optional<double> Input::fraction() const {
  const auto bytes = size();
  if (!bytes || *bytes == 0) return std::nullopt;
  return static_cast<double>(read_bytes_) / static_cast<double>(*bytes);
}

void check_readable(const std::string& path) {
  struct stat status {};
  int error = 0;
  if (stat(path.c_str(), &status) != 0 || access(path.c_str(), R_OK) != 0) {
    error = errno;
  } else if (S_ISDIR(status.st_mode)) {
    error = EISDIR;
  }
  if (error != 0) throw cli::UsageError("cannot read '" + path + "': " + std::strerror(error));
}

}  // namespace wq::push
