#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include <wq/clock.h>
#include <wq/queue.h>
#include <wq/worker.h>

#include "base/keys.h"
#include "base/printable.h"
#include "redis/reconnecting_connection.h"

namespace wq::internal {

/// Says in the log what a worker that holds nothing waits for: after two seconds, and again each
/// minute with how long it has waited, so that no wait is silent and a short one says nothing. Not
/// thread-safe.
class WaitNotice {
 public:
  /// All of these must outlive it.
  WaitNotice(const Keys& keys, ReconnectingConnection& link, const WorkerOptions& options);

  /// From now on names the queue: the worker has several.
  void name_queue() { prefix_ = "queue " + printable(keys_.queue()) + ": "; }

  /// What is waited for is any queue that matches.
  void name_group(const std::string& pattern) { group_ = printable(pattern); }

  /// The queue is empty, and this stage before it is not drained.
  void set_stage(const std::string& queue, const Counts& counts);
  void forget_stage() noexcept { stage_.clear(); }

  /// The counts as they are now. Waiting for another thing than before begins a new wait. Reads the
  /// producer from Redis before it logs; throws as `ReconnectingConnection::run`.
  void tell(const Counts& counts, TimePoint now, std::size_t ready_slots);
  /// The same while the connection waits for an item, so that Redis cannot be asked: of the counts
  /// that were read last, and without what Redis knows of the producer.
  void tell_at_rest(const Counts& counts, TimePoint now);
  void waits_no_more() noexcept { what_ = For::nothing; }

 private:
  enum class For {
    nothing,
    queue,     // to begin
    slots,     // to be ready
    resume,    // of a queue that is paused
    producer,  // which holds an empty queue open
    others,    // the last items, which others hold or which are not due
    stage,     // an earlier one, which may push more
  };

  [[nodiscard]] For what_is_waited_for(const Counts& counts, std::size_t ready_slots) const;
  [[nodiscard]] std::string text(const Counts& counts) const;
  [[nodiscard]] std::string about_producer() const;
  template <typename AboutProducer>
  void tell(const Counts& counts, TimePoint now, std::size_t ready_slots,
            AboutProducer about_producer);

  const Keys& keys_;
  ReconnectingConnection& link_;
  const WorkerOptions& options_;
  std::string prefix_;
  std::string group_;  // empty: a single queue
  std::string stage_;  // what is waited for there; empty: no stage
  For what_ = For::nothing;
  TimePoint since_;
  TimePoint next_;
};

}  // namespace wq::internal
