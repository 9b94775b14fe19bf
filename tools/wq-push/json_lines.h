#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "wq-push/item_source.h"

namespace wq::push {

/// The items in lines of JSON that come from another source, see `cli::read_json_item`. Throws
/// `UsageError` with the place of a line that is wrong.
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
