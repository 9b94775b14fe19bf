#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace wq::push {

/// The expansion of a text with ranges, as in WebDataset: `shard-{000000..000999}.tar`. Both ends
/// are digits; if either begins with a zero, numbers are padded to the longer one. A second end
/// that is lower counts down. Several ranges multiply, the last one counting fastest. All other
/// braces are literal, so JSON is unchanged.
class BraceRange {
 public:
  /// Throws `std::invalid_argument` for a number of more than 18 digits.
  explicit BraceRange(std::string_view text);

  /// Sets `text` to the next one. A text without a range is the only one of its kind.
  [[nodiscard]] bool next(std::string& text);

  [[nodiscard]] bool is_range() const noexcept { return !ranges_.empty(); }

  /// How many there are in all; a double, since ranges multiply.
  [[nodiscard]] double count() const noexcept;

 private:
  struct Range {
    std::string before;  // the literal text in front of it
    std::int64_t first = 0;
    std::int64_t last = 0;
    std::size_t width = 0;
    std::int64_t now = 0;
  };

  static bool read_range(std::string_view braces, Range& range);

  std::vector<Range> ranges_;
  std::string after_;
  bool done_ = false;
};

/// The parts between `::`, WebDataset's union of several ranges: `a{0..3}.tar::b{0..5}.tar`. Only a
/// text with a range in it is ever taken apart, and not within square brackets, where `::` belongs
/// to an IPv6 address. Throws `std::invalid_argument` if one side is empty.
[[nodiscard]] std::vector<std::string> parts_of_union(std::string_view text);

/// Why the text may be a mistake: an end of a range is missing or is no number, or `::`
/// joins nothing. Empty if there is no doubt.
[[nodiscard]] std::string doubt_about_ranges(std::string_view text);

}  // namespace wq::push
