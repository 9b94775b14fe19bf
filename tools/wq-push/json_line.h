#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

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

/// The items in lines of JSON that come from another source. Throws `UsageError` with the place of
/// a line that is wrong.
class JsonLines : public ItemSource {
 public:
  explicit JsonLines(std::unique_ptr<ItemSource> lines) : lines_(std::move(lines)) {}

  bool next(std::string& item) override;
  const ItemTerms* terms() const override { return &terms_; }
  std::string position() const override { return lines_->position(); }
  std::optional<double> fraction() const override { return lines_->fraction(); }

 private:
  const std::unique_ptr<ItemSource> lines_;
  std::string line_;
  ItemTerms terms_;
};

}  // namespace wq::push
