// Commands with a marker: filled in as a plain replacement would, and never run as a script.

#include "command_template.h"

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "fuzz/fuzz.h"

namespace wq::fuzz {
namespace {

using internal::CommandTemplate;

std::string replaced(const std::string& word, const std::string& marker, std::string_view item) {
  if (marker.empty()) return word;
  std::string result;
  for (std::size_t i = 0; i < word.size();) {
    if (word.compare(i, marker.size(), marker) == 0) {
      result += item;
      i += marker.size();
    } else {
      result += word[i++];
    }
  }
  return result;
}

void fill(const std::string& marker, const std::string& item,
          const std::vector<std::string>& command) {
  const auto message = refusal([&] {
    const CommandTemplate made(command, marker);
    std::vector<std::string> should;
    bool takes_item = false;
    for (const std::string& word : command) {
      should.push_back(replaced(word, marker, item));
      takes_item = takes_item || (!marker.empty() && word.find(marker) != std::string::npos);
    }
    require(made.takes_item() == takes_item, "it knows whether it takes the item");
    require(made.fill(item) == should, "every marker is replaced and nothing else");
    require(made.program() == command.front(), "the program is the first word");
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
