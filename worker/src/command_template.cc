#include "command_template.h"

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
    throw std::invalid_argument("no command to run: its name is missing");
  }
  refuse_scripts();
  item_chooses_program_ = has_marker(command_.front());
  takes_item_ = std::any_of(command_.begin(), command_.end(),
                            [this](const std::string& word) { return has_marker(word); });
}

bool CommandTemplate::has_marker(std::string_view word) const noexcept {
  return !marker_.empty() && word.find(marker_) != std::string_view::npos;
}

void CommandTemplate::refuse_scripts() const {
  for (std::size_t at = 0; at < command_.size(); ++at) {
    if (!is_shell(command_[at])) continue;
    const std::string* script = find_script(std::span(command_).subspan(at + 1));
    if (script == nullptr || !has_marker(*script)) continue;
    throw std::invalid_argument(marker_ + " inside the script of " + command_[at] +
                                " -c would run what an item says; hand the item over as an "
                                "argument: " +
                                command_[at] + " -c '... \"$1\"' _ " + marker_);
  }
}

std::vector<std::string> CommandTemplate::fill(std::string_view item) const {
  if (!takes_item_) return command_;
  std::vector<std::string> words;
  words.reserve(command_.size());
  for (const std::string& word : command_) {
    std::string& filled = words.emplace_back();
    std::size_t begin = 0;
    std::size_t at = 0;
    while ((at = word.find(marker_, begin)) != std::string::npos) {
      filled.append(word, begin, at - begin).append(item);
      begin = at + marker_.size();
    }
    filled.append(word, begin);
  }
  return words;
}

}  // namespace wq::internal
