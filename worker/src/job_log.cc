#include "job_log.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <stdexcept>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/printable.h"
#include "base/write_all.h"
#include "cli/output.h"
#include "command/shell_words.h"

namespace wq::internal {
namespace {

constexpr std::string_view kHeading =
    "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n";
constexpr std::size_t kMostInComment = 1'000;

[[noreturn]] void refuse_file(const std::string& path, std::string_view why) {
  throw std::invalid_argument(fmt::format("--joblog: '{}' {}", cli::one_line(path), why));
}

void write_line(int file, std::string_view text) {
  const int error = write_all(file, text);
  if (error != 0) throw std::system_error(error, std::generic_category());
}

/// Of a file that is not empty.
void check_heading(int file, const std::string& path) {
  std::array<char, kHeading.size()> begin{};
  const ssize_t size = ::pread(file, begin.data(), begin.size(), 0);
  if (size < 0 || std::string_view(begin.data(), static_cast<std::size_t>(size)) != kHeading) {
    refuse_file(path, "is not a job log: its first line differs; choose another file");
  }
}

/// The exit code and signal of an attempt; -1 for a timeout, as in GNU parallel.
std::pair<int, int> exit_and_signal(const Outcome& outcome) {
  if (outcome.kind == Outcome::Kind::complete) return {0, 0};
  const Failure& failure = outcome.failure;
  if (failure.signal) return {0, *failure.signal};
  return {failure.exit_code.value_or(-1), 0};
}

}  // namespace

JobLog::JobLog(const std::string& path, std::string_view host) : host_(cli::one_line(host)) {
  file_ = UniqueFd(::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666));
  if (file_.get() < 0) {
    refuse_file(path, "cannot be opened: " + std::generic_category().message(errno));
  }
  struct stat status {};
  ::fstat(file_.get(), &status);
  if (!S_ISREG(status.st_mode)) {
    refuse_file(path, "is not a regular file");
  }
  // Others may begin it at the same time.
  ::flock(file_.get(), LOCK_EX);
  ::fstat(file_.get(), &status);
  if (status.st_size == 0) {
    write_line(file_.get(), kHeading);
  } else {
    check_heading(file_.get(), path);
    char last = 0;  // a full disk may have cut off the end of a line
    if (::pread(file_.get(), &last, 1, status.st_size - 1) == 1 && last != '\n') {
      write_line(file_.get(), "\n");
    }
  }
  ::flock(file_.get(), LOCK_UN);
}

void JobLog::add(const Settlement& settlement, std::string_view command) {
  write_line(file_.get(), job_line(settlement, host_, command));
}

std::string job_line(const Settlement& settlement, std::string_view host,
                     std::string_view command) {
  const auto& [lease, outcome] = settlement;
  if (outcome.kind == Outcome::Kind::release || !outcome.usage.begun) return {};
  const auto seconds = [](auto duration) {
    return std::chrono::duration<double>(duration).count();
  };
  const auto [code, signal] = exit_and_signal(outcome);
  return fmt::format("{}\t{}\t{:.3f}\t{:10.3f}\t{}\t{}\t{}\t{}\t{}\n", lease.fence, host,
                     seconds(outcome.usage.begun->time_since_epoch()),
                     seconds(outcome.usage.wall_time), lease.item.size(),
                     outcome.result ? outcome.result->size() : 0, code, signal, command);
}

std::string with_item(std::string_view command, std::string_view item) {
  const std::string_view shown = item.substr(0, whole_characters(item, kMostInComment));
  return fmt::format("{} # {}{}", command, shell_word(shown),
                     shown.size() < item.size() ? "..." : "");
}

}  // namespace wq::internal
