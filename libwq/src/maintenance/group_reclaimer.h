#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <wq/clock.h>
#include <wq/log.h>
#include <wq/reclaimer.h>

#include "maintenance/reclaim_pass.h"
#include "redis/reconnecting_connection.h"

namespace wq::internal {

/// The reclaimer of all queues of a group. One of the workers with the same pattern is in office.
/// It looks at all queues and makes passes over those that hold something a pass may have to move:
/// an item in processing, a delayed item that is due, a hold that has expired. Its passes may meet
/// those of a queue's own reclaimer, which costs time and nothing else: each step looks at
/// everything again in the call that moves it.
class GroupReclaimer {
 public:
  /// The names of the queues as they are known now. Any thread.
  using Names = std::function<std::shared_ptr<const std::vector<std::string>>()>;

  /// `lease`: of this worker; the shorter it is, the more often a look begins.
  GroupReclaimer(const std::string& pattern, RedisOptions redis, std::chrono::milliseconds lease,
                 std::string session, Log log, Names names);

  /// Bids for the office and reclaims while it is in office, until `stop`. An error of Redis ends
  /// the tenure: another worker begins one, or this one again.
  void run(const std::stop_token& stop);

 private:
  void serve(const std::stop_token& stop);
  bool hold_office(std::chrono::milliseconds time);
  void look(TimePoint now);
  [[nodiscard]] std::set<std::string> find_work(bool whole);
  void pass(Connection& redis, QueuePass& queue, TimePoint now);
  void avoid(const QueuePass& queue, std::string_view why, TimePoint now);

  const std::string office_;  // the key
  const std::chrono::milliseconds lease_;
  const std::string session_;
  const Log log_;
  const Names names_;
  const RedisOptions redis_;
  std::unique_ptr<ReconnectingConnection> link_;  // while it runs
  std::uint64_t connection_ = 0;                  // the generation of the link
  TimePoint dropped_at_;                          // by us, if the link was
  std::uint64_t generation_ = 0;                  // of connections without an outage between them
  TimePoint connected_at_;                        // when it began
  TimePoint whole_look_at_;
  std::map<std::string, QueuePass> passes_;
  std::map<std::string, TimePoint> avoided_;  // queues that Redis refuses, and until when
  ReclaimReport report_;                      // of one look
};

}  // namespace wq::internal
