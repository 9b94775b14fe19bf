#include "cli/describe.h"

#include <fmt/format.h>

namespace wq::cli {

namespace {

[[noreturn]] void refuse(std::string_view what) {
  throw UsageError(fmt::format("--describe: '{}' is invalid: must be man, bash or zsh", what));
}

}  // namespace

std::string describe(std::string_view what, const ProgramText& text, const std::string& variable,
                     std::span<const OptionText> options) {
  if (what == "man") {
    return text.command.empty() ? man_page(text, variable, options) : man_of_command(text, options);
  }
  if (what == "man-common" && !text.command.empty()) return man_of_common(options);
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

}  // namespace wq::cli
