#pragma once

#include <span>
#include <string_view>

#include <wq/lease.h>

namespace wq::internal {

/// While it lives, the items of a handler that runs in this thread: a crash names the first.
class CrashContext {
 public:
  /// Throws `std::bad_alloc`.
  explicit CrashContext(std::span<const Lease> items);
  ~CrashContext();
  CrashContext(const CrashContext&) = delete;
  CrashContext& operator=(const CrashContext&) = delete;
};

/// From now on one line on standard error tells of a signal that a fault in this process raises
/// (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT): which one, and the item whose handler ran in that
/// thread. The process then dies of it as it would have. A signal for which somebody else has a
/// handler (a sanitizer, the program itself) is left alone. Once in a process: later calls have no
/// effect. Any thread. Throws `std::bad_alloc`.
void report_crashes(std::string_view program, bool json);

}  // namespace wq::internal
