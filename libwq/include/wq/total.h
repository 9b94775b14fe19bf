#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <wq/export.h>

namespace wq {

/// How the numbers under one key become one.
enum class Reduction {
  count,     ///< how many there were; their numbers are ignored
  sum,       ///< their sum
  min,       ///< the least
  max,       ///< the greatest
  distinct,  ///< how many different keys there were, of the whole queue; the numbers are ignored
};

/// One number that an item reports. It is added to the totals of the queue in the step that
/// completes the item: once for each item, however often the item ran. An item that fails, or whose
/// lease was lost, adds nothing.
///
///     outcome.totals.push_back(wq::Total::sum("bytes", job.item.size()));
///
/// Totals of one item with the same key and reduction become one before they are sent. An item may
/// have `kMostTotals` of these, and a key `kLongestTotalKey` bytes. A total that cannot be added
/// makes its item a dead letter, of the kind `FailureKind::result`.
///
/// A number is decimal text, such as "12", "-0.5" or "1e-3":
/// - `sum` adds whole numbers from -10^18 to 10^18 exactly. The sum of one item has the same limit;
///   the sum of the queue has none. A number with a fraction or an exponent is read as a double of
///   at most 2^53 and rounded to nine decimal places, which are added as whole numbers. So the
///   order of the items does not matter: each run over the same items has the same sum, to the last
///   digit.
/// - `min` and `max` compare doubles, and refuse whole numbers beyond 2^53, which these cannot
///   tell apart.
/// - `distinct` is an estimate (HyperLogLog), with a standard error of 0.81 %.
struct WQ_API Total {
  Reduction how = Reduction::sum;
  std::string key{};
  std::string number{"1"};

  [[nodiscard]] static Total count(std::string key);
  template <std::integral Number>
  [[nodiscard]] static Total sum(std::string key, Number number) {
    return {Reduction::sum, std::move(key), std::to_string(number)};
  }
  [[nodiscard]] static Total sum(std::string key, double number);
  [[nodiscard]] static Total min(std::string key, double number);
  [[nodiscard]] static Total max(std::string key, double number);
  [[nodiscard]] static Total distinct(std::string key);
};

inline constexpr std::size_t kMostTotals = 10'000;
inline constexpr std::size_t kLongestTotalKey = 8'192;

/// Reads lines of `KEY TAB NUMBER`. A line without TAB is a key with the number 1. Empty lines are
/// skipped, and a carriage return before the end of a line is ignored. Throws
/// `std::invalid_argument` with the number of the first wrong line and what is wrong with it.
[[nodiscard]] WQ_API std::vector<Total> read_totals(std::string_view lines, Reduction how);

/// The totals of a queue under one key; empty where no item has reported such a total.
struct KeyTotals {
  std::string key{};
  std::string count{};  ///< decimal digits, as all of these
  std::string sum{};
  std::string min{};
  std::string max{};
};

/// The totals of a queue, ordered by key. While workers run, the keys may be of slightly different
/// moments. The totals of a drained queue are final.
struct Totals {
  std::vector<KeyTotals> keys{};
  /// How many different keys `Reduction::distinct` has met; 0: none.
  std::uint64_t distinct = 0;
};

}  // namespace wq
