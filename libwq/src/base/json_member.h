#pragma once

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include <wq/lease.h>

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

/// Adds what is known of a failure besides its kind and message.
template <typename Json>
void put_failure(Json& object, const Failure& failure) {
  if (failure.exit_code) object["exit_code"] = *failure.exit_code;
  if (failure.signal) object["signal"] = *failure.signal;
  if (failure.max_rss_bytes) object["max_rss_bytes"] = *failure.max_rss_bytes;
  if (failure.cpu_time) object["cpu_ms"] = failure.cpu_time->count();
  if (failure.wall_time) object["wall_ms"] = failure.wall_time->count();
  if (!failure.worker.empty()) object["worker"] = failure.worker;
  if (!failure.host.empty()) object["host"] = failure.host;
  if (!failure.stdout_tail.empty()) object["stdout_tail"] = failure.stdout_tail;
  if (!failure.stderr_tail.empty()) object["stderr_tail"] = failure.stderr_tail;
}

}  // namespace wq::internal
