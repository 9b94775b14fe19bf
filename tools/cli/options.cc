#include "cli/options.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <sstream>

#include <boost/make_shared.hpp>
#include <boost/program_options.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <wq/version.h>

#include "cli/describe.h"
#include "cli/nearest.h"
#include "cli/output.h"

namespace wq::cli {

namespace po = boost::program_options;

namespace {

// Fits the terminals and mails of today; the second is the part that is left to descriptions.
constexpr unsigned kHelpWidth = 96;
constexpr unsigned kDescriptionWidth = 62;

/// Tells Boost how many words an option takes. `Setter` interprets the words.
po::value_semantic* words_of(const std::string& argument) {
  auto* const words = po::value<std::string>();
  return argument.empty() ? words->zero_tokens() : words->value_name(argument);
}

void add_to(po::options_description& group, const OptionText& option, const std::string& help) {
  const std::string names = option.letter == 0 ? option.name : option.name + "," + option.letter;
  group.add(boost::make_shared<po::option_description>(names.c_str(), words_of(option.value.name),
                                                       help.c_str()));
}

/// The options that every program has and no variable sets.
const std::vector<OptionText>& about() {
  static const std::vector<OptionText> options{
      {.group = "About", .is_common = true, .name = "help", .letter = 'h', .help = "this text"},
      {.group = "About", .is_common = true, .name = "version", .help = "the version"}};
  return options;
}

/// "--a, --b or --c"
std::string any_of(std::vector<std::string> options) {
  const std::string last = std::move(options.back());
  options.pop_back();
  if (options.empty()) return "--" + last;
  return fmt::format("--{} or --{}", fmt::join(options, ", --"), last);
}

void set(const Setter& setter, const std::string& text, const std::string& origin) {
  try {
    setter(text);
  } catch (const std::invalid_argument& error) {
    throw UsageError(origin + ": " + error.what());
  }
}

}  // namespace

Value Value::choice(std::vector<std::string> words) {
  return {Kind::choice, fmt::format("{}", fmt::join(words, "|")), std::move(words)};
}

std::string Argument::text() const {
  const std::string shown = value.name + (many ? "..." : "");
  return optional ? "[" + shown + "]" : shown;
}

std::string ProgramText::full_name() const { return command.empty() ? name : name + " " + command; }

std::string ProgramText::form() const {
  std::string form = full_name();
  if (!needed_options.empty()) form += " " + needed_options;
  for (const Argument& argument : arguments) form += " " + argument.text();
  return behind_dashes.empty() ? form : form + " -- " + behind_dashes;
}

std::string ProgramText::usage() const {
  std::string usage = form();
  return usage.insert(usage.find(" -- ") == std::string::npos ? usage.size() : usage.find(" -- "),
                      " [OPTIONS]");
}

Options::Options(ProgramText text) : text_(std::move(text)) {
  if (text_.command.empty()) return;
  group_ = text_.command;
  group_.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(group_.front())));
}

void Options::group(std::string title, bool is_common) {
  group_ = std::move(title);
  is_common_ = is_common;
}

void Options::add(std::string name, Value kind, std::string help, Setter setter,
                  const std::string& default_text) {
  Option option{{.group = group_,
                 .is_common = is_common_,
                 .name = std::move(name),
                 .value = std::move(kind),
                 .help = std::move(help)},
                std::move(setter)};
  if (const auto comma = option.name.find(','); comma != std::string::npos) {
    option.letter = option.name.at(comma + 1);
    option.name.resize(comma);
  }
  if (option.value.kind == Value::Kind::none) {
    option.set = [set = std::move(option.set)](const std::string& text) {
      set(parse_switch(text) ? "true" : "false");
    };
  }
  if (!default_text.empty()) option.help += " [default: " + default_text + "]";
  options_.push_back(std::move(option));
}

void Options::add_switch(std::string name, bool& value, std::string help) {
  add(std::move(name), {}, std::move(help),
      [&value](const std::string& text) { value = text == "true"; });
}

