#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "cli/terminal.h"

namespace wq::cli {

/// One line at the bottom of a terminal that shows how far something is, redrawn ten times a
/// second at most. Where standard error is no terminal it draws nothing.
///
/// Not thread-safe; one at a time.
class ProgressLine {
 public:
  explicit ProgressLine(std::string verb);  ///< "pushed"
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  /// Cheap enough for every item. `fraction`: the part of the whole that is done, if known.
  void update(std::uint64_t items, std::optional<double> fraction);

  /// True if the line is due to be drawn again; for a caller to whom `fraction` has a cost.
  [[nodiscard]] bool due() noexcept;

 private:
  const std::string verb_;
  const bool enabled_;
  LiveText live_{stderr};
  const std::chrono::steady_clock::time_point begin_;
  std::chrono::steady_clock::time_point drawn_;
  std::uint64_t calls_ = 0;
};

/// The text of the line, such as `pushed 12000 items, 60000/s [=====>    ] 48%`; where that does
/// not fit, the bar is shorter or missing.
[[nodiscard]] std::string progress_text(const std::string& verb, std::uint64_t items,
                                        double seconds, std::optional<double> fraction,
                                        std::size_t columns);

/// `[=====>    ]` with so many columns; empty if they are too few for a bar.
[[nodiscard]] std::string bar_text(double fraction, std::size_t columns);

}  // namespace wq::cli
