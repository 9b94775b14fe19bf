#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace wq::internal {

/// The name of an enumerator, from a table of all of them in their order; empty for another value.
template <typename Enum, std::size_t N>
[[nodiscard]] constexpr std::string_view name_in(const std::array<std::string_view, N>& names,
                                                 Enum value) {
  const auto place = static_cast<std::size_t>(value);
  return place < N ? names[place] : std::string_view();
}

}  // namespace wq::internal
