#include "command/command_template.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <utility>

namespace wq::internal {
namespace {

constexpr std::array<std::string_view, 9> kShells{"sh",  "bash",  "dash", "zsh",  "ksh",
                                                  "ash", "ksh93", "mksh", "rbash"};

bool is_shell(std::string_view word) {
  word.remove_prefix(word.rfind('/') + 1);  // npos + 1 is 0
  return std::find(kShells.begin(), kShells.end(), word) != kShells.end();
}

/// The script among a shell's arguments: with -c, the first that is not an option; else none.
const std::string* find_script(std::span<const std::string> arguments) {
  bool wanted = false;
  std::size_t at = 0;
  while (at < arguments.size()) {
    const std::string_view word = arguments[at];
    if (word.size() < 2 || (word[0] != '-' && word[0] != '+')) break;
    ++at;
    if (word == "--") break;
    if (word.starts_with("--")) {
      if (word == "--rcfile" || word == "--init-file") ++at;
      continue;
    }
    wanted = wanted || (word[0] == '-' && word.find('c') != std::string_view::npos);
    // Each o or O, also in the middle as in -eo, takes a word: pipefail, say.
    at += static_cast<std::size_t>(
        std::count_if(word.begin(), word.end(), [](char c) { return c == 'o' || c == 'O'; }));
  }
  return wanted && at < arguments.size() ? &arguments[at] : nullptr;
}

}  // namespace

CommandTemplate::CommandTemplate(std::vector<std::string> command, std::string marker)
    : command_(std::move(command)), marker_(std::move(marker)) {
  if (command_.empty() || command_.front().empty()) {
    throw std::invalid_argument("the command name is missing");
  }
  refuse_scripts();
  refuse_unknown();
  const auto has_placeholder = [this](const std::string& word) {
    return find_placeholder(word, marker_).has_value();
  };
  has_placeholders_ = std::any_of(command_.begin(), command_.end(), has_placeholder);
  item_chooses_program_ = has_placeholder(command_.front());
  takes_item_ = std::any_of(command_.begin(), command_.end(), [this](const std::string& word) {
    return !item_in(word, marker_).empty();
  });
}

void CommandTemplate::refuse_scripts() const {
  for (std::size_t at = 0; at < command_.size(); ++at) {
    if (!is_shell(command_[at])) continue;
    const std::string* script = find_script(std::span(command_).subspan(at + 1));
    if (script == nullptr) continue;
    const std::string found(item_in(*script, marker_));
    if (found.empty()) continue;
    throw std::invalid_argument(found + " inside the script of " + command_[at] +
                                " -c would execute the item as code; pass the item as an "
                                "argument: " +
                                command_[at] + " -c '... \"$1\"' _ " + found);
  }
}

void CommandTemplate::refuse_unknown() const {
  if (marker_ != kDefaultMarker) return;
  for (const std::string& word : command_) {
    const std::string unknown(find_unknown_placeholder(word));
    if (unknown.empty()) continue;
    throw std::invalid_argument(unknown +
                                " in the command is not a placeholder; the placeholders are " +
                                all_placeholders() + " (-I STR replaces only STR)");
  }
}

std::vector<std::string> CommandTemplate::fill(const Filling& filling) const {
  if (!has_placeholders_) return command_;
  std::vector<std::string> words;
  words.reserve(command_.size());
  for (const std::string& word : command_) {
    std::string& filled = words.emplace_back();
    std::size_t begin = 0;
    while (const auto found = find_placeholder(word, marker_, begin)) {
      filled.append(word, begin, found->at - begin).append(part_of(filling, found->part));
      begin = found->at + found->size;
    }
    filled.append(word, begin);
  }
  return words;
}

std::string_view item_in(std::string_view word, std::string_view marker) {
  for (std::size_t begin = 0; const auto found = find_placeholder(word, marker, begin);) {
    if (is_of_item(found->part)) return word.substr(found->at, found->size);
    begin = found->at + found->size;
  }
  return {};
}

}  // namespace wq::internal
