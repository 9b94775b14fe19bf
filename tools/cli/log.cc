#include "cli/log.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <climits>
#include <ctime>
#include <memory>
#include <mutex>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "base/printable.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/terminal.h"

namespace wq::cli {

namespace {

struct Log {
  std::shared_ptr<spdlog::logger> logger;
  LogFormat format = LogFormat::text;
};

// Held while a line is written, so that lines do not mix.
std::mutex& writing() {
  static std::mutex mutex;
  return mutex;
}

Log& the_log() {
  static Log log;
  return log;
}

spdlog::level::level_enum to_spdlog(LogLevel level) {
  constexpr std::array kLevels{spdlog::level::debug, spdlog::level::info, spdlog::level::warn,
                               spdlog::level::err};
  return kLevels.at(static_cast<std::size_t>(level));
}

std::string json_string(std::string_view text) {
  return internal::escaped_json(
      nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

// How many bytes of these lines are written at once: whole lines, and as many as go into a pipe
// with nothing of other processes in between.
std::size_t lines_of_one_write(std::string_view text) {
  const std::size_t last = text.substr(0, PIPE_BUF).rfind('\n');
  return last != std::string_view::npos ? last + 1 : text.find('\n') + 1;
}

// Not through the stream, which drops what does not fit into a pipe that never waits.
void write_to_stderr(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {
      pollfd room{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
      ::poll(&room, 1, -1);
    } else if (errno != EINTR) {
      return;  // no reader is left
    }
  }
}

// One object for each line, with the members of an event and who wrote it.
std::string json_lines(const std::string& program, const LineOrigin& from, std::string_view lines) {
  constexpr std::size_t kLongestItem = 1'000;
  const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
  std::string begin = fmt::format(
      R"({{"time":"{:%FT%T}.{:03}Z","level":"info","program":{},"from":"stderr","slot":{},)",
      fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)), (now - seconds).count(), program,
      from.slot);
  if (from.item) {
    const std::size_t cut = internal::whole_characters(*from.item, kLongestItem);
    std::string item(from.item->substr(0, cut));
    if (cut < from.item->size()) item += fmt::format("... ({} bytes)", from.item->size());
    begin += fmt::format(R"("item":{},)", json_string(item));
  }
  std::string text;
  while (!lines.empty()) {
    const std::size_t end = lines.find('\n');
    text += fmt::format("{}\"message\":{}}}\n", begin, json_string(lines.substr(0, end)));
    lines.remove_prefix(end + 1);
  }
  return text;
}

std::string pattern(LogFormat format, LogStyle style) {
  constexpr const char* kTime = "%Y-%m-%dT%H:%M:%S.%eZ";
  // %n is the logger's name, which for JSON is written as JSON already; so is the message, %v.
  if (format == LogFormat::json) {
    return fmt::format(R"({{"time":"{}","level":"%l","program":%n,"message":%v}})", kTime);
  }
  return style == LogStyle::service ? fmt::format("{} %^%-7l%$ %v", kTime) : "%n: %v";
}

}  // namespace

void add_log_options(Options& options, LogOptions& log) {
  options.group("Log", true);
  options.add_choice<LogFormat>("log-format", log.format,
                                {{"text", LogFormat::text}, {"json", LogFormat::json}},
                                "format of the log on standard error, one line per event");
  options.add_choice<LogLevel>("log-level", log.level,
                               {{"debug", LogLevel::debug},
                                {"info", LogLevel::info},
                                {"warning", LogLevel::warning},
                                {"error", LogLevel::error}},
                               "lowest level that is logged");
}

void start_log(const std::string& program, const LogOptions& options, LogStyle style) {
  const bool json = options.format == LogFormat::json;
  const bool colour = !json && wants_colour(STDERR_FILENO);
  auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>(
      colour ? spdlog::color_mode::automatic : spdlog::color_mode::never);
  auto logger = std::make_shared<spdlog::logger>(json ? json_string(program) : one_line(program),
                                                 std::move(sink));
  logger->set_pattern(pattern(options.format, style), spdlog::pattern_time_type::utc);
  logger->set_level(to_spdlog(options.level));
  // A log that cannot be written (standard error closed) cannot report that.
  logger->set_error_handler([](const std::string&) {});
  the_log() = {std::move(logger), options.format};
}

void log(LogLevel level, std::string_view message) {
  const Log& log = the_log();
  if (!log.logger) {
    print_error("wq", message);
  } else if (log.logger->should_log(to_spdlog(level))) {
    write_without_live_text([&] {
      const std::lock_guard lock(writing());
      log.logger->log(to_spdlog(level), "{}",
                      log.format == LogFormat::json ? json_string(message) : one_line(message));
    });
  }
}

void pass_on(const LineOrigin& from, std::string_view lines) {
  const Log& log = the_log();
  const bool json = log.logger && log.format == LogFormat::json;
  const std::string text = json ? json_lines(log.logger->name(), from, lines) : std::string();
  write_without_live_text([&] {
    const std::lock_guard lock(writing());
    for (std::string_view rest = json ? text : lines; !rest.empty();) {
      const std::size_t size = lines_of_one_write(rest);
      write_to_stderr(rest.substr(0, size));
      rest.remove_prefix(size);
    }
  });
}

void pass_on_raw(std::string_view bytes) { write_to_stderr(bytes); }

bool log_is_json() { return the_log().format == LogFormat::json; }

}  // namespace wq::cli
