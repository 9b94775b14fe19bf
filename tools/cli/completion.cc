// Completions for bash, which need no package besides bash itself, and for zsh.
#include <cctype>

#include <fmt/format.h>
#include <fmt/ranges.h>

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

std::string names(const OptionText& option, std::string_view between) {
  const std::string name = "--" + option.name;
  return option.letter == 0 ? name : fmt::format("-{}{}{}", option.letter, between, name);
}

/// A bash statement that offers what a value may be.
std::string bash_offer(const Value& value, const std::string& env_prefix) {
  switch (value.kind) {
    case Value::Kind::queue:
      return "_wq_queues " + env_prefix;
    case Value::Kind::choice:
      return fmt::format("_wq_words '{}'", fmt::join(value.words, " "));
    case Value::Kind::file:
      return "_wq_files";
    default:
      return ":";
  }
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
    if (option.value.kind == Value::Kind::none) continue;
    valued += names(option, " ") + " ";
    cases += fmt::format("    {}) {} ;;\n", names(option, " | "),
                         bash_offer(option.value, text.env_prefix));
  }
  std::string places;
  int place = 0;
  for (const Argument& argument : text.arguments) {
    places += fmt::format("    {}) {} ;;\n", argument.many ? "*" : std::to_string(++place),
                          bash_offer(argument.value, text.env_prefix));
  }
  const char* behind =
      text.runs_command ? "if ((place == 1)); then _wq_commands; else _wq_files; fi" : ":";
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
                     function_name(text.full_name()), valued, first, cases, behind, all, places);
}

std::string bash_head(const ProgramText& text) {
  return fmt::format("# Completion of {} for bash; made from its --help.\n", text.name) +
         kBashHelpers;
}

/// For zsh: text within '...' and [...] or after a colon.
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

std::string zsh_offer(const Value& value, const std::string& env_prefix) {
  switch (value.kind) {
    case Value::Kind::none:
      return "";
    case Value::Kind::queue:
      return fmt::format(":queue: _wq_queues {}", env_prefix);
    case Value::Kind::choice:
      return fmt::format(":value:({})", fmt::join(value.words, " "));
    case Value::Kind::file:
      return fmt::format(":{}:_files", zsh_text(value.name));
    default:
      return fmt::format(":{}: ", zsh_text(value.name));
  }
}

std::string zsh_arguments(const ProgramText& text, std::span<const OptionText> options) {
  std::string out = "  _arguments -S \\\n";
  for (const OptionText& option : options) {
    const std::string rest =
        fmt::format("[{}]{}'", zsh_text(option.help), zsh_offer(option.value, text.env_prefix));
    const char* value = option.value.kind == Value::Kind::none ? "" : "=";
    const char* again = option.repeats ? "*" : "";
    if (option.letter == 0) {
      out += fmt::format("    '{}--{}{}{} \\\n", again, option.name, value, rest);
    } else {
      out += fmt::format("    '(-{0} --{1})'{{-{0},--{1}{2}}}'{3} \\\n", option.letter, option.name,
                         value, rest);
    }
  }
  int place = 0;
  for (const Argument& argument : text.arguments) {
    out += fmt::format("    '{}{}' \\\n", argument.many ? "*" : std::to_string(++place),
                       zsh_offer(argument.value, text.env_prefix));
  }
  if (text.runs_command) out += "    '*:: :_normal' \\\n";
  return out.substr(0, out.size() - 3) + "\n";
}

}  // namespace

std::string bash_completion(const ProgramText& text, std::span<const OptionText> options) {
  if (!text.command.empty()) return bash_function(text, options, 2);
  return bash_head(text) + bash_function(text, options, 1) + end_bash(text);
}

std::string begin_bash(const ProgramText& text, std::span<const CommandText> commands) {
  std::string words = "--help --version";
  for (const CommandText& command : commands) words += " " + command.name;
  const std::string name = function_name(text.name);
  return bash_head(text) + fmt::format(R"sh(
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
  const std::string name = function_name(text.full_name());
  const std::string body = fmt::format("{}() {{\n{}}}\n", name, zsh_arguments(text, options));
  if (!text.command.empty()) return "\n" + body;
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
