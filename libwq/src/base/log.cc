#include <cerrno>
#include <string>

#include <fmt/format.h>
#include <unistd.h>

#include <wq/log.h>

#include "base/printable.h"

namespace wq {
namespace {

std::string_view word_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warning:
      return "warning";
    case LogLevel::error:
      return "error";
  }
  return "info";
}

}  // namespace

void log_to_stderr(LogLevel level, std::string_view message) {
  if (level == LogLevel::debug) return;
  const std::string line = fmt::format("wq: {}: {}\n", word_of(level), internal::one_line(message));
  // One write, so that lines of other threads do not mix, and not through a stream of the
  // application.
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, rest.data(), rest.size());
    if (written >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      return;  // nobody listens
    }
  }
}

}  // namespace wq
