#pragma once

#include <span>
#include <string>
#include <string_view>

namespace wq::internal {

/// The words as one line that bash, ksh and zsh read as these words again. A word with control
/// characters is written as $'...'.
[[nodiscard]] std::string shell_line(std::span<const std::string> words);
[[nodiscard]] std::string shell_word(std::string_view word);

}  // namespace wq::internal
