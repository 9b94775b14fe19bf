#include "redis/pipeline.h"

#include <array>
#include <charconv>

namespace wq::internal {
namespace {

constexpr std::size_t kKeptBytes = std::size_t{1} << 20U;
constexpr std::string_view kLineEnd = "\r\n";

void append_length(std::string& bytes, char mark, std::size_t n) {
  std::array<char, 24> line{mark};
  char* const end = std::to_chars(line.data() + 1, line.data() + line.size(), n).ptr;
  bytes.append(line.data(), end).append(kLineEnd);
}

void append_word(std::string& bytes, std::string_view head, std::string_view tail = {}) {
  append_length(bytes, '$', head.size() + tail.size());
  bytes.append(head).append(tail).append(kLineEnd);
}

}  // namespace

void Words::add(std::string_view word) {
  append_word(bytes_, word);
  ++size_;
}

void Pipeline::command(std::initializer_list<std::string_view> words) {
  begin(words.size());
  for (const std::string_view each : words) word(each);
}

void Pipeline::begin(std::size_t words) {
  append_length(bytes_, '*', words);
  ++size_;
}

void Pipeline::word(std::string_view bytes) { append_word(bytes_, bytes); }

void Pipeline::word(std::string_view head, std::string_view tail) {
  append_word(bytes_, head, tail);
}

void Pipeline::clear() {
  bytes_.clear();
  if (bytes_.capacity() > kKeptBytes) bytes_.shrink_to_fit();
  size_ = 0;
}

}  // namespace wq::internal
