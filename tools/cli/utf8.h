#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace wq::cli {

/// How many bytes the UTF-8 character at the front of the text has; 0 if there is none.
[[nodiscard]] std::size_t character_length(std::string_view text);

/// True for a character that does something to a terminal instead of being shown: U+0000 to U+001F
/// and U+007F to U+009F. To many terminals U+009B is what ESC [ is.
[[nodiscard]] bool is_control(std::string_view character);

/// JSON in one line, with the control characters that it may have in strings as `\u009b`.
[[nodiscard]] std::string escape_controls(std::string_view json);

}  // namespace wq::cli
