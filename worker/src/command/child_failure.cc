#include "command/child_failure.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>
#include <system_error>
#include <utility>

#include <sys/resource.h>
#include <unistd.h>

namespace wq::internal {
namespace {

std::string describe_signal(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return "killed by signal " + std::to_string(signal) +
         (name != nullptr ? " (SIG" + std::string(name) + ")" : "");
}

std::string mebibytes(std::uint64_t bytes) { return std::to_string(bytes >> 20U) + " MiB"; }

}  // namespace

std::optional<std::uint64_t> known_rss(std::uint64_t max_rss_bytes) {
  rusage own{};
  ::getrusage(RUSAGE_SELF, &own);
  if (max_rss_bytes <= static_cast<std::uint64_t>(own.ru_maxrss) * 1024) return std::nullopt;
  return max_rss_bytes;
}

bool is_programs_fault(int error) {
  switch (error) {
    case EACCES:
    case EINVAL:
    case EISDIR:
    case ELIBBAD:
    case ELOOP:
    case ENAMETOOLONG:
    case ENOENT:
    case ENOEXEC:
    case ENOTDIR:
    case EPERM:
      return true;
    default:
      return false;
  }
}

std::string exec_error_text(int error, const std::vector<std::string>& paths) {
  if (error == E2BIG) return "the command line and the environment exceed the system's limit";
  if (error == ENOEXEC) {
    return "not a program for this machine, and not a script that begins with a line such as "
           "#!/bin/sh";
  }
  if (error == ENOENT && std::any_of(paths.begin(), paths.end(), [](const std::string& path) {
        return ::access(path.c_str(), F_OK) == 0;
      })) {
    return "the file exists, but its interpreter does not";
  }
  return std::generic_category().message(error);
}

Failure failure_of(ChildResult& result, std::uint64_t memory_limit_bytes) {
  Failure failure;
  failure.exit_code = result.exit_code;
  failure.signal = result.signal;
  if (result.signal == SIGKILL && result.killed_at_bytes) {
    failure.kind = FailureKind::oom;
    failure.message = "killed: it used " + mebibytes(*result.killed_at_bytes) +
                      ", the most of all commands, which together exceeded --memory-limit (" +
                      mebibytes(memory_limit_bytes) + ")";
  } else if (result.oom_killed) {
    failure.kind = FailureKind::oom;
    failure.message = "killed by the kernel: out of memory";
  } else if (result.exit_code) {
    failure.kind = FailureKind::exit;
    failure.message = "exited with code " + std::to_string(*result.exit_code);
  } else {
    failure.kind = FailureKind::signal;
    failure.message = describe_signal(*result.signal);
  }
  failure.max_rss_bytes = known_rss(result.used.max_rss_bytes);
  if (result.killed_at_bytes) {
    failure.max_rss_bytes = std::max(failure.max_rss_bytes.value_or(0), *result.killed_at_bytes);
  }
  failure.cpu_time = std::chrono::floor<std::chrono::milliseconds>(result.used.cpu_time);
  failure.stdout_tail = std::move(result.stdout_tail);
  failure.stderr_tail = std::move(result.stderr_tail);
  return failure;
}

bool is_crash(const Failure& failure) { return failure.signal || failure.kind == FailureKind::oom; }

}  // namespace wq::internal
