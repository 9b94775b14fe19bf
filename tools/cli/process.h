#pragma once

#include <string>
#include <utility>

#include "cli/log.h"
#include "cli/signals.h"

namespace wq::cli {

/// The log of a process and its watch for signals. Both exist once, however many wq programs
/// run in it, at a time or one after the other. `run_main` makes it and hands it to the body, which
/// hands it to each program. Not thread-safe, except for `signals`.
class Process {
 public:
  /// `name`: what messages say.
  explicit Process(std::string name) : name_(std::move(name)) {}
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  [[nodiscard]] const std::string& name() const noexcept { return name_; }

  /// Lets `log` write as asked, see `start_log`. Does nothing when the log has begun: the first
  /// program of a process says how. Call it before there are threads.
  void begin_log(const LogOptions& options, LogStyle style) {
    if (!std::exchange(log_has_begun_, true)) start_log(name_, options, style);
  }

  [[nodiscard]] StopSignals& signals() noexcept { return signals_; }

 private:
  const std::string name_;
  bool log_has_begun_ = false;
  StopSignals signals_;
};

}  // namespace wq::cli
