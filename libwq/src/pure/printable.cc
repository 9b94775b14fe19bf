#include "pure/printable.h"

#include <iterator>

#include <fmt/format.h>

namespace wq::internal {

std::string printable(std::string_view item) {
  constexpr std::size_t kLongest = 80;
  std::string text = "'";
  for (const char c : item.substr(0, kLongest)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= ' ' && byte <= '~' && c != '\'' && c != '\\') {
      text += c;
    } else {
      fmt::format_to(std::back_inserter(text), "\\x{:02x}", byte);
    }
  }
  text += '\'';
  if (item.size() > kLongest) text += fmt::format("... ({} bytes)", item.size());
  return text;
}

}  // namespace wq::internal
