#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"

namespace wq::test {

/// A real pseudo-terminal, and what a user would see in its window. Give `slave` to a process (see
/// `ProcessOptions::terminal`). Not thread-safe; what was written is read when it is asked for.
class Terminal {
 public:
  explicit Terminal(unsigned columns, unsigned rows = 24);

  [[nodiscard]] int slave() const noexcept { return slave_.get(); }

  /// As if the user did: the process gets SIGWINCH. Lines are cut, not wrapped anew.
  void resize(unsigned columns);
  /// As if the user typed it; "\x03" is Ctrl-C.
  void type(std::string_view keys);

  /// All bytes written so far.
  [[nodiscard]] const std::string& bytes();
  /// The lines in the window, without spaces at their ends, from the top down to the last that is
  /// not empty. Lines that were scrolled off the top are still there.
  [[nodiscard]] std::vector<std::string> screen();
  /// The same with line ends.
  [[nodiscard]] std::string text();
  /// Waits until the window shows the text.
  void wait_for(std::string_view wanted);

  /// The modes of the terminal (stty): the same bytes, the same modes.
  [[nodiscard]] std::string modes() const;

 private:
  void read_all();
  void show(std::string_view bytes);
  void escape(std::string_view sequence);
  std::string& line();

  internal::UniqueFd master_;
  internal::UniqueFd slave_;
  unsigned columns_;
  unsigned rows_;
  std::string bytes_;
  std::string unfinished_;  // the beginning of an escape sequence
  std::vector<std::string> lines_{1};
  std::size_t row_ = 0;
  std::size_t column_ = 0;
};

}  // namespace wq::test
