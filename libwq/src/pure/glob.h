#pragma once

#include <string>
#include <string_view>

namespace wq::internal {

/// The Lua 5.1 pattern that matches what a glob of Redis's KEYS matches: `*`, `?`, `[a-z]`, `[^x]`,
/// and a backslash in front of what is meant as it is.
[[nodiscard]] std::string lua_pattern(std::string_view glob);

/// A glob that matches exactly this text.
[[nodiscard]] std::string literal_glob(std::string_view text);

}  // namespace wq::internal
