#include "cli/terminal.h"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <cwchar>
#include <mutex>

#include <fmt/format.h>
#include <locale.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/printable.h"
#include "base/whole_number.h"

namespace wq::cli {

namespace {

constexpr unsigned kUsualColumns = 80;
constexpr unsigned kUsualLines = 24;

std::atomic<bool> g_resized{false};
static_assert(std::atomic<bool>::is_always_lock_free, "it is set by a signal handler");

/// The lines at the bottom of the terminal.
struct Drawn {
  std::mutex mutex;
  std::FILE* stream = nullptr;
  std::size_t lines = 0;
};

Drawn& drawn() {
  static Drawn instance;
  return instance;
}

/// Back to where the first line begins, and everything below it is removed.
std::string erasing(std::size_t lines) {
  if (lines == 0) return "";
  return (lines > 1 ? fmt::format("\r\x1b[{}A", lines - 1) : std::string("\r")) + "\x1b[J";
}

void put(std::FILE* stream, std::string_view text) noexcept {
  // One write: half a frame would be seen.
  std::fwrite(text.data(), 1, text.size(), stream);
  std::fflush(stream);
}

void clear_locked(Drawn& state) noexcept {
  if (state.lines > 0) put(state.stream, erasing(state.lines));
  state.lines = 0;
}

void leave_locked(Drawn& state) noexcept {
  if (state.lines > 0) put(state.stream, "\n");
  state.lines = 0;
}

bool is_set(const char* name) noexcept {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

unsigned size_of(int fd, const char* variable, unsigned short winsize::*member,
                 unsigned usual) noexcept {
  if (const char* value = std::getenv(variable); value != nullptr) {
    const unsigned n = internal::whole_number<unsigned>(value).value_or(0);
    if (n > 0) return n;
  }
  winsize size{};
  if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.*member > 0) return size.*member;
  return usual;
}

/// While it lives `wcwidth` knows all of Unicode, in this thread alone: the program's own locale
/// stays unchanged, and may be C.
class UnicodeWidths {
 public:
  UnicodeWidths() : before_(locale() == nullptr ? nullptr : uselocale(locale())) {}
  ~UnicodeWidths() {
    if (before_ != nullptr) uselocale(before_);
  }
  UnicodeWidths(const UnicodeWidths&) = delete;
  UnicodeWidths& operator=(const UnicodeWidths&) = delete;

  /// One column for an invalid byte: terminals show a replacement for it.
  [[nodiscard]] static unsigned of(std::string_view character) {
    if (character.size() == 1) return 1;
    const char32_t code = internal::code_point(character);
    const int width = locale() == nullptr ? -1 : ::wcwidth(static_cast<wchar_t>(code));
    return width >= 0 ? static_cast<unsigned>(width) : 2U;
  }

 private:
  /// C.UTF-8 is part of the C library, so every supported system has it.
  static locale_t locale() {
    static const locale_t instance = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    return instance;
  }

  const locale_t before_;
};

/// The character that begins at `at`. An invalid byte counts as a character.
std::string_view character(std::string_view text, std::size_t at) {
  return text.substr(at, std::max<std::size_t>(1, internal::character_length(text.substr(at))));
}

}  // namespace

bool is_live_terminal(int fd) noexcept {
  const char* term = std::getenv("TERM");
  return isatty(fd) == 1 && (term == nullptr || std::strcmp(term, "dumb") != 0);
}

bool wants_colour(int fd) noexcept { return is_live_terminal(fd) && !is_set("NO_COLOR"); }

unsigned terminal_columns(int fd) noexcept {
  return size_of(fd, "COLUMNS", &winsize::ws_col, kUsualColumns);
}

unsigned terminal_lines(int fd) noexcept {
  return size_of(fd, "LINES", &winsize::ws_row, kUsualLines);
}

void watch_for_resizes() noexcept {
  struct sigaction action {};
  action.sa_handler = [](int) { g_resized = true; };
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGWINCH, &action, nullptr);
}

bool take_resize() noexcept { return g_resized.exchange(false); }

std::size_t columns_of(std::string_view text) {
  const UnicodeWidths widths;
  std::size_t columns = 0;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == '\x1b') {
      at = std::min(text.find('m', at), text.size() - 1) + 1;
      continue;
    }
    const std::string_view next = character(text, at);
    columns += UnicodeWidths::of(next);
    at += next.size();
  }
  return columns;
}

std::string fit(std::string_view text, std::size_t columns) {
  if (columns_of(text) <= columns) return std::string(text);
  const UnicodeWidths widths;
  const std::string_view dots = columns > 6 ? "..." : "";
  std::size_t used = dots.size();
  std::size_t at = 0;
  while (at < text.size()) {
    const std::string_view next = character(text, at);
    used += UnicodeWidths::of(next);
    if (used > columns) break;
    at += next.size();
  }
  return std::string(text.substr(0, at)).append(dots);
}

std::string padded(std::string text, std::size_t columns) {
  const std::size_t used = columns_of(text);
  if (used < columns) text.append(columns - used, ' ');
  return text;
}

LiveText::~LiveText() {
  Drawn& state = drawn();
  const std::lock_guard lock(state.mutex);
  leave_locked(state);
}

void LiveText::draw(std::span<const std::string> lines) {
  Drawn& state = drawn();
  const std::lock_guard lock(state.mutex);
  // Lines scrolled off the top could not be overwritten.
  lines = lines.first(std::min<std::size_t>(lines.size(), terminal_lines(fileno(stream_))));
  std::string text = erasing(state.lines);
  for (std::size_t i = 0; i < lines.size(); ++i) text += (i > 0 ? "\n" : "") + lines[i];
  put(stream_, text);
  state.stream = stream_;
  state.lines = lines.size();
}

void LiveText::wipe() noexcept { clear_live_text(); }

void clear_live_text() noexcept {
  Drawn& state = drawn();
  const std::lock_guard lock(state.mutex);
  clear_locked(state);
}

void write_without_live_text(const std::function<void()>& write) {
  Drawn& state = drawn();
  const std::lock_guard lock(state.mutex);
  clear_locked(state);
  write();
}

void leave_live_text() noexcept {
  Drawn& state = drawn();
  const std::unique_lock lock(state.mutex, std::try_to_lock);
  if (lock) leave_locked(state);
}

}  // namespace wq::cli
