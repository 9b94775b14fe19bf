#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "process/memory_guard.h"
#include "process/orphan_reaper.h"
#include "process/output_relay.h"

namespace wq::internal {

/// A command to run once.
struct ChildSpec {
  std::vector<std::string> paths;      ///< of the program, tried in turn; see `executable_paths`
  std::vector<std::string> arguments;  ///< the program's name first
  /// "NAME=value", in two parts so that the one which all children share is not copied.
  std::span<const std::string> shared_environment;
  std::vector<std::string> environment;
  /// Its stdin: any bytes of any length, held in memory. Without: empty.
  std::optional<std::string_view> input;
  /// Keep its stdout, up to so many bytes. Without: it goes to the stdout of the worker, see
  /// `StdoutRelay`.
  std::optional<std::size_t> stdout_limit_bytes;
  /// Treats stdout that is not kept as stderr.
  bool stdout_as_stderr = false;
  /// Who it is, for what it writes.
  OutputOrigin origin{};
  /// How long its process group may go on after it was asked to end with SIGTERM.
  std::chrono::milliseconds kill_delay{3'000};
  /// Called about once a second while it runs, in the thread of `run_child`; may be empty.
  std::function<void()> look;
  /// The guard that may kill it for its memory; may be null.
  MemoryGuard* memory_guard = nullptr;
};

/// How it ended.
struct ChildResult {
  /// Why the program could not be executed, an `errno` value. If it is not 0, the rest is unset.
  int exec_error = 0;
  std::optional<int> exit_code;                  ///< this
  std::optional<int> signal;                     ///< or this
  Used used;                                     ///< by all of its group that could be collected
  std::optional<std::uint64_t> killed_at_bytes;  ///< by the guard, for using so much
  bool oom_killed = false;  ///< by the kernel, as far as can be known; see `claim_oom_kill`
  std::string output;       ///< its stdout, empty if `output_too_long`
  bool output_too_long = false;
  std::string stdout_tail;  ///< the last whole lines, at most 4 KiB
  std::string stderr_tail;  ///< the same
  int stdout_error = 0;     ///< an `errno` value: the worker's stdout cannot be written
  /// Some of its stdout was dropped: the worker's stdout was blocked when `stop` was requested.
  bool stdout_is_cut = false;
};

/// Starts the command as `spawn` says, waits until it has ended, and ends its whole process group
/// with it: remaining processes of the group are killed and collected before this returns. Its
/// stderr goes to the worker's stderr, see `StderrRelay`; the end of that and of its stdout is
/// kept. Processes that have left the group, and may still hold stdout or stderr, are not waited
/// for.
///
/// When `stop` is requested the group gets SIGTERM. It may then go on until the kill delay has
/// passed, also when the command itself (a shell, say) has ended; then it gets SIGKILL. The same
/// when the stdout of the worker cannot be written any more. While that stdout is blocked, the
/// child blocks once its pipe is full, and this call waits after the end of the child.
///
/// Each running child takes up to four descriptors of the worker, so the first call raises the
/// limit of open files to its maximum; children get the limit that was set before. Descriptors 0 to
/// 2 must be open.
///
/// Throws `std::system_error` if the system has no room for a process, pipe or file; nothing was
/// run then. (Also if other code has collected the child, against the rules of `OrphanReaper`.)
/// Thread-safe; the calling thread must not end before this returns.
[[nodiscard]] ChildResult run_child(const ChildSpec& spec, OrphanReaper& reaper,
                                    const std::stop_token& stop);

}  // namespace wq::internal
