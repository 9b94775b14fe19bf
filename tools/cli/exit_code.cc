#include "cli/exit_code.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

namespace wq::cli {

namespace {

constexpr std::array<std::pair<ExitCode, const char*>, 9> kMeanings{{
    {ExitCode::done, "success; for a worker: the queue is drained"},
    {ExitCode::failure, "a program or file error, or the queue's data was lost"},
    {ExitCode::usage, "usage, configuration or permission error, or the command cannot be run"},
    {ExitCode::dead_or_halted, "drained, but dead letters remain; or halted"},
    {ExitCode::no_redis, "Redis was unreachable for longer than --redis-patience"},
    {ExitCode::left_early, "exited early as configured (--max-items, --max-idle)"},
    {ExitCode::never_opened, "the queue was never opened within --wait-open"},
    {ExitCode::interrupted, "interrupted (SIGINT)"},
    {ExitCode::terminated, "terminated (SIGTERM)"},
}};

}  // namespace

ExitCode exit_code_for_signal(int signal) noexcept { return static_cast<ExitCode>(128 + signal); }

std::string exit_code_help(const std::vector<ExitCode>& codes) {
  std::string text = "Exit codes:\n";
  for (const auto& [code, meaning] : kMeanings) {
    if (std::find(codes.begin(), codes.end(), code) == codes.end()) continue;
    text += fmt::format("  {:<5}{}\n", static_cast<int>(code), meaning);
  }
  return text;
}

}  // namespace wq::cli
