// Completions for bash, which need no package besides bash itself, and for zsh.
#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "cli/describe.h"

namespace wq::cli {

namespace {

/// "wq-push" as _wq_push, "wqctl status" as _wqctl_status.
std::string function_name(const std::string& name) {
  std::string out = "_" + name;
  for (char& c : out) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return out;
}

bool is_choice(const std::string& argument) { return argument.find('|') != std::string::npos; }

bool is_file(const std::string& argument) {
  return argument == "FILE" || argument.find("ITEMS") != std::string::npos;
}

bool is_queue(const std::string& argument) { return argument == "QUEUE" || argument == "[QUEUE]"; }

/// The words of "a|b", "[a|b]".
std::string choices(std::string argument) {
  std::erase_if(argument, [](char c) { return c == '[' || c == ']' || c == '.'; });
  std::replace(argument.begin(), argument.end(), '|', ' ');
  return argument;
}

bool runs_a_command(const ProgramText& text) {
  return text.usage.find("-- COMMAND") != std::string::npos;
}

std::string names(const OptionText& option, std::string_view between) {
  const std::string name = "--" + option.name;
  return option.letter == 0 ? name : fmt::format("-{}{}{}", option.letter, between, name);
}

/// A bash statement that offers what an argument may be.
std::string bash_offer(const std::string& argument, const std::string& env_prefix) {
  if (is_queue(argument)) return "_wq_queues " + env_prefix;
  if (is_choice(argument)) return fmt::format("_wq_words '{}'", choices(argument));
  return is_file(argument) ? "_wq_files" : ":";
}

// The parts of words that bash cuts at "=" are put together again; what was typed is in `words`.
constexpr const char* kBashHelpers = R"sh(
_wq_words() { mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur"); }
_wq_files() {
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen -f -- "$cur")
}
_wq_commands() { mapfile -t COMPREPLY < <(compgen -c -- "$cur"); }

# Looks at the words before the cursor. "$1": options that take a value, with spaces around each.
# Sets cur, prev (an option whose value cur is, else empty), place (of cur among what is no option,
# from 1) and dashes (1 behind a --, then place counts from there).
_wq_look() {
  local i word waiting= before= colon=
  place=1 dashes=0 prev=
  cur=${COMP_WORDS[COMP_CWORD]}
  [[ $cur == : ]] && cur= colon=1
  for ((i = $2; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if [[ $word == = && -n $waiting ]]; then
      continue
    elif [[ $word == : ]]; then
      [[ -n $before ]] && waiting=$before || ((place--))
    elif [[ -n $waiting ]]; then
      before=$waiting waiting=
      continue
    elif ((!dashes)) && [[ $word == -- ]]; then
      dashes=1 place=1
    elif ((!dashes)) && [[ $word == -?* ]]; then
      [[ $1 == *" $word "* ]] && waiting=$word
    else
      ((place++))
    fi
    before=
  done
  if [[ -n $colon ]]; then
    [[ -n $before ]] && waiting=$before || ((place--))
  fi
  prev=$waiting
  [[ -n $prev && $cur == = ]] && cur=
  return 0
}

# The names of queues, within a second; none where Redis is away. "$1": what the variables of the
# program's options begin with. Names are anybody's data: nothing here evaluates them.
_wq_queues() {
  local line=${COMP_LINE:0:${COMP_POINT:-0}} typed name option variable value where=() insecure=()
  typed=${line##*[[:space:]]} typed=${typed#--*=}
  [[ $typed == *"$cur" ]] || typed=$cur
  for option in redis password-file tls-ca tls-cert tls-key tls-server-name; do
    variable=${option^^} variable=$1${variable//-/_} value=${!variable}
    [[ $line =~ [[:space:]]--$option[=[:space:]]+([^[:space:]]+)[[:space:]] ]] &&
      value=${BASH_REMATCH[1]//[\'\"]/}
    [[ -n $value ]] && where+=("WQCTL_${variable#"$1"}=$value")
  done
  [[ $line == *' --tls-insecure '* ]] && insecure=(--tls-insecure)
  local plain='^[][A-Za-z0-9_.:/@%+,={}-]+$'
  while IFS= read -r name; do
    [[ $name == "$typed"* && $name =~ $plain ]] && COMPREPLY+=("${name#"${typed%"$cur"}"}")
  done < <(
    ((${#where[@]})) && export "${where[@]}"
    exec timeout 1 wqctl queues --names --within 700ms "${insecure[@]}" 2>/dev/null </dev/null
  )
  return 0
}
)sh";

std::string bash_function(const ProgramText& text, std::span<const OptionText> options, int first) {
  std::string valued = " ";
  std::string all;
  std::string cases;
  for (const OptionText& option : options) {
    all += (all.empty() ? "" : " ") + names(option, " ");
    if (option.argument.empty()) continue;
    valued += names(option, " ") + " ";
    cases += fmt::format("    {}) {} ;;\n", names(option, " | "),
                         bash_offer(option.argument, text.env_prefix));
  }
  std::string places;
  const auto arguments = positionals(text);
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const bool many = arguments[i].find("...") != std::string::npos;
    places += fmt::format("    {}) {} ;;\n", many ? "*" : std::to_string(i + 1),
                          bash_offer(arguments[i], text.env_prefix));
  }
  const char* behind =
      runs_a_command(text) ? "if ((place == 1)); then _wq_commands; else _wq_files; fi" : ":";
  return fmt::format(R"sh(
{}() {{
  local cur prev place dashes
  COMPREPLY=()
  _wq_look '{}' {}
  case $prev in
    '') ;;
{}  esac
  [[ -n $prev ]] && return
  if ((dashes)); then
    {}
    return
  fi
  if [[ $cur == -* ]]; then
    _wq_words '{}'
    return
  fi
  case $place in
{}    *) ;;
  esac
}}
)sh",
                     function_name(text.name), valued, first, cases, behind, all, places);
}

/// For zsh: what stands within '...' and [...] or behind a colon.
std::string zsh_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else if (c == '[' || c == ']' || c == ':' || c == '\\') {
      out += {'\\', c};
    } else {
      out += c;
    }
  }
  return out;
}

// As that for bash.
constexpr const char* kZshHelpers = R"sh(
_wq_queues() {
  local -a names where insecure
  local option variable value i
  for option in redis password-file tls-ca tls-cert tls-key tls-server-name; do
    variable=${${(U)option}//-/_}
    value=${(P)${:-$1$variable}}
    for ((i = 1; i < CURRENT; i++)); do
      [[ $words[i] == --$option=* ]] && value=${(Q)${words[i]#*=}}
      [[ $words[i] == --$option ]] && value=${(Q)words[i+1]}
      [[ $words[i] == --tls-insecure ]] && insecure=(--tls-insecure)
    done
    [[ -n $value ]] && where+=("WQCTL_$variable=$value")
  done
  names=(${(f)"$(
    (($#where)) && export "$where[@]"
    exec timeout 1 wqctl queues --names --within 700ms $insecure 2>/dev/null </dev/null
  )"})
  compadd -a names
}
)sh";

std::string zsh_offer(const std::string& argument, const std::string& env_prefix) {
  if (is_queue(argument)) return fmt::format(":queue: _wq_queues {}", env_prefix);
  const std::string what = zsh_text(argument);
  if (is_choice(argument)) return fmt::format(":value:({})", choices(argument));
  return fmt::format(":{}:{}", what, is_file(argument) ? "_files" : " ");
}

std::string zsh_arguments(const ProgramText& text, std::span<const OptionText> options) {
  std::string out = "  _arguments -S \\\n";
  for (const OptionText& option : options) {
    const std::string rest =
        fmt::format("[{}]{}'", zsh_text(option.help),
                    option.argument.empty() ? "" : zsh_offer(option.argument, text.env_prefix));
    const char* value = option.argument.empty() ? "" : "=";
    // Files are lists; giving anything else again is of no use.
    const char* again = option.argument == "FILE" ? "*" : "";
    if (option.letter == 0) {
      out += fmt::format("    '{}--{}{}{} \\\n", again, option.name, value, rest);
    } else {
      out += fmt::format("    '(-{0} --{1})'{{-{0},--{1}{2}}}'{3} \\\n", option.letter, option.name,
                         value, rest);
    }
  }
  int place = 1;
  for (const std::string& argument : positionals(text)) {
    const bool many = argument.find("...") != std::string::npos;
    out += fmt::format("    '{}{}' \\\n", many ? "*" : std::to_string(place),
                       zsh_offer(argument, text.env_prefix));
    ++place;
  }
  if (runs_a_command(text)) out += "    '*:: :_normal' \\\n";
  return out.substr(0, out.size() - 3) + "\n";
}

}  // namespace

std::string bash_completion(const ProgramText& text, std::span<const OptionText> options) {
  const bool command = text.name.find(' ') != std::string::npos;
  if (command) return bash_function(text, options, 2);
  return fmt::format("# Completion of {} for bash; made from its --help.\n", text.name) +
         kBashHelpers + bash_function(text, options, 1) +
         fmt::format("\ncomplete -F {} {}\n", function_name(text.name), text.name);
}

std::string begin_bash(const ProgramText& text, std::span<const CommandText> commands) {
  std::string words = "--help --version";
  for (const CommandText& command : commands) words += " " + command.name;
  const std::string name = function_name(text.name);
  return fmt::format("# Completion of {} for bash; made from its --help.\n", text.name) +
         kBashHelpers +
         fmt::format(R"sh(
{0}() {{
  local command=${{COMP_WORDS[1]}}
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    local cur=$command
    _wq_words '{1}'
  elif declare -F "{0}_${{command//-/_}}" >/dev/null; then
    "{0}_${{command//-/_}}"
  fi
}}
)sh",
                     name, words);
}

std::string end_bash(const ProgramText& text) {
  return fmt::format("\ncomplete -F {} {}\n", function_name(text.name), text.name);
}

std::string zsh_completion(const ProgramText& text, std::span<const OptionText> options) {
  const std::string name = function_name(text.name);
  const bool command = text.name.find(' ') != std::string::npos;
  const std::string body = fmt::format("{}() {{\n{}}}\n", name, zsh_arguments(text, options));
  if (command) return "\n" + body;
  return fmt::format("#compdef {0}\n# Made from {0} --help.\n{1}\n{2}\n{3} \"$@\"\n", text.name,
                     kZshHelpers, body, name);
}

std::string begin_zsh(const ProgramText& text, std::span<const CommandText> commands) {
  std::string list;
  for (const CommandText& command : commands) {
    list += fmt::format("    '{}:{}'\n", command.name, zsh_text(command.summary));
  }
  return fmt::format(R"sh(#compdef {0}
# Made from {0} --help.
{3}
{1}() {{
  local -a commands=(
{2}  )
  if ((CURRENT == 2)); then
    _describe -t commands command commands
    return
  fi
  local command=$words[2]
  shift words
  ((CURRENT--))
  (($+functions[{1}_${{command//-/_}}])) && {1}_${{command//-/_}}
}}
)sh",
                     text.name, function_name(text.name), list, kZshHelpers);
}

std::string end_zsh(const ProgramText& text) {
  return fmt::format("\n{} \"$@\"\n", function_name(text.name));
}

}  // namespace wq::cli
