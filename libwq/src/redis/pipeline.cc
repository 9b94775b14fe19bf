#include "redis/pipeline.h"

#include <array>
#include <charconv>

namespace wq::internal {
namespace {

constexpr std::size_t kKeptBytes = std::size_t{1} << 20U;
constexpr std::string_view kLineEnd = "\r\n";

}  // namespace

void Pipeline::command(std::initializer_list<std::string_view> words) {
  begin(words.size());
  for (const std::string_view each : words) word(each);
}

void Pipeline::begin(std::size_t words) {
  length('*', words);
  ++size_;
}

void Pipeline::word(std::string_view bytes) { word(bytes, {}); }

void Pipeline::word(std::string_view head, std::string_view tail) {
  length('$', head.size() + tail.size());
  bytes_.append(head).append(tail).append(kLineEnd);
}

void Pipeline::clear() {
  bytes_.clear();
  if (bytes_.capacity() > kKeptBytes) bytes_.shrink_to_fit();
  size_ = 0;
}

void Pipeline::length(char mark, std::size_t n) {
  std::array<char, 24> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), n).ptr;
  bytes_ += mark;
  bytes_.append(digits.data(), end).append(kLineEnd);
}

}  // namespace wq::internal
