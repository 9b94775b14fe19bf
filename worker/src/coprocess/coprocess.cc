#include "coprocess/coprocess.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace wq::internal {
namespace {

using std::chrono::milliseconds;

// So that a batch is in the pipe while another one is computed. Not had is not missed.
constexpr int kPipeBytes = 1 << 20;
// A process that ends closes its pipes a little earlier.
constexpr milliseconds kEndsAfterClosing{1'000};
constexpr milliseconds kGroupCheck{1};

}  // namespace

int Coprocess::start() {
  Pipe in = pipe_to_child();
  Pipe out = pipe_from_child();
  const UniqueFd err = stderr_.open(spec_.origin);
  for (const Pipe* pipe : {&in, &out}) ::fcntl(pipe->ours.get(), F_SETPIPE_SZ, kPipeBytes);
  stdin_ = std::move(in.ours);
  stdout_ = std::move(out.ours);
  return child_.start(spec_, in.childs.get(), out.childs.get(), err.get());
}

void Coprocess::send(std::string_view line) {
  unsent_ += line;
  write_some();
}

bool Coprocess::wait(int wake_fd, Clock::time_point until, const OnLine& on_line) {
  std::array<pollfd, 5> fds{};
  fds[0] = {.fd = child_.pidfd(), .events = POLLIN, .revents = 0};
  fds[1] = {.fd = wake_fd, .events = POLLIN, .revents = 0};
  fds[2] = {.fd = stdout_.get(), .events = POLLIN, .revents = 0};
  fds[3] = {.fd = stderr_.fd(), .events = POLLIN, .revents = 0};
  fds[4] = {.fd = unsent_.empty() ? -1 : stdin_.get(), .events = POLLOUT, .revents = 0};
  const int timeout_ms = milliseconds_until(std::min({until, ask_at_, kill_at_}));
  if (::poll(fds.data(), fds.size(), timeout_ms) > 0) {
    if (fds[3].revents != 0) stderr_.read();
    if (fds[2].revents != 0) read_some(on_line);
    if (fds[4].revents != 0) write_some();
  }
  if (fds[0].revents != 0) {
    // Not until the end: another process may hold the other side for ever.
    read_waiting(stdout_, [&] { return read_some(on_line); });
    return false;
  }
  end_if_due();
  return true;
}

void Coprocess::ask_to_end() {
  if (asked_to_end_) return;
  asked_to_end_ = true;
  child_.signal_group(SIGTERM);
  ask_at_ = Clock::time_point::max();
  kill_at_ = Clock::now() + spec_.kill_delay;
}

void Coprocess::send_no_more() {
  no_more_ = true;
  write_some();
}

void Coprocess::close_stdin() {
  stdin_.reset();
  unsent_.clear();
  ask_at_ = std::min(ask_at_, Clock::now() + spec_.kill_delay);
}

ChildResult Coprocess::end() {
  ChildResult result;
  child_.signal_group(SIGKILL);
  child_.collect(result);
  while (child_.collect_group(true, result)) {
    ::poll(nullptr, 0, static_cast<int>(kGroupCheck.count()));
  }
  stderr_.drain();
  result.stderr_tail = stderr_.take_tail();
  return result;
}

std::string_view Coprocess::too_long_line() const noexcept {
  return too_long_ ? std::string_view(unread_) : std::string_view();
}

void Coprocess::write_some() {
  while (stdin_ && sent_ < unsent_.size()) {
    const ssize_t size = ::write(stdin_.get(), unsent_.data() + sent_, unsent_.size() - sent_);
    if (size >= 0) {
      sent_ += static_cast<std::size_t>(size);
    } else if (errno == EAGAIN) {
      return;
    } else if (errno != EINTR) {
      stdin_.reset();
      other_side_closed();
    }
  }
  unsent_.clear();
  sent_ = 0;
  if (no_more_) stdin_.reset();
}

std::size_t Coprocess::read_some(const OnLine& on_line) {
  const std::size_t size = read_pipe(stdout_, unread_);
  if (!stdout_) other_side_closed();
  std::size_t begin = 0;
  for (std::size_t end = 0; (end = unread_.find('\n', seen_)) != std::string::npos;) {
    ++lines_;
    on_line(std::string_view(unread_).substr(begin, end - begin));
    begin = seen_ = end + 1;
  }
  unread_.erase(0, begin);
  seen_ = unread_.size();
  if (unread_.size() > max_line_bytes_) {
    too_long_ = true;
    stdout_.reset();
  }
  return size;
}

void Coprocess::other_side_closed() {
  closed_ = true;
  ask_at_ = std::min(ask_at_, Clock::now() + kEndsAfterClosing);
}

void Coprocess::end_if_due() {
  const auto now = Clock::now();
  if (!asked_to_end_ && now >= ask_at_) {
    asked_since_closed_ = closed_;
    ask_to_end();
  }
  if (killed_ || now < kill_at_) return;
  child_.signal_group(SIGKILL);
  killed_ = true;
  kill_at_ = Clock::time_point::max();
}

}  // namespace wq::internal
