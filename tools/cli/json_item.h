#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace wq::cli {

/// Of an item; as `PushItem::delay`.
inline constexpr std::chrono::milliseconds kLongestDelay = std::chrono::hours{24};

/// An item in a line of JSON: of `wq-push --jsonl`, or a follow-up.
struct JsonItem {
  std::string item{};
  std::optional<std::chrono::milliseconds> delay{};
  std::optional<std::string> once_key{};
  std::string queue{};
};

/// Reads `{"item": ..., "delay": "10s", "once": "key"}`, of which only the item is needed; with
/// `has_queue`, also `"queue": "name"`. A text is the item itself; of anything else the JSON is,
/// byte for byte. A delay is a text with a unit or a whole number of ms, at most `kLongestDelay`.
/// Throws `std::invalid_argument` that says what is wrong, without the place. Pure.
[[nodiscard]] JsonItem read_json_item(std::string_view line, bool has_queue = false);

}  // namespace wq::cli
