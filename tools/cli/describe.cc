#include "cli/describe.h"

#include <sstream>

#include <fmt/format.h>

namespace wq::cli {

namespace {

[[noreturn]] void refuse(std::string_view what) {
  throw UsageError(fmt::format("--describe: '{}' is none of man|bash|zsh", what));
}

bool is_command(const ProgramText& text) { return text.name.find(' ') != std::string::npos; }

}  // namespace

std::string describe(std::string_view what, const ProgramText& text, const std::string& variable,
                     std::span<const OptionText> options) {
  if (what == "man") {
    return is_command(text) ? man_of_command(text, options) : man_page(text, variable, options);
  }
  if (what == "man-common" && is_command(text)) return man_of_common(options);
  if (what == "bash") return bash_completion(text, options);
  if (what == "zsh") return zsh_completion(text, options);
  refuse(what);
}

std::string begin_description(std::string_view what, const ProgramText& text,
                              std::span<const CommandText> commands) {
  if (what == "man") return begin_man(text, commands);
  if (what == "bash") return begin_bash(text, commands);
  if (what == "zsh") return begin_zsh(text, commands);
  refuse(what);
}

std::string end_description(std::string_view what, const ProgramText& text) {
  if (what == "bash") return end_bash(text);
  if (what == "zsh") return end_zsh(text);
  return "";
}

std::vector<std::string> positionals(const ProgramText& text) {
  std::istringstream words(text.usage.substr(0, text.usage.find('\n')));
  std::vector<std::string> found;
  std::string word;
  // The name itself, of one word or two.
  std::istringstream name(text.name);
  for (std::string part; name >> part;) words >> word;
  bool is_value = false;  // of the option before it
  while (words >> word && word != "--") {
    if (word == "[OPTIONS]") continue;
    if (!is_value && !word.starts_with('-') && !word.starts_with("[-")) found.push_back(word);
    is_value = word.starts_with("--");
  }
  return found;
}

}  // namespace wq::cli
