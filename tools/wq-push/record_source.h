#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "wq-push/input.h"
#include "wq-push/item_source.h"

namespace wq::push {

/// How a stream of bytes is cut into items.
enum class Records {
  lines,       ///< at newlines. Empty lines are no items; a CR before the newline is part of one
  null_ended,  ///< at NUL bytes, exactly: nothing between two of them is an empty item
};

/// The items of one file or of standard input. What follows the last newline (or NUL) is an item
/// too, if it is not empty.
class RecordSource : public ItemSource {
 public:
  /// `wait` must outlive this object.
  RecordSource(const std::string& path, Records records, std::uint64_t max_item_bytes,
               InputWait& wait);

  bool next(std::string& item) override;
  std::string position() const override;
  std::optional<double> fraction() const override { return input_.fraction(); }

 private:
  [[nodiscard]] std::string position(std::uint64_t number) const;

  Input input_;
  const Records records_;
  const std::uint64_t max_item_bytes_;
  std::string_view unread_;
  std::uint64_t number_ = 0;  // of the last record, empty lines included
};

}  // namespace wq::push
