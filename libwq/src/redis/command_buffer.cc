#include "redis/command_buffer.h"

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

void append_arg(std::string& bytes, std::string_view head, std::string_view tail = {}) {
  append_length(bytes, '$', head.size() + tail.size());
  bytes.append(head).append(tail).append(kLineEnd);
}

}  // namespace

void EncodedArgs::add(std::string_view arg) {
  append_arg(bytes_, arg);
  ++size_;
}

void CommandBuffer::command(std::initializer_list<std::string_view> args) {
  begin(args.size());
  for (const std::string_view each : args) arg(each);
}

void CommandBuffer::begin(std::size_t args) {
  append_length(bytes_, '*', args);
  ++size_;
}

void CommandBuffer::arg(std::string_view bytes) { append_arg(bytes_, bytes); }

void CommandBuffer::arg(std::string_view head, std::string_view tail) {
  append_arg(bytes_, head, tail);
}

void CommandBuffer::clear() {
  bytes_.clear();
  if (bytes_.capacity() > kKeptBytes) bytes_.shrink_to_fit();
  size_ = 0;
}

}  // namespace wq::internal
