// Commands with a marker: filled in as a plain replacement would, and never run as a script.

#include "command/command_template.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "fuzz/fuzz.h"

namespace wq::fuzz {
namespace {

using internal::CommandTemplate;

struct Part {
  std::string_view name;
  std::string text;
};

/// What GNU parallel puts in place of each, by its own rules: those of regular expressions.
std::vector<Part> parts_of(const std::string& item, const std::string& marker) {
  if (marker.empty()) return {};
  if (marker != "{}") return {{marker, item}};
  const auto cut = [](std::string text) {
    const std::size_t dot = text.rfind('.');
    if (dot != std::string::npos && text.find('/', dot) == std::string::npos) text.resize(dot);
    return text;
  };
  const std::size_t slash = item.rfind('/');
  const std::string base = slash == std::string::npos ? item : item.substr(slash + 1);
  return {{"{}", item},        {"{.}", cut(item)}, {"{/}", base},
          {"{/.}", cut(base)}, {"{#}", "71"},      {"{%}", "3"}};
}

/// The word filled in; whether there was something of the item in it.
bool replaced(const std::string& word, const std::vector<Part>& parts, std::string& result) {
  bool has_item = false;
  for (std::size_t i = 0; i < word.size();) {
    const auto part = std::find_if(parts.begin(), parts.end(), [&](const Part& each) {
      return word.compare(i, each.name.size(), each.name) == 0 &&
             (&each == &parts.front() || i == 0 || word[i - 1] != '$');
    });
    if (part == parts.end()) {
      result += word[i++];
      continue;
    }
    result += part->text;
    i += part->name.size();
    has_item = has_item || (part->name != "{#}" && part->name != "{%}") || parts.size() == 1;
  }
  return has_item;
}

void fill(const std::string& marker, const std::string& item,
          const std::vector<std::string>& command) {
  const std::vector<Part> parts = parts_of(item, marker);
  const auto message = refusal([&] {
    const CommandTemplate made(command, marker);
    require(made.program() == command.front(), "the program is the first word");
    std::vector<std::string> should;
    bool takes_item = false;
    for (const std::string& word : command) {
      if (marker == "{}" && word.find("{//}") != std::string::npos) return;  // as dirname does it
      takes_item = replaced(word, parts, should.emplace_back()) || takes_item;
    }
    require(made.takes_item() == takes_item, "it knows whether it takes the item");
    require(made.fill({.item = item, .sequence = 71, .slot = 2}) == should,
            "every marker is replaced and nothing else");
  });
  require(!command.empty() || message.has_value(), "a command without a word is refused");
}

/// However a shell is called with -c, a script with the marker in it is refused.
void script(std::uint8_t how, std::string before, std::string after,
            const std::vector<std::string>& more) {
  static constexpr std::array kShells{"sh", "/bin/bash", "./dash", "zsh", "ksh"};
  static constexpr std::array kFlags{"-c", "-ec", "-cx", "-xec"};
  // A word of options in front of the script would not be the script.
  if (before.starts_with('-') || before.starts_with('+')) before.insert(0, " ");
  std::vector<std::string> command;
  if ((how & 1U) != 0) command.insert(command.end(), {"timeout", "5"});
  command.emplace_back(kShells.at((how >> 1U) % kShells.size()));
  command.emplace_back(kFlags.at((how >> 4U) % kFlags.size()));
  command.push_back(std::move(before) + "{}" + std::move(after));
  command.insert(command.end(), more.begin(), more.end());
  require(refusal([&] { CommandTemplate(command, "{}"); }).has_value(),
          "no item becomes a part of a script");
}

}  // namespace
}  // namespace wq::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  wq::fuzz::Bytes bytes(data, size);
  const std::uint8_t mode = bytes.byte();
  if (mode == 's') {
    const std::uint8_t how = bytes.byte();
    std::string before = bytes.word();
    std::string after = bytes.word();
    wq::fuzz::script(how, std::move(before), std::move(after), bytes.words());
  } else {
    const std::string marker = bytes.word();
    const std::string item = bytes.word();
    wq::fuzz::fill(marker, item, bytes.words());
  }
  return 0;
}
