#include "base/totals.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "base/printable.h"
#include "base/whole_number.h"

namespace wq {
namespace internal {
namespace {

constexpr std::int64_t kBillion = 1'000'000'000;
// Two of them fit in 64 bits, with what the script leaves when it carries.
constexpr std::int64_t kLargestWhole = 1'000'000'000'000'000'000;
// Every whole number below it is a double, and no other number becomes that double.
constexpr double kLargestDouble = 9'007'199'254'740'992;

/// Exact; both parts have the same sign.
struct Decimal {
  std::int64_t whole = 0;
  std::int64_t billionths = 0;
};

/// Without the plus sign that the standard library does not know.
std::string_view unsigned_plus(std::string_view text) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  return text;
}

std::optional<std::int64_t> whole_part(std::string_view text) {
  return whole_number<std::int64_t>(unsigned_plus(text));
}

std::optional<double> finite(std::string_view text) {
  text = unsigned_plus(text);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(number)) {
    return std::nullopt;
  }
  return number;
}

/// Throws `std::invalid_argument` with the end of a sentence about the number.
[[noreturn]] void refuse(std::string_view number, std::string_view why) {
  throw std::invalid_argument(fmt::format("{} {}", printable(number), why));
}

Decimal to_add(std::string_view text) {
  if (const auto whole = whole_part(text)) {
    if (*whole < -kLargestWhole || *whole > kLargestWhole) refuse(text, "is beyond 10^18");
    return {*whole, 0};
  }
  const auto number = finite(text);
  if (!number) refuse(text, "is not a decimal number");
  if (std::abs(*number) > kLargestDouble) {
    refuse(text, "is beyond 2^53, and not written as a whole number up to 10^18");
  }
  // Correctly rounded, by the standard library.
  std::array<char, 64> digits{};
  auto* const end =
      std::to_chars(digits.begin(), digits.end(), std::abs(*number), std::chars_format::fixed, 9)
          .ptr;
  const std::string_view fixed(digits.data(), end);
  const std::int64_t sign = *number < 0 ? -1 : 1;
  return {sign * whole_number<std::int64_t>(fixed.substr(0, fixed.size() - 10)).value(),
          sign * whole_number<std::int64_t>(fixed.substr(fixed.size() - 9)).value()};
}

double to_compare(std::string_view text) {
  const auto number = finite(text);
  if (!number) refuse(text, "is not a decimal number");
  const bool is_whole = text.find_first_of(".eE") == std::string_view::npos;
  if (is_whole && std::abs(*number) >= kLargestDouble) refuse(text, "is beyond 2^53");
  return *number + 0.0;  // -0 becomes 0
}

void check_key(std::string_view key) {
  if (key.size() > kLongestTotalKey) {
    throw std::invalid_argument(
        fmt::format("the key has {} bytes; the limit is {}", key.size(), kLongestTotalKey));
  }
}

/// The totals of one key and reduction, put together.
struct Sum {
  std::int64_t count = 0;
  Decimal decimal;
  double number = 0;

  void add(Reduction how, std::string_view text) {
    ++count;
    if (how == Reduction::sum) {
      const Decimal more = to_add(text);
      decimal.billionths += more.billionths;
      decimal.whole += more.whole + decimal.billionths / kBillion;
      decimal.billionths %= kBillion;
      if (decimal.whole < -kLargestWhole || decimal.whole > kLargestWhole) {
        refuse(text, "takes the sum of one item beyond 10^18");
      }
    } else if (how == Reduction::min || how == Reduction::max) {
      const double more = to_compare(text);
      if (count == 1 || (how == Reduction::min ? more < number : more > number)) number = more;
    }
  }
};

void append_verbs(std::vector<TotalVerb>& verbs, Reduction how, const std::string& key,
                  const Sum& sum) {
  switch (how) {
    case Reduction::count:
      verbs.push_back({"add", "n" + key, std::to_string(sum.count)});
      return;
    case Reduction::sum:
      verbs.push_back({"add", "s" + key, std::to_string(sum.decimal.whole)});
      if (sum.decimal.billionths != 0) {
        verbs.push_back({"add", "f" + key, std::to_string(sum.decimal.billionths)});
      }
      return;
    case Reduction::min:
      verbs.push_back({"min", "<" + key, fmt::format("{}", sum.number)});
      return;
    case Reduction::max:
      verbs.push_back({"max", ">" + key, fmt::format("{}", sum.number)});
      return;
    case Reduction::distinct:
      verbs.push_back({"distinct", key, ""});
      return;
  }
}

__extension__ using Wide = __int128;

std::string sum_text(std::int64_t whole, std::int64_t billionths, std::int64_t carried) {
  constexpr std::int64_t kCarry = 1'000'000'000'000'000;
  const Wide all = (Wide{carried} * kCarry + whole) * kBillion + billionths;
  const Wide size = all < 0 ? -all : all;
  std::string text = fmt::format("{}{}", all < 0 ? "-" : "", size / kBillion);
  if (size % kBillion != 0) {
    text += fmt::format(".{:09}", static_cast<std::int64_t>(size % kBillion));
    text.erase(text.find_last_not_of('0') + 1);
  }
  return text;
}

}  // namespace

