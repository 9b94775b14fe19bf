#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <wq/clock.h>
#include <wq/reclaimer.h>

#include "model/random/queue_model.h"

namespace wq::test::random {

/// What docs/protocol.md says of a reclaimer and what it remembers from pass to pass.
class PassModel {
 public:
  PassModel(QueueModel& queue, ReclaimerOptions options) : queue_(queue), options_(options) {}

  /// The connection was replaced: what was seen on the old one does not count.
  void forget_connection() { connected_ = false; }

  /// One pass. `now` is the reclaimer's own clock.
  ReclaimReport run(TimePoint now);

 private:
  struct Unleased {
    TimePoint first_seen;
    int passes = 0;
    std::uint64_t last_pass = 0;
  };
  struct Hold {
    std::string expiry;
    TimePoint last_sign;
    std::optional<std::int64_t> length_ms;
    bool still_there = false;
  };

  void scan(TimePoint now, ReclaimReport& report);
  void look_at(const std::vector<std::string>& items, TimePoint now, ReclaimReport& report);
  bool is_stranded(const std::string& item, TimePoint now);
  void sweep(TimePoint now, ReclaimReport& report);
  void watch_holds(const std::vector<std::string>& holds, bool expired, TimePoint now);
  void sweep_workers();

  QueueModel& queue_;
  const ReclaimerOptions options_;
  bool connected_ = false;
  std::optional<std::int64_t> said_lease_ms_;  // by workers, when it was first found
  std::chrono::milliseconds lease_{0};
  std::size_t piece_ = 8;  // items of processing that are read at once
  TimePoint connected_at_;
  std::uint64_t passes_ = 0;
  std::map<std::string, Unleased> unleased_;  // by item
  std::map<std::string, Hold> holds_;         // by session
  std::vector<std::string> to_drop_;          // session, expiry, ...
  std::set<std::string> foreign_;             // items whose foreign lease was counted
  std::int64_t workers_swept_ms_ = 0;
};

}  // namespace wq::test::random