void Options::add_text(std::string name, Value kind, std::string& value, std::string help) {
  add(
      std::move(name), std::move(kind), std::move(help),
      [&value](const std::string& text) { value = text; }, value);
}

void Options::add_list(std::string name, Value kind, std::vector<std::string>& values,
                       std::string help) {
  add(std::move(name), std::move(kind), std::move(help),
      [&values](const std::string& text) { values.push_back(text); });
  options_.back().repeats = true;
}

void Options::add_duration(std::string name, std::chrono::milliseconds& value, std::string help) {
  add(
      std::move(name), Value::time(), std::move(help),
      [&value](const std::string& text) { value = parse_duration(text); }, duration_text(value));
}

void Options::add_size(std::string name, std::uint64_t& value, std::string help,
                       std::uint64_t max) {
  add(
      std::move(name), Value::size(), std::move(help),
      [&value, max](const std::string& text) {
        const std::uint64_t size = parse_size(text);
        if (size > max) {
          throw std::invalid_argument("'" + text + "' is too large: at most " + size_text(max));
        }
        value = size;
      },
      size_text(value));
}

void Options::only_on_command_line() {
  options_.back().command_line_only = true;
  options_.back().help += " [only on the command line]";
}

void Options::only_with(std::vector<std::string> others) {
  options_.back().help += " [only with " + any_of(others) + "]";
  options_.back().only_with = std::move(others);
}

void Options::not_with(std::vector<std::string> others, std::string why) {
  options_.back().help += " [not with " + any_of(others) + "]";
  options_.back().not_with.push_back({std::move(others), std::move(why)});
}

bool Options::parse(int argc, const char* const* argv) {
  if (argc == 3 && std::string_view(argv[1]) == "--describe") {
    write_out(describe(argv[2], text_, variable("option"), texts()));
    return false;
  }
  read_command_line(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc));
  if (given_.contains("help")) {
    write_out(help());
    return false;
  }
  if (given_.contains("version")) {
    write_out(fmt::format("{} {}\n", text_.full_name(), kVersion));
    return false;
  }
  read_environment();
  refuse_combinations();
  warn_of_slips();
  return true;
}

void Options::read_command_line(const std::vector<std::string>& words) {
  // Cut at the `--` by ourselves, since a caller wants to know which arguments came after it.
  const auto dashes = std::find(words.begin(), words.end(), "--");
  po::options_description known;
  for (const Option& option : options_) add_to(known, option, "");
  for (const OptionText& option : about()) add_to(known, option, "");

  po::parsed_options parsed{&known};
  try {
    parsed =
        po::command_line_parser(std::vector<std::string>(words.begin(), dashes))
            .options(known)
            .style(po::command_line_style::default_style & ~po::command_line_style::allow_guessing)
            .run();
  } catch (const po::unknown_option& error) {
    std::string name = error.get_option_name();
    name.resize(std::min(name.find('='), name.size()));
    const std::string bare = name.substr(std::min(name.find_first_not_of('-'), name.size()));
    const std::string hint = did_you_mean(bare, names(), "--");
    throw UsageError("unknown option '" + name + "'" +
                     (hint.empty() ? "; --help lists them" : hint));
  } catch (const po::invalid_command_line_syntax& error) {
    if (error.kind() != po::invalid_syntax::empty_adjacent_parameter)
      throw UsageError(error.what());
    throw UsageError(error.get_option_name() + ": the value after = is missing");
  } catch (const po::error& error) {
    throw UsageError(error.what());
  }

  for (const auto& word : parsed.options) {
    if (word.string_key.empty()) {
      arguments_.insert(arguments_.end(), word.value.begin(), word.value.end());
      continue;
    }
    given_[word.string_key] = true;
    const Option* option = find(word.string_key);
    if (option == nullptr) continue;  // --help or --version
    set(option->set, word.value.empty() ? "true" : word.value.front(), "--" + option->name);
  }
  before_dashes_ = arguments_.size();
  if (dashes != words.end()) arguments_.insert(arguments_.end(), dashes + 1, words.end());
}

std::vector<std::string> Options::values_of(const Option& option, const std::string& text) {
  if (!option.repeats) return {text};
  std::vector<std::string> values;
  std::istringstream lines{text};
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty()) values.push_back(line);
  }
  return values;
}

