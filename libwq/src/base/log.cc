#include <array>
#include <string>

#include <fmt/format.h>
#include <unistd.h>

#include <wq/log.h>

#include "base/name_in.h"
#include "base/printable.h"
#include "base/write_all.h"

namespace wq {
namespace {

constexpr std::array<std::string_view, 4> kLevels{"debug", "info", "warning", "error"};

}  // namespace

void log_to_stderr(LogLevel level, std::string_view message) {
  if (level == LogLevel::debug) return;
  const std::string line =
      fmt::format("wq: {}: {}\n", internal::name_in(kLevels, level), internal::one_line(message));
  // One write, so that lines of other threads do not mix, and not through a stream of the
  // application.
  static_cast<void>(internal::write_all(STDERR_FILENO, line));  // stderr may be closed
}

}  // namespace wq
