#pragma once

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

namespace wq::internal {

// Members of objects that any client may have written: one that is missing, of another type or out
// of range counts as missing. Header only, since the programs use it too.

[[nodiscard]] inline std::optional<std::string> string_in(const nlohmann::json& object,
                                                          const char* name) {
  const auto member = object.find(name);
  if (member == object.end() || !member->is_string()) return std::nullopt;
  return member->get<std::string>();
}

template <std::integral Number>
[[nodiscard]] std::optional<Number> integer_in(const nlohmann::json& object, const char* name) {
  const auto member = object.find(name);
  if (member == object.end() || !member->is_number_integer()) return std::nullopt;
  const auto in_range = [](auto value) {
    return std::in_range<Number>(value) ? std::optional(static_cast<Number>(value)) : std::nullopt;
  };
  if (member->is_number_unsigned()) return in_range(member->get<std::uint64_t>());
  return in_range(member->get<std::int64_t>());
}

/// A time or a count, 0 if it is missing or negative. Two of these can be added.
[[nodiscard]] inline std::int64_t amount_in(const nlohmann::json& object, const char* name) {
  constexpr std::uint64_t kLargest = std::uint64_t{1} << 60U;
  const std::uint64_t amount = integer_in<std::uint64_t>(object, name).value_or(0);
  return static_cast<std::int64_t>(std::min(amount, kLargest));
}

}  // namespace wq::internal
