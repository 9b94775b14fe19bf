#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace wq::internal {

// Escapes text for a terminal. All programs use these functions.

/// How many bytes the UTF-8 character at the front of the text has; 0 if the text begins with none.
[[nodiscard]] std::size_t character_length(std::string_view text);

/// The number of a character; `character_length` must have found one.
[[nodiscard]] char32_t code_point(std::string_view text);

/// False for a character that does something to a terminal (U+0000 to U+001F, U+007F to U+009F),
/// that changes the direction of the text, or that cannot be seen: zero-width characters, line
/// separators, variation selectors, tags. Blanks and letters of any script can be seen.
[[nodiscard]] bool is_shown(char32_t character);

/// The most bytes of the text, no more than `most`, that cut no character in two.
[[nodiscard]] std::size_t whole_characters(std::string_view text, std::size_t most);

/// The text with all that is not shown, and each byte that is no UTF-8, as \xNN.
[[nodiscard]] std::string escaped(std::string_view text);

/// The same in one line: a line end becomes \n.
[[nodiscard]] std::string one_line(std::string_view text);

/// JSON in one line, with the characters in its strings that are not shown as \u202e.
[[nodiscard]] std::string escaped_json(std::string_view json);

/// An item as it can stand in a line of a log: in quotes, as `escaped`, quotes and backslashes as
/// \xNN too, cut after 80 bytes.
[[nodiscard]] std::string printable(std::string_view item);

}  // namespace wq::internal
