#include "wq-push/brace_range.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <optional>
#include <stdexcept>

#include <fmt/format.h>

namespace wq::push {

namespace {

constexpr std::size_t kMaxDigits = 18;  // of a 64-bit number

bool all_digits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// A possible end of an intended range: a number, a letter, or a sign in front.
bool is_end(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '+' || c == ' ';
  });
}

// The `{` of text that looks like a range but is invalid; nothing in JSON does.
std::optional<std::string_view> broken_range(std::string_view text) {
  for (std::size_t open = text.find('{'); open != std::string_view::npos;
       open = text.find('{', open + 1)) {
    const std::string_view rest = text.substr(open + 1);
    const std::size_t dots = rest.find("..");
    if (dots == std::string_view::npos) return std::nullopt;
    const std::size_t close = rest.find('}');
    const std::string_view first = rest.substr(0, dots);
    if (!is_end(first) || (close != std::string_view::npos && close < dots)) continue;
    const bool unfinished = close == std::string_view::npos;
    const std::string_view last = rest.substr(dots + 2, unfinished ? close : close - dots - 2);
    if (all_digits(first) && all_digits(last) && !unfinished) continue;
    if (unfinished && !first.empty()) return text.substr(open);
    if (!unfinished && first.size() + last.size() > 0 && is_end(last.substr(0, last.find('.')))) {
      return text.substr(open, close + 2);
    }
  }
  return std::nullopt;
}

}  // namespace

BraceRange::BraceRange(std::string_view text) {
  std::size_t literal_begin = 0;
  for (std::size_t open = text.find('{'); open != std::string_view::npos;
       open = text.find('{', open + 1)) {
    const std::size_t close = text.find('}', open);
    if (close == std::string_view::npos) break;
    Range range;
    if (!read_range(text.substr(open + 1, close - open - 1), range)) continue;
    range.before = text.substr(literal_begin, open - literal_begin);
    ranges_.push_back(std::move(range));
    literal_begin = close + 1;
    open = close;
  }
  after_ = text.substr(literal_begin);
}

bool BraceRange::read_range(std::string_view braces, Range& range) {
  const std::size_t dots = braces.find("..");
  if (dots == std::string_view::npos) return false;
  const std::string_view first = braces.substr(0, dots);
  const std::string_view last = braces.substr(dots + 2);
  if (!all_digits(first) || !all_digits(last)) return false;
  if (first.size() > kMaxDigits || last.size() > kMaxDigits) {
    throw std::invalid_argument(
        fmt::format("{{{}}}: a number in a range has at most {} digits", braces, kMaxDigits));
  }
  range.first = std::stoll(std::string(first));
  range.last = std::stoll(std::string(last));
  const bool padded = (first.size() > 1 && first[0] == '0') || (last.size() > 1 && last[0] == '0');
  range.width = padded ? std::max(first.size(), last.size()) : 0;
  range.now = range.first;
  return true;
}

bool BraceRange::next(std::string& text) {
  if (done_) return false;
  text.clear();
  for (const Range& range : ranges_) {
    text += range.before;
    text += fmt::format("{:0{}}", range.now, range.width);
  }
  text += after_;
  // One step, like the wheels of a counter.
  done_ = true;
  for (auto range = ranges_.rbegin(); range != ranges_.rend() && done_; ++range) {
    if (range->now == range->last) {
      range->now = range->first;
    } else {
      range->now += range->first < range->last ? 1 : -1;
      done_ = false;
    }
  }
  return true;
}

double BraceRange::count() const noexcept {
  double count = 1;
  for (const Range& range : ranges_) {
    count *= std::abs(static_cast<double>(range.last - range.first)) + 1;
  }
  return count;
}

std::vector<std::string> parts_of_union(std::string_view text) {
  if (text.find("::") == std::string_view::npos || !BraceRange(text).is_range()) {
    return {std::string(text)};
  }
  std::vector<std::string> parts{""};
  int brackets = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '[') ++brackets;
    if (text[i] == ']') --brackets;
    if (brackets <= 0 && text.substr(i).starts_with("::")) {
      parts.emplace_back();
      ++i;
    } else {
      parts.back() += text[i];
    }
  }
  if (std::find(parts.begin(), parts.end(), "") != parts.end()) {
    throw std::invalid_argument(
        fmt::format("'{}': one side of '::', which concatenates ranges, is empty", text));
  }
  return parts;
}

std::string doubt_about_ranges(std::string_view text) {
  if (const auto broken = broken_range(text)) {
    return fmt::format(
        "'{}' is not a range and is pushed literally: a range is {{FIRST..LAST}} with "
        "digits on both sides",
        *broken);
  }
  if (text.find("::") != std::string_view::npos && !BraceRange(text).is_range()) {
    return fmt::format("'{}' is one item: '::' concatenates only ranges", text);
  }
  return "";
}

}  // namespace wq::push
