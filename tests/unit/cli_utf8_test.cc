#include <algorithm>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "cli/utf8.h"

namespace wq::cli {
namespace {

TEST(CharacterLength, IsThatOfUtf8) {
  EXPECT_EQ(character_length("ab"), 1U);
  EXPECT_EQ(character_length("é"), 2U);
  EXPECT_EQ(character_length("€uro"), 3U);
  EXPECT_EQ(character_length("😀"), 4U);
  EXPECT_EQ(character_length(std::string(1, '\0')), 1U);
  EXPECT_EQ(character_length(""), 0U);
}

bool is_text(const std::string& text) {
  try {
    static_cast<void>(nlohmann::json(text).dump());
    return true;
  } catch (const nlohmann::json::type_error&) {
    return false;
  }
}

/// The shortest beginning that is text is one character.
std::size_t length_by_json(const std::string& text) {
  for (std::size_t n = 1; n <= std::min<std::size_t>(text.size(), 4); ++n) {
    if (is_text(text.substr(0, n))) return n;
  }
  return 0;
}

TEST(CharacterLength, AgreesWithJson) {
  for (int lead = 0x80; lead <= 0xff; ++lead) {
    for (const char second :
         {'\x01', '\x7f', '\x80', '\x8f', '\x90', '\x9f', '\xa0', '\xbf', '\xc0'}) {
      for (const char* rest : {"", "\x80", "\xbf\x80", "\x80\xbf", "\x80\x40", "\xc0\x80"}) {
        const std::string text = std::string{static_cast<char>(lead), second} + rest;
        EXPECT_EQ(character_length(text), length_by_json(text)) << lead << " " << +second;
      }
    }
  }
}

}  // namespace
}  // namespace wq::cli
