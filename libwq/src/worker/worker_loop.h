#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <wq/clock.h>
#include <wq/worker.h>

#include "base/keys.h"
#include "maintenance/elected_reclaimer.h"
#include "maintenance/heartbeat.h"
#include "maintenance/lease_renewer.h"
#include "queue/lease_stream.h"
#include "queue/limits.h"
#include "queue/torn_aof.h"
#include "redis/reconnecting_connection.h"
#include "worker/isolation.h"
#include "worker/slots.h"
#include "worker/wait_notice.h"

namespace wq::internal {

/// What a `Worker` holds: wires the roles together and owns their threads.
///
/// The thread that calls `run` has connection A: it leases and settles through a `LeaseStream` and
/// blocks on Redis only while it holds nothing. The renewer's thread has connection B, for renewals
/// and signs of life alone. The watch has none: it ends leases and handlers by our own clock, so
/// that no connection can delay that. The reclaimer's thread has a third while this worker is
/// elected.
class WorkerLoop {
 public:
  WorkerLoop(std::string queue, RedisOptions redis, WorkerOptions options, BatchHandler handler);
  ~WorkerLoop();
  WorkerLoop(const WorkerLoop&) = delete;
  WorkerLoop& operator=(const WorkerLoop&) = delete;

  WorkerReport run();
  void request_stop(std::chrono::milliseconds grace) noexcept;

  [[nodiscard]] WorkerFigures figures() const;
  [[nodiscard]] Counts counts() const;
  [[nodiscard]] std::chrono::milliseconds grace() const noexcept { return options_.grace; }
  [[nodiscard]] const std::string& session() const noexcept { return session_; }

 private:
  // The main thread.
  WorkerEnd work();
  std::optional<WorkerEnd> reason_to_end();
  bool post_if_useful();
  void post(std::vector<Settlement> settlements, std::size_t want);
  void absorb(LeaseStream::Answer answer);
  void take_in(std::vector<Lease> leased, TimePoint leased_at);
  bool mark_alone(const Lease& lease);
  void advance_isolation();
  void learn_limit_for(std::size_t bytes);
  void leave_what_is_too_long(std::vector<Lease>& leased);
  void count(const Settlement& settlement, Settled settled);
  std::size_t wanted();
  std::size_t ahead(const Slots::Load& load) const;
  std::size_t items_of_batch(const Slots::Load& load) const;
  std::size_t next_batches(const Slots::Load& load) const;
  [[nodiscard]] std::optional<WorkerEnd> wait_for_work();
  std::optional<WorkerEnd> look_at_queue();
  void meet_queue(const std::string& id);
  void tell_wait(TimePoint now, std::size_t ready_slots);
  [[nodiscard]] std::string producer_text();
  void settle_the_rest();
  void give_back() noexcept;

  // The other threads, and what they share with it.
  void start_threads();
  template <typename Body>
  std::jthread start(const char* who, Body body);
  void stop_threads() noexcept;
  void keep(const std::stop_token& stop);
  void watch(const std::stop_token& stop);
  void beat(Heartbeat& heartbeat);
  void leave(Heartbeat& heartbeat);
  void read_counts_again();
  void share(const Counts& counts);
  WorkerStatus status() const;
  void check_id(const std::string& known, const std::string& found, bool leased) const;
  void give_up(std::exception_ptr error) noexcept;
  void fail(const char* who) noexcept;
  void log(LogLevel level, std::string_view text) const;

  const Keys keys_;
  const WorkerOptions options_;
  const RedisOptions redis_;
  const std::string session_;
  std::stop_source abandon_;  // ends every wait for Redis

  // Of the main thread.
  ReconnectingConnection link_;
  LeaseStream stream_;
  WorkerReport report_;
  std::uint64_t leased_ = 0;
  std::uint64_t failures_in_a_row_ = 0;
  bool succeeded_ = false;
  bool giving_back_ = false;                 // what is leased from now on is released unrun
  bool isolating_ = false;                   // some of the items last leased have crashed before
  std::deque<std::size_t> wants_;            // of the requests that are not answered
  std::deque<std::size_t> longest_sent_;     // likewise, in bytes
  std::size_t longest_word_ = kLongestWord;  // that Redis takes
  std::uint64_t limit_of_ = 0;               // the generation of the link when that was asked
  std::exception_ptr refused_;               // an item that is longer
  std::vector<Settlement> to_release_;
  std::size_t ready_slots_ = 0;  // when it was last asked how much is wanted
  TimePoint dry_until_;          // nothing was ready: no use in asking before
  std::chrono::milliseconds dry_wait_{0};
  TimePoint started_at_;
  TimePoint idle_since_;

  // Shared.
  Slots slots_;
  AofMender renewer_mender_;
  ReconnectingConnection renewer_link_;
  LeaseRenewer renewer_;
  Isolation isolation_;  // of the main thread
  WaitNotice notice_;    // likewise
  ElectedReclaimer reclaimer_;
  std::atomic<std::uint64_t> completed_{0};
  std::atomic<std::uint64_t> failed_{0};
  std::atomic<std::uint64_t> released_{0};
  std::atomic<std::uint64_t> lost_{0};
  std::atomic<std::uint64_t> unknown_{0};
  std::atomic<std::uint64_t> holding_{0};  // leased, and the settlement not answered
  std::atomic<bool> stopping_{false};
  std::atomic<bool> failed_thread_{false};  // there is a fault_
  std::atomic<bool> drained_{false};
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable_any changed_;
  std::string queue_id_;               // written by the main thread
  Counts counts_;                      // that were read last, by any of our threads
  std::optional<TimePoint> leave_at_;  // when handlers are told to stop
  std::exception_ptr error_;           // of Redis, or what it holds: the first counts
  std::exception_ptr fault_;           // of one of our threads

  std::jthread renewer_thread_;
  std::jthread watch_thread_;
  std::jthread reclaimer_thread_;
};

}  // namespace wq::internal
