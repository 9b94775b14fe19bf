#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace wq::internal {

/// How what a child writes to stderr comes out of ours.
enum class StderrMode {
  lines,  ///< whole lines; as JSON where the log is
  raw,    ///< every byte at once, as it comes
};

/// Whose stderr it is.
struct StderrOrigin {
  StderrMode mode = StderrMode::lines;
  unsigned slot = 0;
  std::optional<std::string_view> item{};  ///< borrowed; none for a process with many
};

/// Passes on what one child writes to stderr. Not thread-safe.
class StderrRelay {
 public:
  explicit StderrRelay(StderrOrigin from = {}) : from_(from) {}

  void add(std::string_view bytes);
  /// Nothing more comes: a line without an end gets one.
  void end();

 private:
  StderrOrigin from_;
  std::string begun_;  // a line without its end
};

}  // namespace wq::internal
