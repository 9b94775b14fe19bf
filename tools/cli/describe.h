#pragma once

#include <span>
#include <string>
#include <string_view>

#include "cli/options.h"

namespace wq::cli {

// Manual pages and completions from the same texts as `--help`. The build asks each program for
// them (`--describe`) and installs what it says. Pure.

/// `what` is man, bash or zsh. A program's own text is whole; that of a command of one is the part
/// that `begin_description` and `end_description` go around. For a command there is also
/// man-common: the options that all commands have. Throws `UsageError` for any other `what`.
/// `variable` is the environment variable of an option named "option".
[[nodiscard]] std::string describe(std::string_view what, const ProgramText& text,
                                   const std::string& variable,
                                   std::span<const OptionText> options);

/// A command of a program that has some.
struct CommandText {
  std::string name;
  std::string summary;
};
[[nodiscard]] std::string begin_description(std::string_view what, const ProgramText& text,
                                            std::span<const CommandText> commands);
[[nodiscard]] std::string end_description(std::string_view what, const ProgramText& text);

// The parts of these; see man_page.cc and completion.cc.

[[nodiscard]] std::string man_page(const ProgramText& text, const std::string& variable,
                                   std::span<const OptionText> options);
[[nodiscard]] std::string man_of_command(const ProgramText& text,
                                         std::span<const OptionText> options);
[[nodiscard]] std::string man_of_common(std::span<const OptionText> options);
[[nodiscard]] std::string begin_man(const ProgramText& text, std::span<const CommandText> commands);
[[nodiscard]] std::string bash_completion(const ProgramText& text,
                                          std::span<const OptionText> options);
[[nodiscard]] std::string begin_bash(const ProgramText& text,
                                     std::span<const CommandText> commands);
[[nodiscard]] std::string end_bash(const ProgramText& text);
[[nodiscard]] std::string zsh_completion(const ProgramText& text,
                                         std::span<const OptionText> options);
[[nodiscard]] std::string begin_zsh(const ProgramText& text, std::span<const CommandText> commands);
[[nodiscard]] std::string end_zsh(const ProgramText& text);

}  // namespace wq::cli
