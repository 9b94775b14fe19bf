// Pages for man(1), in the language of man(7).
#include <cctype>
#include <sstream>

#include <fmt/format.h>

#include <wq/version.h>

#include "cli/describe.h"

namespace wq::cli {

namespace {

/// Literal text of the page. Dashes and quotes are kept, so that text copied from a page works.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\(rs";
    } else if (c == '-') {
      out += "\\-";
    } else if (c == '\'') {
      out += "\\(aq";
    } else if (c == '`') {
      out += "\\(ga";
    } else if (c == '^') {
      out += "\\(ha";
    } else if (c == '~') {
      out += "\\(ti";
    } else {
      out += c;
    }
  }
  // A request begins with a dot.
  return out.starts_with('.') ? "\\&" + out : out;
}

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

/// The beginning of a line determines its kind: text; a term and its meaning; else a command to
/// type.
class Body {
 public:
  explicit Body(bool examples) : examples_(examples) {}

  void line(const std::string& text) {
    const std::size_t indent = text.find_first_not_of(' ');
    if (indent == std::string::npos) {
      end();
      fresh_ = true;
      return;
    }
    if (in_term_ && indent > 2) {
      out_ += escaped(text.substr(indent)) + "\n";
      return;
    }
    const std::size_t gap = indent == 2 && !examples_ ? text.find("  ", indent) : std::string::npos;
    if (gap != std::string::npos) {
      end();
      out_ += ".TP\n" + escaped(text.substr(indent, gap - indent)) + "\n" +
              escaped(text.substr(text.find_first_not_of(' ', gap))) + "\n";
      in_term_ = true;
    } else if (indent >= 2) {
      if (!in_example_) out_ += out_.empty() ? ".EX\n" : ".PP\n.EX\n";
      in_example_ = true;
      out_ += escaped(text) + "\n";
    } else {
      if (in_term_ || in_example_) fresh_ = true;
      end();
      if (fresh_) out_ += ".PP\n";
      fresh_ = false;
      out_ += escaped(text) + "\n";
    }
  }

  [[nodiscard]] std::string take() {
    end();
    return std::move(out_);
  }

 private:
  void end() {
    if (in_example_) out_ += ".EE\n";
    in_example_ = in_term_ = false;
  }

  const bool examples_;
  std::string out_;
  bool fresh_ = false;  // the next line of text begins a paragraph
  bool in_term_ = false;
  bool in_example_ = false;
};

std::string paragraphs(const std::string& text, bool examples = false) {
  Body body(examples);
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) body.line(line);
  return body.take();
}

/// The sections of the text below the options: "Title:", and lines that belong to it.
std::string sections(const std::string& ending, std::string_view request) {
  std::string out;
  std::string title;
  std::string text;
  const auto flush = [&] {
    const std::string name = title == "Exit codes" ? "Exit status" : title;
    if (!name.empty()) {
      out += fmt::format("{} {}\n", request, request == ".SH" ? upper(name) : name);
    }
    out += paragraphs(text, title == "Examples");
    title.clear();
    text.clear();
  };
  std::istringstream lines(ending);
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line.front() != ' ' && line.ends_with(':')) {
      flush();
      title = line.substr(0, line.size() - 1);
    } else {
      text += line + "\n";
    }
  }
  flush();
  return out;
}

std::string option_text(const OptionText& option) {
  std::string head = option.letter == 0 ? "" : fmt::format(R"(\fB\-{}\fR, )", option.letter);
  head += "\\fB" + escaped("--" + option.name) + "\\fR";
  if (!option.value.name.empty()) head += " \\fI" + escaped(option.value.name) + "\\fR";
  return fmt::format(".TP\n{}\n{}\n", head, escaped(option.help));
}

std::string options_text(std::span<const OptionText> options, bool own, bool common) {
  std::string out;
  std::string group;
  for (const OptionText& option : options) {
    if (option.is_common ? !common : !own) continue;
    if (option.group != group) out += fmt::format(".SS {}\n", escaped(option.group));
    group = option.group;
    out += option_text(option);
  }
  return out;
}

/// The first sentence, as the section NAME has it.
std::string in_short(const std::string& summary) {
  std::string line = summary.substr(0, summary.find('\n'));
  line = line.substr(0, std::min(line.find(". "), line.find(':')));
  if (line.ends_with('.') || line.ends_with(',')) line.pop_back();
  if (!line.empty()) {
    line[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(line[0])));
  }
  return line;
}

std::string usage_text(const ProgramText& text) {
  return fmt::format("\\fB{}\\fR{}\n", escaped(text.full_name()),
                     escaped(text.usage().substr(text.full_name().size())));
}

std::string head(const ProgramText& text) {
  // Without a date, so that the same source makes the same page.
  return fmt::format(
      ".TH {} 1 \"\" \"wq {}\" \"wq\"\n.SH NAME\n{} \\- {}\n.SH SYNOPSIS\n{}.SH DESCRIPTION\n",
      upper(escaped(text.name)), kVersion, escaped(text.name), escaped(in_short(text.summary)),
      usage_text(text));
}

std::string environment_text(const std::string& variable) {
  const std::string prefix =
      variable.substr(0, variable.size() - std::string_view("OPTION").size());
  return fmt::format(
      ".SH ENVIRONMENT\nEach option can be set in the environment too: "
      "\\fB\\-\\-option\\-name\\fR is \\fB${}OPTION_NAME\\fR.\n"
      "The command line wins, and an empty variable counts as not set.\n"
      ".SH VALUES\nTIME is a whole number with ms, s, m, h or d (60s); SIZE is bytes, or with "
      "K, M, G, T for 1024, 1024 * 1024 and so on.\n",
      prefix);
}

}  // namespace

std::string man_page(const ProgramText& text, const std::string& variable,
                     std::span<const OptionText> options) {
  return head(text) + paragraphs(text.summary) + ".SH OPTIONS\n" +
         options_text(options, true, true) + environment_text(variable) +
         sections(text.ending, ".SH");
}

std::string begin_man(const ProgramText& text, std::span<const CommandText> commands) {
  std::string page = head(text) + paragraphs(text.summary) + ".PP\nThe commands:\n";
  for (const CommandText& command : commands) {
    page += fmt::format(".TP\n\\fB{}\\fR\n{}\n", escaped(command.name), escaped(command.summary));
  }
  return page;
}

std::string man_of_command(const ProgramText& text, std::span<const OptionText> options) {
  return fmt::format(".SH {}\n{}.PP\n", upper(escaped(text.full_name())), usage_text(text)) +
         paragraphs(text.summary) + options_text(options, true, false) +
         sections(text.ending, ".SS");
}

std::string man_of_common(std::span<const OptionText> options) {
  return ".SH OPTIONS OF ALL COMMANDS\n" + options_text(options, false, true) +
         environment_text("WQCTL_OPTION");
}

}  // namespace wq::cli
