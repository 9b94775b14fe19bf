#pragma once

#include <string>
#include <string_view>

#include <wq/lease.h>

#include "base/unique_fd.h"

namespace wq::internal {

/// A file with a line for each try, in the columns of GNU parallel's `--joblog`. Lines are only
/// added, each in one write, so that several workers of one machine may share the file. Nothing is
/// flushed to the disk: a machine that goes down may lose the last lines. Not thread-safe.
class JobLog {
 public:
  /// Creates the file or appends to it. `host` is the column Host. Throws `std::invalid_argument`
  /// if it cannot be opened, or holds something else.
  JobLog(const std::string& path, std::string_view host);

  /// Throws `std::system_error` if the file does not take the line.
  void add(const Settlement& settlement, std::string_view command);

 private:
  UniqueFd file_;
  std::string host_;
};

/// The line, with its end; nothing for a released attempt: it did not count. Exitval is -1 for a
/// failure without an exit code or a signal. Pure, as is the next.
[[nodiscard]] std::string job_line(const Settlement& settlement, std::string_view host,
                                   std::string_view command);

/// A command line with the item as a comment behind it, shortened to 1000 bytes.
[[nodiscard]] std::string with_item(std::string_view command, std::string_view item);

}  // namespace wq::internal
