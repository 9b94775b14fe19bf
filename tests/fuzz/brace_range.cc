// Brace ranges against a second, slower expansion.

#include "wq-push/brace_range.h"

#include <string>
#include <vector>

#include "fuzz/fuzz.h"

namespace wq::fuzz {
namespace {

constexpr std::size_t kLooked = 200;
constexpr std::size_t kMostDigits = 18;

std::size_t digits_at(std::string_view text, std::size_t at) {
  const std::size_t end = text.find_first_not_of("0123456789", at);
  return (end == std::string_view::npos ? text.size() : end) - at;
}

/// The first range in a text: where it begins and ends, and its two numbers.
struct Found {
  std::size_t begin;
  std::size_t end;
  std::string first;
  std::string last;
};

std::optional<Found> find_range(std::string_view text) {
  for (std::size_t open = text.find('{'); open != std::string_view::npos;
       open = text.find('{', open + 1)) {
    const std::size_t first = digits_at(text, open + 1);
    const std::size_t dots = open + 1 + first;
    if (first == 0 || text.substr(dots, 2) != "..") continue;
    const std::size_t last = digits_at(text, dots + 2);
    const std::size_t close = dots + 2 + last;
    if (last == 0 || text.substr(close, 1) != "}") continue;
    return Found{open, close + 1, std::string(text.substr(open + 1, first)),
                 std::string(text.substr(dots + 2, last))};
  }
  return std::nullopt;
}

std::string padded(std::uint64_t number, const Found& range) {
  std::string digits = std::to_string(number);
  const auto zero = [](const std::string& text) { return text.size() > 1 && text[0] == '0'; };
  if (!zero(range.first) && !zero(range.last)) return digits;
  const std::size_t width = std::max(range.first.size(), range.last.size());
  if (digits.size() < width) digits.insert(0, width - digits.size(), '0');
  return digits;
}

/// Adds the expansion of the text, up to `kLooked` in all.
void expand(const std::string& done, std::string_view text, std::vector<std::string>& all) {
  const auto range = find_range(text);
  if (!range) {
    all.push_back(done + std::string(text));
    return;
  }
  const std::uint64_t first = std::stoull(range->first);
  const std::uint64_t last = std::stoull(range->last);
  for (std::uint64_t number = first; all.size() < kLooked; first < last ? ++number : --number) {
    expand(done + std::string(text.substr(0, range->begin)) + padded(number, *range),
           text.substr(range->end), all);
    if (number == last) return;
  }
}

bool has_long_number(std::string_view text) {
  std::size_t run = 0;
  for (const char c : text) {
    run = c >= '0' && c <= '9' ? run + 1 : 0;
    if (run > kMostDigits) return true;
  }
  return false;
}

void look(const std::string& text) {
  std::vector<std::string> is;
  double count = 0;
  const auto message = refusal([&] {
    push::BraceRange range(text);
    count = range.count();
    for (std::string next; is.size() < kLooked && range.next(next);) is.push_back(next);
  });
  if (message) {
    require(has_long_number(text), "only a number that is too long is refused");
    return;
  }
  std::vector<std::string> should;
  expand("", text, should);
  require(is == should, "a text stands for what a second reading says");
  require(is.size() == kLooked ? count >= kLooked : count == static_cast<double>(is.size()),
          "the count is that of the texts");
}

}  // namespace
}  // namespace wq::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  wq::fuzz::look(std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}