void Options::read_environment() {
  for (const Option& option : options_) {
    if (given_.contains(option.name)) continue;
    const std::string name = variable(option.name);
    const char* text = std::getenv(name.c_str());
    if (text == nullptr || *text == '\0') continue;
    if (option.command_line_only) {
      warnings_.push_back("$" + name + " is ignored: --" + option.name +
                          " works only on the command line");
      continue;
    }
    for (const std::string& value : values_of(option, text)) set(option.set, value, "$" + name);
    given_[option.name] = option.value.kind != Value::Kind::none || parse_switch(text);
  }
}

void Options::refuse_combinations() const {
  for (const Option& option : options_) {
    if (!given(option.name)) continue;
    const auto is_given = [this](const std::string& other) { return given(other); };
    if (!option.only_with.empty() && std::ranges::none_of(option.only_with, is_given)) {
      throw UsageError(fmt::format("--{} needs {}", option.name, any_of(option.only_with)));
    }
    for (const auto& [others, why] : option.not_with) {
      const auto other = std::ranges::find_if(others, is_given);
      if (other == others.end()) continue;
      throw UsageError(fmt::format("--{} cannot be combined with --{}{}{}", option.name, *other,
                                   why.empty() ? "" : ": ", why));
    }
  }
}

void Options::warn_of_slips() {
  std::vector<std::string> known;
  for (const Option& option : options_) known.push_back(variable(option.name));
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string name{text.substr(0, text.find('='))};
    if (!name.starts_with(text_.env_prefix)) continue;
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    // Compared without the prefix, which is alike in all and would make everything near.
    std::vector<std::string> endings;
    for (const std::string& full : known) endings.push_back(full.substr(text_.env_prefix.size()));
    const std::string hint =
        did_you_mean(name.substr(text_.env_prefix.size()), endings, "$" + text_.env_prefix);
    if (!hint.empty()) warnings_.push_back("$" + name + " is not an option of this program" + hint);
  }
}

std::string Options::variable(std::string_view option) const {
  std::string name = text_.env_prefix;
  for (const char c : option) {
    name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

std::vector<OptionText> Options::texts() const {
  std::vector<OptionText> all(options_.begin(), options_.end());
  all.insert(all.end(), about().begin(), about().end());
  // A group that was left and gone on with is one group.
  for (auto each = all.begin(); each != all.end();) {
    each = std::stable_partition(each, all.end(), [title = each->group](const auto& option) {
      return option.group == title;
    });
  }
  return all;
}

std::string Options::help() const {
  std::ostringstream out;
  out << "Usage: " << text_.usage() << "\n\n" << text_.summary;
  const std::vector<OptionText> options = texts();
  // One description around all groups, so that they share one column.
  po::options_description all{kHelpWidth, kDescriptionWidth};
  for (auto each = options.begin(); each != options.end();) {
    po::options_description group{each->group, kHelpWidth, kDescriptionWidth};
    for (const std::string& title = each->group; each != options.end() && each->group == title;
         ++each) {
      add_to(group, *each, each->help);
    }
    all.add(group);
  }
  out << all;
  if (!options_.empty()) {
    out << fmt::format(
        "\nOptions have environment variables, unless noted otherwise: --{} is ${}.\n"
        "The command line takes precedence; an empty variable is ignored. TIME is a whole number "
        "with\n"
        "ms, s, m, h or d (60s). SIZE is a number of bytes, or has a suffix K, M, G or T (powers "
        "of "
        "1024).\n",
        options_.front().name, variable(options_.front().name));
  }
  if (!text_.ending.empty()) out << "\n" << text_.ending;
  return out.str();
}

const Options::Option* Options::find(std::string_view name) const {
  for (const Option& option : options_) {
    if (option.name == name) return &option;
  }
  return nullptr;
}

std::vector<std::string> Options::names() const {
  std::vector<std::string> all;
  for (const OptionText& option : texts()) all.push_back(option.name);
  return all;
}

}  // namespace wq::cli
