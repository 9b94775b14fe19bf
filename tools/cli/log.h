#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <wq/log.h>

namespace wq::cli {

class Options;

enum class LogFormat { text, json };

struct LogOptions {
  LogFormat format = LogFormat::text;
  LogLevel level = LogLevel::info;
};

/// How a line of text begins.
enum class LogStyle {
  service,  ///< time and level, for programs that run for long
  tool,     ///< the program's name, as with any command
};

/// Declares --log-format and --log-level.
void add_log_options(Options& options, LogOptions& log);

/// From here on `log` writes to standard error as asked, with colour on a terminal unless NO_COLOR
/// is set. Call it once, before there are threads.
void start_log(const std::string& program, const LogOptions& options, LogStyle style);

/// Writes one line, whatever is in the message: line ends and other control characters are
/// written as `\n` and the like; in JSON, bytes that are no UTF-8 become U+FFFD. Thread-safe; never
/// throws. Before `start_log` it writes plain text.
void log(LogLevel level, std::string_view message);

/// Whose lines `pass_on` writes.
struct LineOrigin {
  unsigned slot = 0;
  std::optional<std::string_view> item{};  ///< that it worked on, if it worked on one alone
};

/// Writes what a child wrote to its standard error: whole lines, each with its end. They stay as
/// they are; as JSON each becomes an object with `"from":"stderr"`, its slot, its item and, as its
/// message, the line. Never within another line, also of `log`. Thread-safe; may wait for a pipe
/// that is full.
void pass_on(const LineOrigin& from, std::string_view lines);

/// The same for bytes that are passed on immediately and unchanged, even in the middle of a line.
void pass_on_raw(std::string_view bytes);

/// True once `start_log` was asked for JSON.
[[nodiscard]] bool log_is_json();

}  // namespace wq::cli
