#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <wq/clock.h>

#include "maintenance/pass.h"
#include "redis/reply.h"

namespace wq::internal {

/// A step of a pass: drops the holds of producers that are gone, and ends the sessions that were
/// silent for a day. Not thread-safe.
class SweepProducers {
 public:
  void run(Pass& pass);
  void reconnected();
  /// True if a hold has expired that may have to be dropped in a later pass.
  [[nodiscard]] bool pending() const noexcept;
  /// The time from the last pass until the last hold expires; zero without one. One command.
  [[nodiscard]] std::chrono::milliseconds until_holds_end(Connection& redis,
                                                          const Keys& keys) const;

 private:
  struct Hold {
    std::string expiry{};                               // as Redis writes it
    TimePoint last_sign{};                              // when this expiry was seen first
    std::optional<std::chrono::milliseconds> length{};  // read once it has expired
    bool expired = false;
    bool still_there = false;
  };

  void watch_holds(const Pass& pass, const Value& holds, bool expired);

  std::map<std::string, Hold> holds_;  // by session
  std::vector<std::string> to_drop_;   // session, expiry, ...
  std::int64_t server_ms_ = 0;         // of the last pass
};

}  // namespace wq::internal
