#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/units.h"

namespace wq::cli {

/// The kind of a value on the command line: completions offer values of it.
struct Value {
  enum class Kind { none, text, file, queue, time, size, number, choice };

  Kind kind = Kind::none;            ///< none: a switch, which takes no value
  std::string name{};                ///< what `--help` calls it
  std::vector<std::string> words{};  ///< of a choice

  [[nodiscard]] static Value text(std::string name) { return {Kind::text, std::move(name), {}}; }
  [[nodiscard]] static Value file(std::string name = "FILE") {
    return {Kind::file, std::move(name), {}};
  }
  [[nodiscard]] static Value queue() { return {Kind::queue, "QUEUE", {}}; }
  [[nodiscard]] static Value time() { return {Kind::time, "TIME", {}}; }
  [[nodiscard]] static Value size() { return {Kind::size, "SIZE", {}}; }
  [[nodiscard]] static Value number() { return {Kind::number, "N", {}}; }
  [[nodiscard]] static Value choice(std::vector<std::string> words);  ///< called "a|b"
};

/// An argument on the command line that is not an option.
struct Argument {
  Value value{};
  bool optional = false;
  bool many = false;  ///< the last one may be given several times

  [[nodiscard]] std::string text() const;  ///< "QUEUE", "[ITEM...]"
};

/// The texts of a program, or of a command of one.
struct ProgramText {
  std::string name{};            ///< "wqctl"
  std::string command{};         ///< "status"; empty: the program has no commands
  std::string env_prefix{};      ///< "WQCTL_": `--log-level` is then `$WQCTL_LOG_LEVEL`
  std::string needed_options{};  ///< "--queue QUEUE"
  std::vector<Argument> arguments{};
  std::string behind_dashes{};  ///< "COMMAND [ARGS...]": must follow a `--`
  bool runs_command = false;    ///< it is a command line
  std::string summary{};        ///< what it does; shown below the usage
  std::string ending{};         ///< shown below the options: examples, exit codes

  [[nodiscard]] std::string full_name() const;
  [[nodiscard]] std::string form() const;   ///< "wqctl status [QUEUE]"
  [[nodiscard]] std::string usage() const;  ///< the same with "[OPTIONS]" in it
};

/// The texts of one option.
struct OptionText {
  std::string group{};
  bool is_common = false;  ///< every program has it
  std::string name{};      ///< without the dashes
  char letter = 0;         ///< of the short form; 0: none
  Value value{};
  bool repeats = false;  ///< each one counts, not only the last
  std::string help{};
};

/// Takes the text of a value and keeps what it means. Throws `std::invalid_argument` whose message
/// quotes the text; which option it was for is added by `Options`.
using Setter = std::function<void(const std::string&)>;

/// The options of a program: declared once, with the variables that they set, and from there read
/// from the command line and the environment and shown in `--help`. The value that a variable has
/// when it is declared is the default that `--help` shows.
///
/// Names are exact, nothing is guessed from a prefix. Given twice, the last one counts, except for
/// lists. An environment variable that is empty counts as not set; that of an option that may be
/// given several times holds one value a line. `--` ends the options.
///
/// `--describe man|bash|zsh`, which `--help` does not show, prints the manual page and the
/// completions that are installed, see describe.h.
///
/// Not thread-safe. The variables must outlive the object.
class Options {
 public:
  explicit Options(ProgramText text);

  /// The heading of the options that are declared from here on; first it is "Options", or the name
  /// of the command. `is_common`: every program has them.
  void group(std::string title, bool is_common = false);

  // `name` is "lease", or "marker,I" for one that has a short form as well.

  /// Set by its presence, or by a variable that says 1.
  void add_switch(std::string name, bool& value, std::string help);
  void add_text(std::string name, Value kind, std::string& value, std::string help);
  /// May be given several times.
  void add_list(std::string name, Value kind, std::vector<std::string>& values, std::string help);
  void add_duration(std::string name, std::chrono::milliseconds& value, std::string help);
  void add_size(std::string name, std::uint64_t& value, std::string help,
                std::uint64_t max = std::numeric_limits<std::uint64_t>::max());
  template <std::unsigned_integral T>
  void add_number(std::string name, T& value, std::string help, std::uint64_t min = 0,
                  std::uint64_t max = std::numeric_limits<T>::max());
  template <typename T>
  using Choices = std::vector<std::pair<std::string, T>>;
  template <typename T>
  void add_choice(std::string name, T& value, const Choices<T>& choices, std::string help);
  /// May be given several times.
  template <typename T>
  void add_choices(std::string name, std::vector<T>& values, const Choices<T>& choices,
                   std::string help);
  /// Anything else. For a switch `set` is called with "true", or with "false" for a variable that
  /// says 0.
  void add(std::string name, Value kind, std::string help, Setter set,
           const std::string& default_text = "");

