#include "command/command_check.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>
#include <stdexcept>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <glob.h>
#include <unistd.h>

#include "base/glob.h"
#include "cli/output.h"
#include "command/shell_words.h"
#include "process/spawn.h"

namespace wq::internal {
namespace {

constexpr std::string_view kBlanks = " \t\n";
constexpr std::string_view kForShells = "|&;<>()$`\"'*?[~";
constexpr std::array<std::string_view, 10> kOperators{"|",  "||", "&&",   "|&", ">",
                                                      ">>", "2>", "2>&1", "&>", "<"};
// Theirs are the same.
constexpr std::array<std::string_view, 3> kOwnOperators{"expr", "test", "["};

bool has_any(std::string_view text, std::string_view of) {
  return text.find_first_of(of) != std::string_view::npos;
}

bool something_matches(const std::string& pattern) {
  glob_t found{};
  const int result = ::glob(pattern.c_str(), GLOB_NOSORT | GLOB_PERIOD, nullptr, &found);
  ::globfree(&found);
  return result != GLOB_NOMATCH;  // what cannot be read may hold anything
}

// Whether some item could make this the name of something that exists. Where the name has a blank
// beside the item, all of it must match; else the item may have slashes, so only what is in front
// of it counts.
bool some_item_fits(const CommandTemplate& command) {
  const std::string& name = command.program();
  std::string pattern;
  std::string literals;
  std::size_t begin = 0;
  const auto first = find_placeholder(name, command.marker());
  while (const auto found = find_placeholder(name, command.marker(), begin)) {
    literals.append(name, begin, found->at - begin);
    pattern += literal_glob(std::string_view(name).substr(begin, found->at - begin)) + "*";
    begin = found->at + found->size;
  }
  literals.append(name, begin);
  pattern += literal_glob(std::string_view(name).substr(begin));
  if (!has_any(literals, kBlanks)) pattern = literal_glob(name.substr(0, first->at)) + "*";
  std::vector<std::string> paths = executable_paths(pattern);
  paths.push_back(pattern);  // an item with a slash in it is not looked for in $PATH
  return std::any_of(paths.begin(), paths.end(), something_matches);
}

bool is_missing(const CommandTemplate& command) {
  if (command.item_chooses_program()) return !some_item_fits(command);
  const auto paths = executable_paths(command.program());
  return std::all_of(paths.begin(), paths.end(), [](const std::string& path) {
    return ::access(path.c_str(), F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR);
  });
}

// As sh -c 'SCRIPT' _ {}: the text with "$1" in the places of the first placeholder, "$2" of the
// next that is another one.
std::string as_script(const CommandTemplate& command) {
  std::string text = command.program();
  for (const std::string& word : std::span(command.words()).subspan(1)) {
    text += " " + (has_any(word, kForShells) ? word : shell_word(word));
  }
  std::string script;
  std::vector<std::string> handed;
  std::size_t begin = 0;
  while (const auto found = find_placeholder(text, command.marker(), begin)) {
    const std::string name = text.substr(found->at, found->size);
    auto place = std::find(handed.begin(), handed.end(), name);
    if (place == handed.end()) place = handed.insert(handed.end(), name);
    std::size_t end = found->at + found->size;
    std::size_t from = found->at;
    const bool quoted = from > begin && end < text.size() && text[from - 1] == text[end] &&
                        (text[end] == '"' || text[end] == '\'');
    if (quoted) {
      --from;
      ++end;
    }
    script.append(text, begin, from - begin);
    script += fmt::format("\"${}\"", place - handed.begin() + 1);
    begin = end;
  }
  script.append(text, begin);
  return "sh -c " + shell_word(script) + (handed.empty() ? "" : " _ ") + shell_line(handed);
}

std::string right_form(const CommandTemplate& command) {
  const std::string& name = command.program();
  if (has_any(name, kForShells)) return as_script(command);
  std::vector<std::string> words;
  for (std::size_t begin = 0;
       (begin = name.find_first_not_of(kBlanks, begin)) != std::string::npos;) {
    const std::size_t end = std::min(name.find_first_of(kBlanks, begin), name.size());
    words.push_back(name.substr(begin, end - begin));
    begin = end;
  }
  words.insert(words.end(), command.words().begin() + 1, command.words().end());
  return shell_line(words);
}

}  // namespace

void refuse_missing_program(const CommandTemplate& command) {
  if (!is_missing(command)) return;
  const std::string& name = command.program();
  const std::string shown = cli::one_line(name);
  if (has_any(name, kBlanks) || has_any(name, kForShells)) {
    throw std::invalid_argument(
        fmt::format("program '{}' not found: pass the words of the command as separate arguments, "
                    "no shell splits them; write: -- {}",
                    shown, cli::one_line(right_form(command))));
  }
  if (const std::size_t equals = name.find('='); equals < name.find('/') && equals > 0) {
    throw std::invalid_argument(
        fmt::format("program '{}' not found; to set a variable write: -- env {}", shown,
                    cli::one_line(shell_line(command.words()))));
  }
  if (command.item_chooses_program()) {
    throw std::invalid_argument(fmt::format("program '{}' not found, whatever the item", shown));
  }
  throw std::invalid_argument(fmt::format("cannot run '{}': No such file or directory", shown));
}

std::optional<std::string> shell_operator_warning(const CommandTemplate& command) {
  std::string_view program = command.program();
  program.remove_prefix(program.rfind('/') + 1);
  const auto is_one_of = [](const auto& words, std::string_view word) {
    return std::find(words.begin(), words.end(), word) != words.end();
  };
  if (is_one_of(kOwnOperators, program)) return std::nullopt;
  const auto& words = command.words();
  const auto found = std::find_if(words.begin() + 1, words.end(), [&](const std::string& word) {
    return is_one_of(kOperators, word);
  });
  if (found == words.end()) return std::nullopt;
  return fmt::format(
      "'{}' is passed to {} as an argument, since no shell is involved; with a "
      "shell: -- {}",
      *found, cli::one_line(command.program()), cli::one_line(as_script(command)));
}

}  // namespace wq::internal
