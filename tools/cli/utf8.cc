#include "cli/utf8.h"

#include <algorithm>

#include <fmt/format.h>

namespace wq::cli {

namespace {

unsigned byte(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

// Where the second byte may not be any of 0x80 to 0xbf: overlong forms, surrogates, and what lies
// above U+10FFFF.
bool is_second(unsigned lead, unsigned second) {
  const unsigned least = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const unsigned most = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  return second >= least && second <= most;
}

}  // namespace

std::size_t character_length(std::string_view text) {
  if (text.empty()) return 0;
  const unsigned lead = byte(text, 0);
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const std::size_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (text.size() < length || !is_second(lead, byte(text, 1))) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if ((byte(text, i) & 0xc0U) != 0x80U) return 0;
  }
  return length;
}

bool is_control(std::string_view character) {
  const unsigned lead = byte(character, 0);
  if (character.size() == 1) return lead < 0x20 || lead == 0x7f;
  return lead == 0xc2 && byte(character, 1) < 0xa0;
}

std::string escape_controls(std::string_view json) {
  std::string escaped;
  while (!json.empty()) {
    const std::string_view next = json.substr(0, std::max<std::size_t>(1, character_length(json)));
    if (is_control(next)) {
      escaped += fmt::format("\\u{:04x}", byte(next, next.size() - 1));
    } else {
      escaped += next;
    }
    json.remove_prefix(next.size());
  }
  return escaped;
}

}  // namespace wq::cli
