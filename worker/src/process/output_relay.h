#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace wq::internal {

/// How the stderr of a child is passed on.
enum class StderrMode {
  lines,  ///< whole lines; as JSON where the log is
  raw,    ///< every byte at once, as it comes
};

/// Whose output it is, and how it is passed on.
struct OutputOrigin {
  StderrMode stderr_mode = StderrMode::lines;
  bool stdout_at_once = false;  ///< not in lines: it is the only writer
  /// Begin each line with the item, or the slot if there is none, and a tab; not in JSON, which has
  /// both.
  bool tag = false;
  unsigned slot = 0;
  std::optional<std::string_view> item{};  ///< borrowed; none for a process with many
};

/// Assembles whole lines from pieces. A line without an end after 64 KiB is split.
class LineBuffer {
 public:
  /// `exact`: nothing is added. Otherwise each piece of a longer line, and the last line, gets an
  /// end.
  explicit LineBuffer(bool exact) : exact_(exact) {}

  /// The lines that are whole by now.
  [[nodiscard]] std::string add(std::string_view bytes);
  /// Nothing more comes: the rest.
  [[nodiscard]] std::string end();

 private:
  bool exact_;
  std::string begun_;  // a line without its end
};

/// Passes on what one child writes to stderr. Not thread-safe.
class StderrRelay {
 public:
  explicit StderrRelay(const OutputOrigin& from = {});

  void add(std::string_view bytes);
  /// Nothing more comes.
  void end();

 private:
  void pass_on(const std::string& lines) const;

  OutputOrigin from_;
  std::string tag_;
  LineBuffer lines_{false};
};

/// Passes on what one child writes to stdout, byte for byte: at once, or in lines of which none is
/// within one of another relay. With a tag it is text: a last line without an end gets one. Not
/// thread-safe itself, but each thread may have one.
///
/// It never waits for the stdout of the worker, which may be a pipe without a reader for hours, so
/// that its owner can watch the child meanwhile.
class StdoutRelay {
 public:
  explicit StdoutRelay(const OutputOrigin& from);
  /// Drops what was not written.
  ~StdoutRelay();
  StdoutRelay(const StdoutRelay&) = delete;
  StdoutRelay& operator=(const StdoutRelay&) = delete;

  void add(std::string_view bytes);
  /// Nothing more comes.
  void end();

  /// There is something to `write`: when stdout has room, and before more is added.
  [[nodiscard]] bool is_full() const noexcept { return !ready_.empty(); }
  /// Writes as much as stdout takes now. Returns 0, or why it cannot be written at all, an
  /// `errno` value; then the rest is dropped. SIGPIPE must be ignored.
  [[nodiscard]] int write();

 private:
  const bool at_once_;
  const std::string tag_;
  LineBuffer lines_;
  std::string ready_;
};

}  // namespace wq::internal