ReducedTotals reduce(std::span<const Total> totals) {
  ReducedTotals reduced;
  std::map<std::pair<Reduction, std::string_view>, Sum> sums;
  for (const Total& total : totals) {
    try {
      check_key(total.key);
      sums[{total.how, total.key}].add(total.how, total.number);
    } catch (const std::invalid_argument& error) {
      reduced.wrong =
          fmt::format("its total of the key {}: {}", printable(total.key), error.what());
      return reduced;
    }
  }
  if (sums.size() > kMostTotals) {
    reduced.wrong =
        fmt::format("it has totals of {} keys; the limit per item is {}", sums.size(), kMostTotals);
    return reduced;
  }
  for (const auto& [name, sum] : sums) {
    append_verbs(reduced.verbs, name.first, std::string(name.second), sum);
  }
  return reduced;
}

void TotalsReader::add(std::string_view field, std::string_view value) {
  if (field.empty() || !finite(value)) return;
  const std::string key(field.substr(1));
  const auto number = whole_number<std::int64_t>(value);
  // No sum reaches this, and a larger one would not fit.
  constexpr std::int64_t kMostCarried = kBillion * 1'000;
  switch (field[0]) {
    case 'n':
      if (number) rows_[key].count = number;
      return;
    case 's':
      if (number) rows_[key].whole = number;
      return;
    case 'f':
      if (number) rows_[key].billionths = *number;
      return;
    case 'c':
      if (number && -kMostCarried < *number && *number < kMostCarried) rows_[key].carried = *number;
      return;
    case '<':
      rows_[key].min = value;
      return;
    case '>':
      rows_[key].max = value;
      return;
    default:
      return;
  }
}

std::vector<KeyTotals> TotalsReader::take() const {
  std::vector<KeyTotals> totals;
  for (const auto& [key, row] : rows_) {
    KeyTotals one{.key = key, .min = row.min, .max = row.max};
    if (row.count) one.count = std::to_string(*row.count);
    if (row.whole) one.sum = sum_text(*row.whole, row.billionths, row.carried);
    const bool any = row.count || row.whole || !row.min.empty() || !row.max.empty();
    if (any) totals.push_back(std::move(one));
  }
  return totals;
}

}  // namespace internal

namespace {

std::string shortest(double number) { return fmt::format("{}", number); }

}  // namespace

Total Total::count(std::string key) { return {Reduction::count, std::move(key), "1"}; }
Total Total::sum(std::string key, double number) {
  return {Reduction::sum, std::move(key), shortest(number)};
}
Total Total::min(std::string key, double number) {
  return {Reduction::min, std::move(key), shortest(number)};
}
Total Total::max(std::string key, double number) {
  return {Reduction::max, std::move(key), shortest(number)};
}
Total Total::distinct(std::string key) { return {Reduction::distinct, std::move(key), "1"}; }

std::vector<Total> read_totals(std::string_view lines, Reduction how) {
  std::vector<Total> totals;
  for (std::size_t number = 1; !lines.empty(); ++number) {
    std::string_view line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(std::min(line.size() + 1, lines.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    const std::size_t tab = line.find('\t');
    Total total{.how = how, .key = std::string(line.substr(0, tab))};
    if (tab != std::string_view::npos) total.number = line.substr(tab + 1);
    try {
      internal::check_key(total.key);
      internal::Sum{}.add(how, total.number);
    } catch (const std::invalid_argument& error) {
      throw std::invalid_argument(
          fmt::format("line {}: {}; a line is KEY TAB NUMBER", number, error.what()));
    }
    totals.push_back(std::move(total));
  }
  return totals;
}

}  // namespace wq
