#include "process/output_relay.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <condition_variable>
#include <mutex>
#include <utility>

#include <poll.h>
#include <unistd.h>

#include "cli/log.h"
#include "cli/output.h"

namespace wq::internal {
namespace {

// A longer line is split.
constexpr std::size_t kLongestLine = std::size_t{64} << 10U;
constexpr std::size_t kLongestTag = 200;

// Where to cut: no more than the longest line, and not within a UTF-8 character, of which only the
// beginning may have been read.
std::size_t cut_of(std::string_view line) {
  const auto continues = [&line](std::size_t at) {
    return (static_cast<unsigned char>(line[at]) & 0xc0U) == 0x80U;
  };
  std::size_t cut = kLongestLine;
  for (int back = 0; back < 3 && continues(cut); ++back) --cut;
  return continues(cut) ? kLongestLine : cut;
}

std::string tag_of(const OutputOrigin& from) {
  if (!from.tag) return "";
  return (from.item ? cli::bytes_text(*from.item, kLongestTag)
                    : "slot " + std::to_string(from.slot)) +
         '\t';
}

std::string tagged(const std::string& tag, std::string lines) {
  if (tag.empty()) return lines;
  std::string text;
  for (std::string_view rest = lines; !rest.empty();) {
    const std::size_t size = rest.find('\n') + 1;
    text.append(tag).append(rest.substr(0, size));
    rest.remove_prefix(size);
  }
  return text;
}

struct OurStdout {
  std::mutex mutex;
  const StdoutRelay* within = nullptr;  // whose line is written in part
  std::condition_variable is_free;
};

OurStdout& our_stdout() {
  static OurStdout out;
  return out;
}

bool stdout_has_room() {
  pollfd room{.fd = STDOUT_FILENO, .events = POLLOUT, .revents = 0};
  return ::poll(&room, 1, 0) > 0;
}

// As much as a pipe takes at once when it has room; of whole lines, so that nothing of another
// process comes in between.
std::size_t bytes_of_one_write(std::string_view text) {
  const std::size_t last = text.substr(0, PIPE_BUF).rfind('\n');
  return last != std::string_view::npos ? last + 1 : std::min<std::size_t>(text.size(), PIPE_BUF);
}

}  // namespace

std::string LineBuffer::add(std::string_view bytes) {
  const std::size_t whole = bytes.rfind('\n') + 1;
  std::string lines;
  if (whole > 0) lines = std::exchange(begun_, {}).append(bytes.substr(0, whole));
  begun_ += bytes.substr(whole);
  while (begun_.size() > kLongestLine) {
    const std::size_t cut = cut_of(begun_);
    lines.append(begun_, 0, cut);
    if (!exact_) lines += '\n';
    begun_.erase(0, cut);
  }
  return lines;
}

std::string LineBuffer::end() {
  if (!exact_ && !begun_.empty()) begun_ += '\n';
  return std::exchange(begun_, {});
}

StderrRelay::StderrRelay(const OutputOrigin& from)
    : from_(from), tag_(cli::log_is_json() ? "" : tag_of(from)) {}

void StderrRelay::add(std::string_view bytes) {
  if (from_.stderr_mode == StderrMode::raw) {
    cli::pass_on_raw(bytes);
  } else {
    pass_on(lines_.add(bytes));
  }
}

void StderrRelay::end() { pass_on(lines_.end()); }

void StderrRelay::pass_on(const std::string& lines) const {
  if (!lines.empty()) cli::pass_on({from_.slot, from_.item}, tagged(tag_, lines));
}

StdoutRelay::StdoutRelay(const OutputOrigin& from)
    : at_once_(from.stdout_at_once && !from.tag), tag_(tag_of(from)), lines_(!from.tag) {}

StdoutRelay::~StdoutRelay() {
  if (ready_.empty()) return;
  OurStdout& out = our_stdout();
  const std::lock_guard lock(out.mutex);
  if (out.within == this) out.within = nullptr;
}

void StdoutRelay::add(std::string_view bytes) {
  if (at_once_) {
    ready_ += bytes;
  } else {
    ready_ += tagged(tag_, lines_.add(bytes));
  }
}

void StdoutRelay::end() { ready_ += tagged(tag_, lines_.end()); }

int StdoutRelay::write() {
  OurStdout& out = our_stdout();
  std::unique_lock lock(out.mutex);
  // Stdout has room then, so that who polls for that would come back at once.
  constexpr std::chrono::milliseconds kTurn{10};
  if (!out.is_free.wait_for(lock, kTurn, [&] { return !out.within || out.within == this; })) {
    return 0;
  }
  int error = 0;
  std::string_view rest = ready_;
  while (!rest.empty() && error == 0 && stdout_has_room()) {
    const ssize_t size = ::write(STDOUT_FILENO, rest.data(), bytes_of_one_write(rest));
    if (size >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(size));
    } else if (errno != EINTR && errno != EAGAIN) {
      error = errno;
    }
  }
  const std::size_t written = ready_.size() - rest.size();
  if (error != 0) {
    ready_.clear();
  } else {
    if (written > 0) out.within = rest.empty() || ready_[written - 1] == '\n' ? nullptr : this;
    ready_.erase(0, written);
  }
  if (ready_.empty()) out.within = nullptr;
  if (out.within == nullptr) out.is_free.notify_all();
  return error;
}

}  // namespace wq::internal
