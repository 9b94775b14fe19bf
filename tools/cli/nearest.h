#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wq::cli {

/// The candidate that whoever typed `word` most likely meant: one that it begins, or one that is a
/// few slips of the finger away (a letter missing, added, changed, or two swapped). None when all
/// are too far. Thread-safe.
[[nodiscard]] std::optional<std::string> nearest(std::string_view word,
                                                 const std::vector<std::string>& candidates);

/// Up to `most` of the candidates, those first that `word` most likely means; the far ones are
/// among them. Thread-safe.
[[nodiscard]] std::vector<std::string> nearest_first(std::string_view word,
                                                     std::vector<std::string> candidates,
                                                     std::size_t most);

/// ", did you mean 'X'?" for a message, or an empty text when none is near.
[[nodiscard]] std::string did_you_mean(std::string_view word,
                                       const std::vector<std::string>& candidates,
                                       std::string_view prefix = "");

}  // namespace wq::cli
