#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace wq::cli {

/// Reads JSON in its own words, value by value: a parser sorts members and rounds numbers. (The one
/// that keeps members in order is slow with many.) Only for text that was parsed before, so is
/// valid. The views are parts of that text.
class JsonText {
 public:
  explicit JsonText(std::string_view json);

  /// Passes over this character if it is next.
  bool take(char c);
  /// The next string, number, word or sign; empty at the end.
  std::string_view take_token();
  /// The next value, as it was written.
  std::string_view take_value();
  /// Within an object: its next member. False at its end, which is passed over.
  bool take_member(std::string& name, std::string_view& value);

 private:
  void skip_space();
  [[nodiscard]] std::size_t token_size() const;

  std::string_view rest_;
};

/// The value without white space but in strings.
[[nodiscard]] std::string compact_json(std::string_view value);

}  // namespace wq::cli
