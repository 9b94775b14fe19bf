#include "base/glob.h"

#include <algorithm>
#include <bitset>

namespace wq::internal {
namespace {

using Bytes = std::bitset<256>;

// A literal byte: only letters and digits have a meaning after '%'.
void append_byte(std::string& pattern, unsigned char byte) {
  if (byte == 0) {
    pattern += "%z";
    return;
  }
  const bool plain =
      (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
  if (!plain) pattern += '%';
  pattern += static_cast<char>(byte);
}

void append_set(std::string& pattern, const Bytes& bytes) {
  if (bytes.all()) {
    pattern += '.';
    return;
  }
  pattern += bytes.none() ? "[^%z" : "[";
  for (std::size_t byte = 1; byte < bytes.size(); ++byte) {
    if (bytes[byte] || bytes.none()) append_byte(pattern, static_cast<unsigned char>(byte));
  }
  if (bytes[0]) pattern += "%z";
  pattern += ']';
}

// Reads the set after '[' and removes it from `glob`, including the ']'.
Bytes read_set(std::string_view& glob) {
  Bytes bytes;
  const bool negated = glob.starts_with('^');
  if (negated) glob.remove_prefix(1);
  while (!glob.empty() && glob[0] != ']') {
    if (glob[0] == '\\' && glob.size() >= 2) {
      bytes.set(static_cast<unsigned char>(glob[1]));
      glob.remove_prefix(2);
    } else if (glob.size() >= 3 && glob[1] == '-') {
      const auto [low, high] =
          std::minmax({static_cast<unsigned char>(glob[0]), static_cast<unsigned char>(glob[2])});
      for (std::size_t byte = low; byte <= high; ++byte) bytes.set(byte);
      glob.remove_prefix(3);
    } else {
      bytes.set(static_cast<unsigned char>(glob[0]));
      glob.remove_prefix(1);
    }
  }
  if (!glob.empty()) glob.remove_prefix(1);
  return negated ? ~bytes : bytes;
}

}  // namespace

std::vector<std::string> lua_patterns(std::string_view glob) {
  std::vector<std::string> patterns{"^"};
  while (!glob.empty()) {
    const char c = glob[0];
    glob.remove_prefix(1);
    if (c == '*') {
      if (!patterns.back().empty()) patterns.emplace_back();
    } else if (c == '?') {
      patterns.back() += '.';
    } else if (c == '[') {
      append_set(patterns.back(), read_set(glob));
    } else if (c == '\\' && !glob.empty()) {
      append_byte(patterns.back(), static_cast<unsigned char>(glob[0]));
      glob.remove_prefix(1);
    } else {
      append_byte(patterns.back(), static_cast<unsigned char>(c));
    }
  }
  patterns.back() += '$';
  return patterns;
}

std::string literal_glob(std::string_view text) {
  std::string glob;
  for (const char c : text) {
    if (std::string_view("*?[]^\\").find(c) != std::string_view::npos) glob += '\\';
    glob += c;
  }
  return glob;
}

}  // namespace wq::internal
