#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace wq::internal {

/// The Lua 5.1 patterns that match, one somewhere behind the other, what a glob of Redis's KEYS
/// matches: `*`, `?`, `[a-z]`, `[^x]`, and a backslash before a literal character. The text
/// between two `*` is one pattern, each byte of which matches one byte, so a search takes at most
/// the length of the text times that of the pattern.
[[nodiscard]] std::vector<std::string> lua_patterns(std::string_view glob);

/// A glob that matches exactly this text.
[[nodiscard]] std::string literal_glob(std::string_view text);

}  // namespace wq::internal
