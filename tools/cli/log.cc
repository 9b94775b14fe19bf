#include "cli/log.h"

#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include "cli/options.h"
#include "cli/output.h"
#include "cli/terminal.h"
#include "cli/utf8.h"

namespace wq::cli {

namespace {

struct Log {
  std::shared_ptr<spdlog::logger> logger;
  LogFormat format = LogFormat::text;
};

Log& the_log() {
  static Log log;
  return log;
}

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

std::string json_text(std::string_view text) {
  return escape_controls(
      nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
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
  options.group("Log");
  options.add_choice<LogFormat>("log-format", log.format,
                                {{"text", LogFormat::text}, {"json", LogFormat::json}},
                                "how an event is written to standard error, one line each");
  options.add_choice<LogLevel>("log-level", log.level,
                               {{"debug", LogLevel::debug},
                                {"info", LogLevel::info},
                                {"warning", LogLevel::warning},
                                {"error", LogLevel::error}},
                               "the least important events that are written");
}

void start_log(const std::string& program, const LogOptions& options, LogStyle style) {
  const bool json = options.format == LogFormat::json;
  const bool colour = !json && wants_colour(STDERR_FILENO);
  auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>(
      colour ? spdlog::color_mode::automatic : spdlog::color_mode::never);
  auto logger = std::make_shared<spdlog::logger>(json ? json_text(program) : one_line(program),
                                                 std::move(sink));
  logger->set_pattern(pattern(options.format, style), spdlog::pattern_time_type::utc);
  logger->set_level(to_spdlog(options.level));
  // A log that cannot be written (standard error closed) is no reason to say so there.
  logger->set_error_handler([](const std::string&) {});
  the_log() = {std::move(logger), options.format};
}

void log(LogLevel level, std::string_view message) {
  const Log& log = the_log();
  if (!log.logger) {
    print_error("wq", message);
  } else if (log.logger->should_log(to_spdlog(level))) {
    write_without_live_text([&] {
      log.logger->log(to_spdlog(level), "{}",
                      log.format == LogFormat::json ? json_text(message) : one_line(message));
    });
  }
}

bool log_is_json() { return the_log().format == LogFormat::json; }

}  // namespace wq::cli
