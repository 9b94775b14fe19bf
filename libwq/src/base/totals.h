#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <wq/total.h>

/// The totals of a queue as the scripts and `Q:totals` have them.
///
/// A field of the hash is a letter and the key: `n` the count, `s` the whole part of the sum, `f`
/// its fraction in units of 10^-9, `c` the carry of `s` in units of 10^15, `<` the least
/// number, `>` the greatest.
namespace wq::internal {

/// A verb of the settle script with its operands.
struct TotalVerb {
  std::string_view name;
  std::string operand;
  std::string more;
};

/// The totals of one item, reduced by key, in a fixed order. `wrong` says why they are refused,
/// such as "its total of the key 'x' is ..."; then there are no verbs.
struct ReducedTotals {
  std::vector<TotalVerb> verbs;
  std::optional<std::string> wrong;
};
[[nodiscard]] ReducedTotals reduce(std::span<const Total> totals);

/// Puts fields of `Q:totals` together, key by key. Ignores unknown fields and values that are no
/// numbers, which only other clients write.
class TotalsReader {
 public:
  void add(std::string_view field, std::string_view value);
  [[nodiscard]] std::vector<KeyTotals> take() const;

 private:
  struct Row {
    std::optional<std::int64_t> count;
    std::optional<std::int64_t> whole;
    std::int64_t billionths = 0;
    std::int64_t carried = 0;
    std::string min;
    std::string max;
  };
  std::map<std::string, Row, std::less<>> rows_;
};

}  // namespace wq::internal