  // Of the option that was declared last; `--help` says it too.

  /// It is never read from the environment: a dangerous option must be seen where the program is
  /// started.
  void only_on_command_line();
  /// It is refused unless one of these is given.
  void only_with(std::vector<std::string> others);
  /// It is refused if one of these is given; the message says `why`. May be called again, with
  /// another reason.
  void not_with(std::vector<std::string> others, std::string why = "");

  /// Reads the command line, then the environment for what was not given there. Returns false if
  /// `--help`, `--version` or `--describe` was asked for, which was then printed. Throws
  /// `UsageError`.
  [[nodiscard]] bool parse(int argc, const char* const* argv);

  /// The arguments that are not options, in order.
  [[nodiscard]] const std::vector<std::string>& arguments() const noexcept { return arguments_; }

  /// How many of `arguments` stood before the `--`, if there was one.
  [[nodiscard]] std::size_t arguments_before_dashes() const noexcept { return before_dashes_; }

  /// Warnings for the log: variables with the prefix of the program that look like a typo.
  [[nodiscard]] const std::vector<std::string>& warnings() const noexcept { return warnings_; }

  /// True if the command line or the environment has set this option, a switch to on.
  [[nodiscard]] bool given(const std::string& option) const {
    const auto found = given_.find(option);
    return found != given_.end() && found->second;
  }

  /// The environment variable of an option: "lease" is `WQ_WORKER_LEASE`.
  [[nodiscard]] std::string variable(std::string_view option) const;

  [[nodiscard]] const ProgramText& text() const noexcept { return text_; }
  [[nodiscard]] std::string help() const;

 private:
  struct Exclusion {
    std::vector<std::string> others;
    std::string why;
  };
  struct Option : OptionText {
    Setter set;
    bool command_line_only = false;
    std::vector<std::string> only_with{};
    std::vector<Exclusion> not_with{};
  };

  /// Calls `found` with what a word means.
  template <typename T>
  void add_choices_of(std::string name, const Choices<T>& choices, std::string help,
                      std::function<void(const T&)> found, const std::string& now);
  void read_command_line(const std::vector<std::string>& words);
  /// Of a variable.
  [[nodiscard]] static std::vector<std::string> values_of(const Option& option,
                                                          const std::string& text);
  void read_environment();
  void refuse_combinations() const;
  void warn_of_slips();
  [[nodiscard]] const Option* find(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> names() const;
  [[nodiscard]] std::vector<OptionText> texts() const;

  ProgramText text_;
  std::string group_ = "Options";  // of a command: its name
  bool is_common_ = false;
  std::vector<Option> options_;
  std::map<std::string, bool> given_;
  std::vector<std::string> arguments_;
  std::size_t before_dashes_ = 0;
  std::vector<std::string> warnings_;
};

/// A mistake on the command line or in the environment; `what()` is one line for the user.
class UsageError : public std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

template <std::unsigned_integral T>
void Options::add_number(std::string name, T& value, std::string help, std::uint64_t min,
                         std::uint64_t max) {
  add(
      std::move(name), Value::number(), std::move(help),
      [&value, min, max](const std::string& text) {
        value = static_cast<T>(parse_number(text, min, max));
      },
      std::to_string(value));
}

template <typename T>
void Options::add_choices_of(std::string name, const Choices<T>& choices, std::string help,
                             std::function<void(const T&)> found, const std::string& now) {
  std::vector<std::string> words;
  for (const auto& [word, meaning] : choices) words.push_back(word);
  Value kind = Value::choice(std::move(words));
  Setter set = [choices, all = kind.name, found](const std::string& text) {
    for (const auto& [word, meaning] : choices) {
      if (word == text) return found(meaning);
    }
    throw std::invalid_argument("'" + text + "' is invalid: must be one of " + all);
  };
  add(std::move(name), std::move(kind), std::move(help), std::move(set), now);
}

template <typename T>
void Options::add_choice(std::string name, T& value, const Choices<T>& choices, std::string help) {
  std::string now;
  for (const auto& [word, meaning] : choices) {
    if (meaning == value) now = word;
  }
  add_choices_of<T>(
      std::move(name), choices, std::move(help), [&value](const T& meaning) { value = meaning; },
      now);
}

template <typename T>
void Options::add_choices(std::string name, std::vector<T>& values, const Choices<T>& choices,
                          std::string help) {
  add_choices_of<T>(
      std::move(name), choices, std::move(help),
      [&values](const T& meaning) { values.push_back(meaning); }, "");
  options_.back().repeats = true;
}

}  // namespace wq::cli
