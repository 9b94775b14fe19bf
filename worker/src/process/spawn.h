#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <sys/resource.h>

#include "base/unique_fd.h"
#include "process/orphan_reaper.h"

namespace wq::internal {

/// The parameters of a child. Pointers and descriptors are borrowed until `spawn` returns.
/// Descriptors must be 3 or greater; those for stdout and stderr may be -1: inherited.
struct SpawnRequest {
  const char* const* paths = nullptr;  ///< tried in turn, as `execvp` does; ends with null
  char* const* arguments = nullptr;    ///< ends with null
  char* const* environment = nullptr;  ///< ends with null
  int stdin_fd = -1;
  int stdout_fd = -1;
  int stderr_fd = -1;
  rlimit file_limit{};  ///< of open files
};

/// Starts a process in a session and a process group of its own, without a controlling terminal
/// (it can thus not be stopped by SIGTTIN, SIGTTOU and SIGTSTP either), with no signal blocked or
/// handled in another way than the default, and with no open file but stdin, stdout and stderr. It
/// gets SIGKILL when the thread that calls this ends, and so when this process dies; the thread
/// must therefore outlive the child. (The system takes this promise back for a program that is
/// set-user-ID or has capabilities, and it does not hold for the child's own children.)
///
/// Returns 0 and sets `pidfd`, which becomes readable when the child ends; or the reason why the
/// program could not be executed, as an `errno` value; `child` is then collected already. No
/// shell is tried for a file that is neither a binary nor has a `#!` line. Throws
/// `std::system_error` if the system has no room for a process.
///
/// The memory is not copied, so the cost does not grow with this process; only the calling thread
/// waits, until the program is executed. Thread-safe.
[[nodiscard]] int spawn(const SpawnRequest& request, DirectChild& child, UniqueFd& pidfd);

/// Where `program` may be, in the order in which to try: itself if it has a slash, else one path
/// for each folder of $PATH.
[[nodiscard]] std::vector<std::string> executable_paths(std::string_view program);

}  // namespace wq::internal
