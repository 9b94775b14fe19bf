#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "wq-push/item_source.h"

namespace wq::push {

/// One line of `--jsonl`.
struct JsonItem {
  std::string item;
  ItemTerms terms;
};

/// Reads `{"item": ..., "delay": "10s", "once": "key"}`, of which only the item is needed. A text
/// is the item itself; of anything else the JSON is, byte for byte. A delay is a text with a unit
/// or a whole number of ms. Throws `std::invalid_argument` that says what is wrong, without the
/// place. Pure.
[[nodiscard]] JsonItem read_json_item(std::string_view line);

}  // namespace wq::push
