#include "cli/output.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace wq::cli {

namespace {

[[noreturn]] void fail(int error) {
  throw OutputError(fmt::format("cannot write to standard output: {}", std::strerror(error)));
}

/// A control character of two bytes begins here: U+0080 to U+009F in UTF-8. To many terminals
/// U+009B is what ESC [ is.
bool is_long_control(std::string_view text, std::size_t at) {
  return at + 1 < text.size() && text[at] == '\xc2' &&
         (static_cast<unsigned char>(text[at + 1]) & 0xe0U) == 0x80U;
}

}  // namespace

void write_out(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) fail(errno);
}

void flush_out() {
  if (std::fflush(stdout) != 0) fail(errno);
}

void occupy_standard_streams() {
  for (int fd = 0; fd <= 2; ++fd) {
    if (fcntl(fd, F_GETFD) != -1 || errno != EBADF) continue;
    // Opened the wrong way round, so that using the stream is still an error. The lowest free
    // number is this one.
    if (open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd) _exit(1);
  }
}

std::string one_line(std::string_view text) {
  std::string line;
  line.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool is_long = is_long_control(text, i) || (i > 0 && is_long_control(text, i - 1));
    if (text[i] == '\n') {
      line += "\\n";
    } else if (byte < 0x20 || byte == 0x7f || is_long) {
      line += fmt::format("\\x{:02x}", byte);
    } else {
      line += text[i];
    }
  }
  return line;
}

void print_error(std::string_view program, std::string_view message) {
  // One write, so that the line is not torn apart by others on the same stream.
  const std::string line = fmt::format("{}: {}\n", program, one_line(message));
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace wq::cli
