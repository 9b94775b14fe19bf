#include "cli/output.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/printable.h"

namespace wq::cli {

namespace {

[[noreturn]] void fail(int error) {
  if (error == EPIPE) throw OutputClosed(output_error_text(error));
  throw OutputError(output_error_text(error));
}

}  // namespace

void write_out(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) fail(errno);
}

std::string output_error_text(int error) {
  return fmt::format("cannot write to standard output: {}",
                     error == EPIPE ? "the reader has closed it" : std::strerror(error));
}

void flush_out() {
  if (std::fflush(stdout) != 0) fail(errno);
}

void sync_out() {
  flush_out();
  // Pipes and terminals have nothing to wait for.
  if (fsync(STDOUT_FILENO) != 0 && errno != EINVAL && errno != EROFS && errno != ENOTSUP) {
    fail(errno);
  }
}

void occupy_standard_streams() {
  for (int fd = 0; fd <= 2; ++fd) {
    if (fcntl(fd, F_GETFD) != -1 || errno != EBADF) continue;
    // Opened the wrong way round, so that using the stream is still an error. The lowest free
    // number is this one.
    if (open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd) _exit(1);
  }
}

std::string one_line(std::string_view text) { return internal::one_line(text); }

std::string bytes_text(std::string_view bytes, std::size_t most) {
  const std::size_t cut = internal::whole_characters(bytes, most);
  std::string text = internal::escaped(bytes.substr(0, cut));
  if (cut < bytes.size()) text += fmt::format("... ({} bytes)", bytes.size());
  return text;
}

std::string json_text(std::string_view json) { return internal::escaped_json(json); }

void print_error(std::string_view program, std::string_view message) {
  // One write, so that the line is not torn apart by others on the same stream.
  const std::string line = fmt::format("{}: {}\n", program, one_line(message));
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace wq::cli
