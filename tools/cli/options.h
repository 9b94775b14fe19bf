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

/// What a program says of itself.
struct ProgramText {
  std::string name;        ///< "wq-push"
  std::string env_prefix;  ///< "WQ_PUSH_": `--max-items` is then `$WQ_PUSH_MAX_ITEMS`
  std::string usage;       ///< "wq-push [OPTIONS] QUEUE [ITEMS...]"; may have several lines
  std::string summary;     ///< what the program does; shown below the usage
  std::string ending;      ///< shown below the options: examples, exit codes
};

/// What `--help` says of one option.
struct OptionText {
  std::string group;
  std::string name;      ///< without the dashes
  char letter = 0;       ///< of the short form; 0: there is none
  std::string argument;  ///< what its value is called; empty: it takes none
  std::string help;
};

/// Takes the text of a value and keeps what it means. Throws `std::invalid_argument` whose message
/// quotes the text; which option it was for is added by `Options`.
using Setter = std::function<void(const std::string&)>;

/// The options of a program: declared once, with the variables that they set, and from there read
/// from the command line and the environment and shown in `--help`. The value that a variable has
/// when it is declared is the default that `--help` shows.
///
/// Names are exact, nothing is guessed from a prefix. Given twice, the last one counts, except for
/// lists. An environment variable that is empty counts as not set. `--` ends the options.
///
/// `--describe man|bash|zsh`, which `--help` does not show, prints the manual page and the
/// completions that are installed, see describe.h.
///
/// Not thread-safe. The variables must outlive the object.
class Options {
 public:
  explicit Options(ProgramText text);

  /// Options declared from here on stand under this heading.
  void group(std::string title);

  // `name` is "lease", or "marker,I" for one that has a short form as well; `argument` is what
  // --help calls the value.

  /// Set by its presence, or by a variable that says 1.
  void add_switch(std::string name, bool& value, std::string help);
  void add_text(std::string name, std::string argument, std::string& value, std::string help);
  /// May be given several times.
  void add_list(std::string name, std::string argument, std::vector<std::string>& values,
                std::string help);
  void add_duration(std::string name, std::chrono::milliseconds& value, std::string help);
  void add_size(std::string name, std::uint64_t& value, std::string help,
                std::uint64_t max = std::numeric_limits<std::uint64_t>::max());
  template <std::unsigned_integral T>
  void add_number(std::string name, T& value, std::string help, std::uint64_t min = 0,
                  std::uint64_t max = std::numeric_limits<T>::max());
  template <typename T>
  void add_choice(std::string name, T& value, const std::vector<std::pair<std::string, T>>& choices,
                  std::string help);
  /// Anything else. An empty `argument` makes a switch: `set` is called with
  /// "true", or with "false" for a variable that says 0.
  void add(std::string name, std::string argument, std::string help, Setter set,
           const std::string& default_text = "");

  /// The option that was declared last is never read from the environment: what is dangerous must
  /// be seen where the program is started.
  void only_on_command_line();

  /// Reads the command line, then the environment for what was not given there. Returns false if
  /// `--help`, `--version` or `--describe` was asked for, which was then printed. Throws
  /// `UsageError`.
  [[nodiscard]] bool parse(int argc, const char* const* argv);

  /// What was on the command line besides options, in its order.
  [[nodiscard]] const std::vector<std::string>& arguments() const noexcept { return arguments_; }

  /// How many of `arguments` stood before the `--`, if there was one.
  [[nodiscard]] std::size_t arguments_before_dashes() const noexcept { return before_dashes_; }

  /// Lines for the log: variables with our prefix that are no option but look like a slip.
  [[nodiscard]] const std::vector<std::string>& warnings() const noexcept { return warnings_; }

  /// True if the command line or the environment has set this option.
  [[nodiscard]] bool given(const std::string& option) const { return given_.contains(option); }

  /// The environment variable of an option: "lease" is `WQ_WORKER_LEASE`.
  [[nodiscard]] std::string variable(std::string_view option) const;

  [[nodiscard]] std::string help() const;

 private:
  struct Option : OptionText {
    Setter set;
    bool command_line_only = false;
  };

  void read_command_line(const std::vector<std::string>& words);
  void read_environment();
  void warn_of_slips();
  [[nodiscard]] const Option* find(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> names() const;

  ProgramText text_;
  std::string group_ = "Options";
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
      std::move(name), "N", std::move(help),
      [&value, min, max](const std::string& text) {
        value = static_cast<T>(parse_number(text, min, max));
      },
      std::to_string(value));
}

template <typename T>
void Options::add_choice(std::string name, T& value,
                         const std::vector<std::pair<std::string, T>>& choices, std::string help) {
  std::string all;
  std::string now;
  for (const auto& [word, meaning] : choices) {
    all += (all.empty() ? "" : "|") + word;
    if (meaning == value) now = word;
  }
  add(
      std::move(name), all, std::move(help),
      [&value, choices, all](const std::string& text) {
        for (const auto& [word, meaning] : choices) {
          if (word != text) continue;
          value = meaning;
          return;
        }
        throw std::invalid_argument("'" + text + "' is none of " + all);
      },
      now);
}

}  // namespace wq::cli
