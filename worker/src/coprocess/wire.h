#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <wq/lease.h>

// The lines between a worker and its coprocess; docs/coprocess.md is the manual. Pure.
namespace wq::internal {

inline constexpr int kCoprocessVersion = 1;

/// The greeting to a coprocess.
struct CoprocessHello {
  std::string queue;  ///< of all items; empty: not sent
  std::string session;
  unsigned slot = 0;
  std::size_t batch = 1;        ///< most items of a line
  std::uint64_t max_items = 0;  ///< of one process; 0: no limit, not sent
};

/// Each with its line end.
[[nodiscard]] std::string hello_line(const CoprocessHello& hello);
/// The items, all of one queue, have the ids `first_id`, `first_id + 1`, ...
[[nodiscard]] std::string batch_line(std::string_view queue, std::uint64_t first_id,
                                     const std::vector<const Lease*>& items);

/// The answer of a coprocess for one item.
struct CoprocessAnswer {
  std::uint64_t id = 0;
  /// For the next attempt. Where there is an outcome it is in that.
  std::optional<std::string> checkpoint;
  /// The outcome; nothing: still in progress. The line does not say how its totals are reduced.
  std::optional<Outcome> outcome;
};

struct CoprocessLine {
  bool ready = false;  ///< it answers our hello
  std::vector<CoprocessAnswer> answers;
};

/// An invalid line of a coprocess. `what()` has the reason, without the line.
class BadLine : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Reads a line without its end. Throws `BadLine`.
[[nodiscard]] CoprocessLine read_coprocess_line(std::string_view line);

}  // namespace wq::internal
