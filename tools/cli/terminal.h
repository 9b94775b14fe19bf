#pragma once

#include <cstddef>
#include <cstdio>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace wq::cli {

/// True if the stream is a terminal that can do more than print lines ($TERM is not "dumb").
[[nodiscard]] bool is_live_terminal(int fd) noexcept;

/// True if output there may be coloured: a terminal, and $NO_COLOR is not set or empty.
[[nodiscard]] bool wants_colour(int fd) noexcept;

/// How many columns the terminal has: $COLUMNS if it says so, else what the terminal says, else 80.
[[nodiscard]] unsigned terminal_columns(int fd) noexcept;

/// How many lines, likewise ($LINES, else 24).
[[nodiscard]] unsigned terminal_lines(int fd) noexcept;

/// From now on `take_resize` tells whether the window was resized (SIGWINCH) since it was last
/// called.
void watch_for_resizes() noexcept;
[[nodiscard]] bool take_resize() noexcept;

/// How many columns a text takes on a terminal that shows UTF-8, escape sequences for colours not
/// counted, whatever the locale is. Two for characters that are not known. Thread-safe.
[[nodiscard]] std::size_t columns_of(std::string_view text);

/// As much of a text without colours as fits, with "..." in place of the rest if there is room.
[[nodiscard]] std::string fit(std::string_view text, std::size_t columns);

/// The text, padded with blanks to so many columns.
[[nodiscard]] std::string padded(std::string text, std::size_t columns);

/// Some lines at the bottom of a terminal that are drawn again and again in the same place. Nothing
/// of the terminal's state is changed: whatever ends the program, the last lines just stay.
///
/// One at a time in a program. `draw` and `wipe` are called by one thread; `clear_live_text` may
/// be by any.
class LiveText {
 public:
  explicit LiveText(std::FILE* stream) : stream_(stream) {}
  /// The last text stays.
  ~LiveText();
  LiveText(const LiveText&) = delete;
  LiveText& operator=(const LiveText&) = delete;

  /// In place of what was drawn last: as many lines, from the first on, as the terminal has. They
  /// should be shorter than it is wide.
  void draw(std::span<const std::string> lines);
  /// Removes what was drawn last.
  void wipe() noexcept;

 private:
  std::FILE* stream_;
};

/// Removes the live text, if there is any, so that something else can be written there; it is
/// drawn again below. Thread-safe.
void clear_live_text() noexcept;
/// The same, and nothing is drawn while `write` runs, which must not draw itself.
void write_without_live_text(const std::function<void()>& write);

/// Ends the line in which the live text ends, for a program that leaves without destructors; what
/// was drawn stays. Does not wait for a thread that is drawing. Thread-safe.
void leave_live_text() noexcept;

}  // namespace wq::cli
