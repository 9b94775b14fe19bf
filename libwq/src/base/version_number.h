#pragma once

#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

namespace wq::internal {

/// Of a server, such as 7.0.15.
using VersionNumber = std::array<std::uint32_t, 3>;

/// Parts that are left out are 0. Nothing if the text does not begin with a number.
[[nodiscard]] inline std::optional<VersionNumber> version_number(std::string_view text) {
  VersionNumber version{};
  const char* at = text.data();
  const char* const end = at + text.size();
  for (std::uint32_t& part : version) {
    const auto parsed = std::from_chars(at, end, part);
    if (parsed.ec != std::errc{}) break;
    at = parsed.ptr == end ? end : parsed.ptr + 1;
  }
  if (at == text.data()) return std::nullopt;
  return version;
}

}  // namespace wq::internal
