#pragma once

#include <chrono>
#include <functional>
#include <string>

#include <wq/clock.h>
#include <wq/log.h>

namespace wq::internal {

/// Says in the log what a worker waits for: after two seconds, and again each minute with how long
/// it has waited, so that no wait is silent and a short one says nothing. Not thread-safe.
class WaitNotice {
 public:
  enum class For {
    nothing,
    queue,     ///< to begin
    slots,     ///< to be ready
    resume,    ///< of a queue that is paused
    producer,  ///< which holds an empty queue open
    others,    ///< the last items, which others hold or which are not due
  };

  explicit WaitNotice(Log log);

  /// What is waited for now. Another one than before begins a new wait. `text` is asked only when
  /// something is said; what it throws is passed on.
  void waits(For what, TimePoint now, const std::function<std::string()>& text);
  void waits_no_more() noexcept { what_ = For::nothing; }

 private:
  const Log log_;
  For what_ = For::nothing;
  TimePoint since_;
  TimePoint next_;
};

}  // namespace wq::internal
