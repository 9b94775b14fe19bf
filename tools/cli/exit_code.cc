#include "cli/exit_code.h"

#include <fmt/format.h>

namespace wq::cli {

namespace {

std::string_view meaning(ExitCode code) {
  switch (code) {
    case ExitCode::done:
      return "success; for a worker: the queue is drained";
    case ExitCode::failure:
      return "a program or file error, or the queue's data was lost";
    case ExitCode::usage:
      return "usage, configuration or permission error, or the command cannot be run";
    case ExitCode::dead_or_halted:
      return "drained, but dead letters remain; or halted";
    case ExitCode::no_redis:
      return "Redis was unreachable for longer than --redis-patience";
    case ExitCode::left_early:
      return "exited early as configured (--max-items, --max-idle)";
    case ExitCode::never_opened:
      return "the queue was never opened within --wait-open";
    case ExitCode::interrupted:
      return "interrupted (SIGINT)";
    case ExitCode::terminated:
      return "terminated (SIGTERM)";
  }
  return "";
}

}  // namespace

ExitCode exit_code_for_signal(int signal) noexcept { return static_cast<ExitCode>(128 + signal); }

std::string exit_code_help(std::initializer_list<ExitCode> codes) {
  std::string text = "Exit codes:\n";
  for (const ExitCode code : codes) {
    text += fmt::format("  {:<5}{}\n", static_cast<int>(code), meaning(code));
  }
  return text;
}

}  // namespace wq::cli
