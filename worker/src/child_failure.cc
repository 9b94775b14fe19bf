#include "child_failure.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include <sys/resource.h>
#include <unistd.h>

#include "cli/redis_flags.h"

namespace wq::internal {
namespace {

// What a child has from us, or must not have.
constexpr std::array<std::string_view, 9> kOurVariables{
    "WQ_ITEM",    "WQ_ITEM_SHA224", "WQ_QUEUE",         "WQ_ATTEMPT",   "WQ_FENCE",
    "WQ_SESSION", "WQ_SLOT",        "WQ_LEASE_SECONDS", "REDISCLI_AUTH"};

bool is_kept(std::string_view name) {
  return !name.starts_with("WQ_WORKER_") &&
         std::find(kOurVariables.begin(), kOurVariables.end(), name) == kOurVariables.end();
}

/// Whether our programs look there for a URL; what others have in their own variables is theirs.
bool may_be_redis(std::string_view name) {
  return name.starts_with("WQ_") || name.starts_with("WQCTL_") || name == "REDIS_URL";
}

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

std::vector<std::string> child_environment(const std::string& queue,
                                           std::chrono::milliseconds lease,
                                           const std::optional<RedisOptions>& pass_redis) {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    const std::string_view name = text.substr(0, text.find('='));
    if (!is_kept(name) || (pass_redis && name == "WQ_REDIS")) continue;
    const bool without_password = !pass_redis && may_be_redis(name) && name.size() < text.size();
    if (without_password) {
      const std::size_t value = name.size() + 1;
      variables.push_back(std::string(text.substr(0, value)) +
                          cli::url_for_others(text.substr(value)));
    } else {
      variables.emplace_back(text);
    }
  }
  if (pass_redis) {
    variables.push_back("WQ_REDIS=" + pass_redis->url);
    if (!pass_redis->password.empty()) variables.push_back("REDISCLI_AUTH=" + pass_redis->password);
  }
  variables.push_back("WQ_QUEUE=" + queue);
  variables.push_back("WQ_LEASE_SECONDS=" + in_seconds(lease));
  return variables;
}

std::string in_seconds(std::chrono::milliseconds duration) {
  std::string text = std::to_string(duration.count() / 1000);
  if (const auto rest = duration.count() % 1000; rest != 0) {
    std::string decimals = std::to_string(1000 + rest).substr(1);
    decimals.erase(decimals.find_last_not_of('0') + 1);
    text += '.' + decimals;
  }
  return text;
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
  if (error == E2BIG) return "the command and the environment are too long for the system";
  if (error == ENOEXEC) {
    return "neither a program for this machine nor a script that begins with a line such as "
           "#!/bin/sh";
  }
  if (error == ENOENT && std::any_of(paths.begin(), paths.end(), [](const std::string& path) {
        return ::access(path.c_str(), F_OK) == 0;
      })) {
    return "the file is there, but the interpreter that it names is not";
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
                      ", most of what all commands of this worker may use together (" +
                      mebibytes(memory_limit_bytes) + ", --memory-limit)";
  } else if (result.oom_killed) {
    failure.kind = FailureKind::oom;
    failure.message = "killed by the kernel: no memory was left";
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
