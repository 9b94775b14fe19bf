#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>

#include <wq/log.h>
#include <wq/reclaimer.h>

#include "base/keys.h"
#include "maintenance/reclaim_pass.h"

namespace wq::internal {

/// The options of a reclaimer's connection.
[[nodiscard]] RedisOptions for_reclaimer(RedisOptions redis);
/// The shortest time between two passes of a reclaimer, by the lease of its worker.
[[nodiscard]] std::chrono::milliseconds pause_between_passes(std::chrono::milliseconds lease);
/// How often its tenure is extended.
inline constexpr std::chrono::milliseconds kExtendEvery{1'000};
/// Logs how many items of dead workers were returned, if any.
void tell_returned(const Log& log, const ReclaimReport& report);

/// The reclaimer that a worker becomes when its `Heartbeat` is elected, with its own connection
/// while it is in office.
class ElectedReclaimer {
 public:
  /// `lease`: of this worker; the shorter it is, the more often a pass begins. `rests`: whether
  /// this worker rests; called in the thread of `run`.
  ElectedReclaimer(const Keys& keys, RedisOptions redis, std::chrono::milliseconds lease,
                   std::string session, Log log, std::function<bool()> rests);

  /// Begins a tenure, in the thread that is in `run`. Thread-safe.
  void elect();

  /// Waits to be elected and reclaims while it is in office, until `stop`. An error of Redis ends
  /// the tenure silently: another worker is elected, or this one again.
  void run(const std::stop_token& stop);

 private:
  void serve(const std::stop_token& stop);
  // There is nothing to return, nor will be unless somebody pushes.
  [[nodiscard]] bool is_quiet(ReconnectingConnection& link) const;
  void rest(ReclaimPass& pass, const std::stop_token& stop) const;
  [[nodiscard]] std::int64_t peek(ReconnectingConnection& link) const;
  // Extends the tenure to `time` from now. False if another worker is in office.
  bool extend(ReconnectingConnection& link, std::chrono::milliseconds time) const;

  const Keys& keys_;
  const RedisOptions redis_;
  const std::chrono::milliseconds lease_;
  const std::string session_;
  const Log log_;
  const std::function<bool()> rests_;
  std::mutex mutex_;  // guards elected_
  std::condition_variable_any changed_;
  bool elected_ = false;
};

}  // namespace wq::internal
