#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wq::cli {

/// The most likely candidate for a misspelt `word`: `word` is its beginning, or a few typos away (a
/// letter missing, added, changed, or two swapped). None if all are too far. Thread-safe.
[[nodiscard]] std::optional<std::string> nearest(std::string_view word,
                                                 const std::vector<std::string>& candidates);

/// Up to `most` of the candidates, the most likely ones first, distant ones
/// included. Thread-safe.
[[nodiscard]] std::vector<std::string> nearest_first(std::string_view word,
                                                     std::vector<std::string> candidates,
                                                     std::size_t most);

/// ", did you mean 'X'?" for a message, or an empty text when none is near.
[[nodiscard]] std::string did_you_mean(std::string_view word,
                                       const std::vector<std::string>& candidates,
                                       std::string_view prefix = "");

}  // namespace wq::cli
