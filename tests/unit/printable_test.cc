#include "base/printable.h"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace wq::internal {
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

TEST(CodePoint, IsTheNumberOfTheCharacter) {
  EXPECT_EQ(code_point("a"), U'a');
  EXPECT_EQ(code_point("é"), U'é');
  EXPECT_EQ(code_point("€uro"), U'€');
  EXPECT_EQ(code_point("😀"), U'😀');
}

TEST(IsShown, LettersOfAnyScriptBlanksAndSigns) {
  for (const char32_t character : U"aé€😀 \u00a0ñмшא中한กि\u0301\U0001f1e9\ue000") {
    if (character != 0) {
      EXPECT_TRUE(is_shown(character)) << std::hex << static_cast<unsigned>(character);
    }
  }
}

TEST(IsShown, NothingThatControlsATerminalTurnsTheTextOrCannotBeSeen) {
  for (const char32_t character :
       {U'\u0007',    U'\u001b', U'\u007f',     U'\u0085',     U'\u009b',     U'\u00ad',
        U'\u034f',    U'\u061c', U'\u115f',     U'\u180e',     U'\u200b',     U'\u200d',
        U'\u200e',    U'\u200f', U'\u2028',     U'\u202a',     U'\u202e',     U'\u2060',
        U'\u2066',    U'\u2069', U'\u206f',     U'\u3164',     U'\ufe0f',     U'\ufeff',
        U'\ufff9',    U'\uffff', U'\U000e0001', U'\U000e0061', U'\U000e01ef', U'\U0001d173',
        U'\U0010fffe'}) {
    EXPECT_FALSE(is_shown(character)) << std::hex << static_cast<unsigned>(character);
  }
}

TEST(WholeCharacters, CutNoneInTwo) {
  EXPECT_EQ(whole_characters("abc", 5), 3U);
  EXPECT_EQ(whole_characters("abc", 2), 2U);
  EXPECT_EQ(whole_characters("a€b", 1), 1U);
  EXPECT_EQ(whole_characters("a€b", 2), 1U);
  EXPECT_EQ(whole_characters("a€b", 3), 1U);
  EXPECT_EQ(whole_characters("a€b", 4), 4U);
  EXPECT_EQ(whole_characters("a😀", 4), 1U);
  EXPECT_EQ(whole_characters("\xff\xff\xff", 2), 2U);
}

TEST(Escaped, WritesWhatIsNotShownAsItsBytes) {
  EXPECT_EQ(escaped("caf\u00e9 \u202egnp.exe"), "café \\xe2\\x80\\xaegnp.exe");
  EXPECT_EQ(escaped("a\x1b[31m\xff"), "a\\x1b[31m\\xff");
  EXPECT_EQ(escaped(""), "");
}

TEST(EscapedJson, MeansTheSame) {
  const std::string text = "a\u202e\u200d\u009b\x7f\U000e0061\u00e9";
  const std::string json = nlohmann::json(text).dump();
  EXPECT_EQ(escaped_json(json), "\"a\\u202e\\u200d\\u009b\\u007f\\udb40\\udc61é\"");
  EXPECT_EQ(nlohmann::json::parse(escaped_json(json)), text);
}

TEST(PrintableItems, StandInQuotes) {
  EXPECT_EQ(printable("apple pie"), "'apple pie'");
  EXPECT_EQ(printable("pâté"), "'pâté'");
  EXPECT_EQ(printable(""), "''");
}

TEST(PrintableItems, ShowWhatIsNotPrintableAsNumbers) {
  EXPECT_EQ(printable("a\r\nb\t"), R"('a\x0d\x0ab\x09')");
  EXPECT_EQ(printable(std::string("\0\x1b\x7f\xff", 4)), R"('\x00\x1b\x7f\xff')");
  EXPECT_EQ(printable("\u202e"), R"('\xe2\x80\xae')");
}

TEST(PrintableItems, ShowTheirOwnSignsAsNumbers) {
  EXPECT_EQ(printable(R"(it's \x41)"), R"('it\x27s \x5cx41')");
}

TEST(PrintableItems, AreCutAndSayHowLongTheyAre) {
  EXPECT_EQ(printable(std::string(80, 'x')), "'" + std::string(80, 'x') + "'");
  EXPECT_EQ(printable(std::string(81, 'x')), "'" + std::string(80, 'x') + "'... (81 bytes)");
  EXPECT_EQ(printable(std::string(79, 'x') + "€"), "'" + std::string(79, 'x') + "'... (82 bytes)");
}

}  // namespace
}  // namespace wq::internal
