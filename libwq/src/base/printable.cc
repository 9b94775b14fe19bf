#include "base/printable.h"

#include <algorithm>
#include <array>
#include <iterator>

#include <fmt/format.h>

namespace wq::internal {
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

struct Range {
  char32_t first;
  char32_t last;
};

// Controls, what Unicode calls Bidi_Control and Default_Ignorable_Code_Point, the line and
// paragraph separators, the annotation characters, and what will never be a character. In order.
constexpr std::array kNotShown = {
    Range{0x0000, 0x001f},   Range{0x007f, 0x009f},   Range{0x00ad, 0x00ad},
    Range{0x034f, 0x034f},   Range{0x061c, 0x061c},   Range{0x115f, 0x1160},
    Range{0x17b4, 0x17b5},   Range{0x180b, 0x180f},   Range{0x200b, 0x200f},
    Range{0x2028, 0x202e},   Range{0x2060, 0x206f},   Range{0x3164, 0x3164},
    Range{0xfdd0, 0xfdef},   Range{0xfe00, 0xfe0f},   Range{0xfeff, 0xfeff},
    Range{0xffa0, 0xffa0},   Range{0xfff0, 0xfffb},   Range{0xfffe, 0xffff},
    Range{0x1bca0, 0x1bca3}, Range{0x1d173, 0x1d17a}, Range{0xe0000, 0xe0fff},
};

// Copies the text, with `escape(out, piece)` in place of each character that is not `kept` and of
// each invalid byte.
template <typename Kept, typename Escape>
std::string copied(std::string_view text, Kept kept, Escape escape) {
  std::string out;
  out.reserve(text.size());
  std::size_t begin = 0;  // of what is shown and not copied yet
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = character_length(text.substr(at));
    const std::size_t end = at + std::max<std::size_t>(1, length);
    if (length == 0 || !kept(code_point(text.substr(at)))) {
      out.append(text, begin, at - begin);
      escape(out, text.substr(at, end - at));
      begin = end;
    }
    at = end;
  }
  return out.append(text, begin);
}

void append_bytes(std::string& out, std::string_view bytes) {
  for (const char c : bytes) {
    fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(c));
  }
}

// As in JSON: a character beyond four digits is a pair of surrogates.
void append_json(std::string& out, std::string_view character) {
  if (character_length(character) == 0) {
    out += character;
    return;
  }
  const char32_t code = code_point(character);
  const auto append = [&out](char32_t unit) {
    fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(unit));
  };
  if (code > 0xffff) append(0xd800 + ((code - 0x10000) >> 10U));
  append(code > 0xffff ? 0xdc00 + ((code - 0x10000) & 0x3ffU) : code);
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

char32_t code_point(std::string_view text) {
  const std::size_t length = character_length(text);
  const unsigned lead = byte(text, 0);
  if (length == 1) return lead;
  char32_t code = lead & (0xffU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) code = code << 6U | (byte(text, i) & 0x3fU);
  return code;
}

bool is_shown(char32_t character) {
  if ((character & 0xfffeU) == 0xfffe) return false;  // the last two of each plane
  const auto* const range =
      std::lower_bound(kNotShown.begin(), kNotShown.end(), character,
                       [](const Range& each, char32_t code) { return each.last < code; });
  return range == kNotShown.end() || character < range->first;
}

std::size_t whole_characters(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text.size();
  for (std::size_t back = 1; back < std::min<std::size_t>(4, most); ++back) {
    if (character_length(text.substr(most - back)) > back) return most - back;
  }
  return most;
}

std::string escaped(std::string_view text) { return copied(text, is_shown, append_bytes); }

std::string one_line(std::string_view text) {
  std::string line;
  for (std::size_t begin = 0;;) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    line += escaped(text.substr(begin, end - begin));
    if (end == text.size()) return line;
    line += "\\n";
    begin = end + 1;
  }
}

std::string escaped_json(std::string_view json) { return copied(json, is_shown, append_json); }

std::string printable(std::string_view item) {
  constexpr std::size_t kLongest = 80;
  const std::size_t cut = whole_characters(item, kLongest);
  const auto is_plain = [](char32_t character) {
    return is_shown(character) && character != U'\'' && character != U'\\';
  };
  std::string text = "'" + copied(item.substr(0, cut), is_plain, append_bytes) + "'";
  if (cut < item.size()) text += fmt::format("... ({} bytes)", item.size());
  return text;
}

}  // namespace wq::internal
