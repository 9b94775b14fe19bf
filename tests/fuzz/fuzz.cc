#include "fuzz/fuzz.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace wq::fuzz {

void require(bool holds, std::string_view property) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %.*s\n", static_cast<int>(property.size()), property.data());
  std::abort();
}

std::uint8_t Bytes::byte() {
  if (rest_.empty()) return 0;
  const auto first = static_cast<std::uint8_t>(rest_.front());
  rest_.remove_prefix(1);
  return first;
}

std::uint64_t Bytes::number() {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < sizeof number; ++i) number = number << 8U | byte();
  return number;
}

std::string Bytes::word() {
  const std::size_t end = std::min(rest_.find('\0'), rest_.size());
  std::string word(rest_.substr(0, end));
  rest_.remove_prefix(std::min(end + 1, rest_.size()));
  return word;
}

std::vector<std::string> Bytes::words() {
  std::vector<std::string> words;
  while (!rest_.empty()) words.push_back(word());
  return words;
}

bool is_one_line(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; });
}

}  // namespace wq::fuzz
